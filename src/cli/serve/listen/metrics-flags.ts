/** Flags of the port for metrics and health, and the settings that they make. */
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { MetricsEndpointOptions } from "../../../rpc/http/MetricsEndpoint.ts"
import { CliFailure } from "../../CliFailure.ts"
import { type CertificateInput, certificateOf } from "./certificate.ts"
import { isLoopback, type ListenAddress, listenFlag } from "./listen-address.ts"
import { tokenOf } from "./token-file.ts"

/** A port as the command line has it. */
export type MetricsSettings = Omit<MetricsEndpointOptions, "routes">

/** Flags of `serve`; the certificate is that of `--http`. */
export const metricsFlags = {
  metrics: listenFlag(
    "metrics",
    "Serve /metrics for Prometheus, /healthz and /readyz; 127.0.0.1 if only a port is given",
    9260
  ),
  metricsOpen: Flag.Boolean("metrics-open").pipe(
    Flag.withDescription("Also beyond loopback whoever reaches --metrics may read it, without TLS and token"),
    Flag.withDefault(false)
  ),
  metricsTokenFile: Flag.String("metrics-token-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Token that callers of /metrics send (default: none is needed on loopback)"),
    Flag.optional
  )
}

/** What the flags gave. */
export interface MetricsInput extends CertificateInput {
  readonly metrics: Option.Option<ListenAddress>
  readonly metricsOpen: boolean
  readonly metricsTokenFile: Option.Option<string>
}

const failed = (message: string): CliFailure => new CliFailure({ message })

/** What to serve; undefined without `--metrics`. Files are read when this runs. */
export const metricsSettingsOf = (input: MetricsInput): Effect.Effect<MetricsSettings | undefined, CliFailure> =>
  Effect.gen(function* () {
    const address = Option.getOrUndefined(input.metrics)
    if (address === undefined) return undefined
    const tokenFile = Option.getOrUndefined(input.metricsTokenFile)
    if (input.metricsOpen && tokenFile !== undefined) {
      return yield* failed("--metrics-open lets in whoever comes, so --metrics-token-file says nothing: leave one out")
    }
    const isLocal = isLoopback(address.host)
    const tls = isLocal || input.metricsOpen ? undefined : yield* certificateOf(input)
    if (!isLocal && !input.metricsOpen && (tls === undefined || tokenFile === undefined)) {
      return yield* failed(
        `--metrics ${address.host}:${address.port} would show the target's metrics to the network: ` +
          "give --metrics-token-file with --http-cert and --http-key, or --metrics-open if everybody there may see them"
      )
    }
    return {
      ...address,
      ...(tls === undefined ? {} : { tls }),
      ...(tokenFile === undefined ? {} : { token: yield* tokenOf(tokenFile, false) })
    }
  })
