/** Flags of the HTTP endpoint, and the settings that they make. */
import { join } from "node:path"
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { HttpEndpointOptions } from "../../../rpc/http/HttpEndpoint.ts"
import { CliFailure } from "../../CliFailure.ts"
import { boundedInt } from "../server-flags.ts"
import { type CertificateInput, certificateFlags, certificateOf } from "./certificate.ts"
import { isLoopback, type ListenAddress, listenFlag } from "./listen-address.ts"
import { tokenOf } from "./token-file.ts"

/** An endpoint as the command line has it. */
export interface HttpSettings extends HttpEndpointOptions {
  readonly tokenFile: string
}

/** Flags of `serve`. */
export const httpFlags = {
  http: listenFlag(
    "http",
    "Serve RPC over HTTP too: POST /rpc with a bearer token; 127.0.0.1 if only a port is given",
    8080
  ),
  httpTokenFile: Flag.String("http-token-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Token that callers send (default: http-token in the state directory, made if it is missing)"),
    Flag.optional
  ),
  ...certificateFlags,
  httpRate: boundedInt("http-rate", 1, 100_000).pipe(
    Flag.withDescription("Requests per second that are taken over HTTP (default 100)"),
    Flag.withDefault(100)
  )
}

/** What the flags gave. */
export interface HttpInput extends CertificateInput {
  readonly http: Option.Option<ListenAddress>
  readonly httpTokenFile: Option.Option<string>
  readonly httpRate: number
  readonly state: string
}

/**
 * What to serve; undefined without `--http`. The files are read, and a token made, when this runs: the state directory
 * must be there.
 */
export const httpSettingsOf = (input: HttpInput): Effect.Effect<HttpSettings | undefined, CliFailure> =>
  Effect.gen(function* () {
    const address = Option.getOrUndefined(input.http)
    if (address === undefined) return undefined
    const tls = yield* certificateOf(input)
    if (tls === undefined && !isLoopback(address.host)) return yield* inClear("http", address)
    const given = Option.getOrUndefined(input.httpTokenFile)
    const tokenFile = given ?? join(input.state, "http-token")
    const token = yield* tokenOf(tokenFile, given === undefined)
    return { ...address, ...(tls === undefined ? {} : { tls }), token, tokenFile, requestsPerSecond: input.httpRate }
  })

/** The refusal of an address that would have tokens on a network without TLS. */
export const inClear = (flag: string, { host, port }: ListenAddress): CliFailure =>
  new CliFailure({
    message:
      `--${flag} ${host}:${port} would send the token over the network in clear: ` +
      "give --http-cert and --http-key, or listen on 127.0.0.1 behind a proxy that has TLS"
  })
