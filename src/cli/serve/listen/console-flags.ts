/** Flags of the web console, and the settings that they make. */
import { Effect, Option, Redacted } from "effect"
import { Flag } from "effect/cli"
import type { ConsoleEndpointOptions } from "../../../rpc/http/ConsoleEndpoint.ts"
import type { CliFailure } from "../../CliFailure.ts"
import { type CertificateInput, certificateOf } from "./certificate.ts"
import { inClear } from "./http-flags.ts"
import { isLoopback, type ListenAddress, listenFlag } from "./listen-address.ts"
import { newToken, tokenOf } from "./token-file.ts"

/** A console as the command line has it. */
export interface ConsoleSettings extends Omit<ConsoleEndpointOptions, "files" | "routes"> {
  /** Where the token is from; undefined if it was made for this start. */
  readonly tokenFile: string | undefined
  /** Takes any free port if the one that is wanted is taken. */
  readonly isPortWished?: boolean
  /** Says where it is on stdout, when it is there. */
  readonly printsUrl: boolean
}

/** A console with a token of its own, made now. */
export const newConsole = (address: ListenAddress, allowsChanges: boolean): ConsoleSettings => ({
  ...address,
  token: Redacted.make(newToken()),
  tokenFile: undefined,
  printsUrl: true,
  allowsChanges,
  hostNames: []
})

/** Flags of `serve`; the certificate is that of `--http`. */
export const consoleFlags = {
  console: listenFlag(
    "console",
    "Serve the web console, and print its URL with a token; 127.0.0.1 if only a port is given, 0 is any free port",
    8260
  ),
  consoleAllowChanges: Flag.Boolean("console-allow-changes").pipe(
    Flag.withDescription("The console may change the target (default: it only reads)"),
    Flag.withDefault(false)
  ),
  consoleTokenFile: Flag.String("console-token-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Token of the console (default: a new one at each start)"),
    Flag.optional
  ),
  consoleHost: Flag.String("console-host").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Another name that browsers may know the console by, behind a proxy or in DNS; repeatable"),
    Flag.filter(
      (name) => /^[a-z0-9.-]{1,253}$/iu.test(name),
      (name) => `"${name}" is no host name; write it without scheme and port`
    ),
    Flag.atLeast(0)
  )
}

/** What the flags gave. */
export interface ConsoleInput extends CertificateInput {
  readonly console: Option.Option<ListenAddress>
  readonly consoleAllowChanges: boolean
  readonly consoleTokenFile: Option.Option<string>
  readonly consoleHost: ReadonlyArray<string>
}

/** What to serve; undefined without `--console`. Files are read when this runs. */
export const consoleSettingsOf = (input: ConsoleInput): Effect.Effect<ConsoleSettings | undefined, CliFailure> =>
  Effect.gen(function* () {
    const address = Option.getOrUndefined(input.console)
    if (address === undefined) return undefined
    const isLocal = isLoopback(address.host)
    // A certificate has the machine's name: on loopback, where it is not needed, browsers would refuse it.
    const tls = isLocal ? undefined : yield* certificateOf(input)
    if (tls === undefined && !isLocal) return yield* inClear("console", address)
    const tokenFile = Option.getOrUndefined(input.consoleTokenFile)
    const token =
      tokenFile === undefined ? {} : { token: yield* tokenOf(tokenFile, false), tokenFile, printsUrl: false }
    return {
      ...newConsole(address, input.consoleAllowChanges),
      ...(tls === undefined ? {} : { tls }),
      ...token,
      hostNames: input.consoleHost
    }
  })
