/** Flags of the HTTP endpoint, and the settings that they make. */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { isIPv4, isIPv6 } from "node:net"
import { join } from "node:path"
import { Effect, Option, Redacted } from "effect"
import { Flag } from "effect/cli"
import type { HttpEndpointOptions } from "../../rpc/http/HttpEndpoint.ts"
import { CliFailure } from "../CliFailure.ts"
import { isMissing, isShared, writePrivateFile } from "./private-file.ts"
import { boundedInt } from "./server-flags.ts"

/** An endpoint as the command line has it. */
export interface HttpSettings extends HttpEndpointOptions {
  readonly tokenFile: string
}

interface Address {
  readonly host: string
  readonly port: number
}

const loopback = "127.0.0.1"
const tokenBytes = 32
const tokenLengthMin = 16

const parseAddress = (text: string): Address | undefined => {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/u.exec(text)
  const host = parts?.[1] ?? parts?.[2] ?? loopback
  const port = Number(parts?.[3] ?? Number.NaN)
  return port <= 65535 && (isIPv4(host) || isIPv6(host)) ? { host, port } : undefined
}

const isLoopback = (host: string): boolean => host === "::1" || host.startsWith("127.")

/** Flags of `serve`. */
export const httpFlags = {
  http: Flag.String("http").pipe(
    Flag.withMetavar("[ADDRESS:]PORT"),
    Flag.withDescription("Serve RPC over HTTP too: POST /rpc with a bearer token; 127.0.0.1 if only a port is given"),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parseAddress(text)),
      (text) => `"${text}" is no address; write 8080, 127.0.0.1:8080 or [::1]:8080`
    ),
    Flag.optional
  ),
  httpTokenFile: Flag.String("http-token-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Token that callers send (default: http-token in the state directory, made if it is missing)"),
    Flag.optional
  ),
  httpCert: Flag.String("http-cert").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Certificate chain in PEM, for HTTPS; needed for any address but loopback"),
    Flag.optional
  ),
  httpKey: Flag.String("http-key").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Private key of the certificate in PEM"),
    Flag.optional
  ),
  httpRate: boundedInt("http-rate", 1, 100_000).pipe(
    Flag.withDescription("Requests per second that are taken over HTTP (default 100)"),
    Flag.withDefault(100)
  )
}

/** What the flags gave. */
export interface HttpInput {
  readonly http: Option.Option<Address>
  readonly httpTokenFile: Option.Option<string>
  readonly httpCert: Option.Option<string>
  readonly httpKey: Option.Option<string>
  readonly httpRate: number
  readonly state: string
}

const failed = (message: string): CliFailure => new CliFailure({ message })

const read = (flag: string, path: string): Effect.Effect<string, CliFailure> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) => failed(`--${flag} ${path} cannot be read: ${error instanceof Error ? error.message : error}`)
  })

const tlsOf = (input: HttpInput, address: Address): Effect.Effect<Partial<HttpEndpointOptions>, CliFailure> =>
  Effect.gen(function* () {
    const cert = Option.getOrUndefined(input.httpCert)
    const key = Option.getOrUndefined(input.httpKey)
    if (cert !== undefined && key !== undefined) {
      return { tls: { cert: yield* read("http-cert", cert), key: yield* read("http-key", key) } }
    }
    if (cert !== undefined || key !== undefined) return yield* failed("--http-cert and --http-key go together")
    if (isLoopback(address.host)) return {}
    return yield* failed(
      `--http ${address.host}:${address.port} would send the token over the network in clear: ` +
        "give --http-cert and --http-key, or listen on 127.0.0.1 behind a proxy that has TLS"
    )
  })

const makeToken = async (path: string): Promise<string> => {
  const token = randomBytes(tokenBytes).toString("base64url")
  await writePrivateFile(path, `${token}\n`)
  return token
}

const tokenOf = (path: string, mayMake: boolean): Effect.Effect<Redacted.Redacted, CliFailure> =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({
      try: () =>
        readFile(path, "utf8").catch((error: unknown) => {
          if (mayMake && isMissing(error)) return makeToken(path)
          throw error
        }),
      catch: (error) =>
        failed(`the token file ${path} cannot be used: ${error instanceof Error ? error.message : error}`)
    })
    const token = text.trim()
    if (token.length < tokenLengthMin || /\s/u.test(token)) {
      const make = "head -c 32 /dev/urandom | base64 makes a good one"
      return yield* failed(`${path} holds no token of at least ${tokenLengthMin} characters without spaces; ${make}`)
    }
    if (yield* Effect.promise(() => isShared(path))) {
      yield* Effect.logWarning(`other users may read the token file ${path}: chmod 600 ${path}`)
    }
    return Redacted.make(token)
  })

/**
 * What to serve; undefined without `--http`. The files are read, and a token made, when this runs: the state directory
 * must be there.
 */
export const httpSettingsOf = (input: HttpInput): Effect.Effect<HttpSettings | undefined, CliFailure> =>
  Effect.gen(function* () {
    const address = Option.getOrUndefined(input.http)
    if (address === undefined) return undefined
    const tls = yield* tlsOf(input, address)
    const given = Option.getOrUndefined(input.httpTokenFile)
    const tokenFile = given ?? join(input.state, "http-token")
    const token = yield* tokenOf(tokenFile, given === undefined)
    return { ...address, ...tls, token, tokenFile, requestsPerSecond: input.httpRate }
  })
