/** The certificate of the target, for all of its HTTP servers: `--http-cert` and `--http-key`. */
import { readFile } from "node:fs/promises"
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { ListenOptions } from "../../../rpc/http/HttpListener.ts"
import { CliFailure } from "../../CliFailure.ts"

/** The two flags. */
export const certificateFlags = {
  httpCert: Flag.String("http-cert").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Certificate chain in PEM, for HTTPS; needed for any address but loopback"),
    Flag.optional
  ),
  httpKey: Flag.String("http-key").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Private key of the certificate in PEM"),
    Flag.optional
  )
}

/** What the flags gave. */
export interface CertificateInput {
  readonly httpCert: Option.Option<string>
  readonly httpKey: Option.Option<string>
}

const failed = (message: string): CliFailure => new CliFailure({ message })

const read = (flag: string, path: string): Effect.Effect<string, CliFailure> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) => failed(`--${flag} ${path} cannot be read: ${error instanceof Error ? error.message : error}`)
  })

/** The certificate with its key; undefined if none was given. */
export const certificateOf = (input: CertificateInput): Effect.Effect<ListenOptions["tls"], CliFailure> =>
  Effect.gen(function* () {
    const cert = Option.getOrUndefined(input.httpCert)
    const key = Option.getOrUndefined(input.httpKey)
    if (cert !== undefined && key !== undefined) {
      return { cert: yield* read("http-cert", cert), key: yield* read("http-key", key) }
    }
    if (cert !== undefined || key !== undefined) return yield* failed("--http-cert and --http-key go together")
    return undefined
  })
