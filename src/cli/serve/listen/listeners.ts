/** What a server serves over HTTP: RPC, the web console. */
import { Effect } from "effect"
import type { RouterOptions } from "../../../rpc/RpcRouter.ts"
import type { CliFailure } from "../../CliFailure.ts"
import { type ConsoleInput, type ConsoleSettings, consoleFlags, consoleSettingsOf } from "./console-flags.ts"
import { type HttpInput, type HttpSettings, httpFlags, httpSettingsOf } from "./http-flags.ts"
import { serveConsole } from "./serve-console.ts"
import { serveHttp } from "./serve-http.ts"

/** Flags of `serve`. */
export const listenerFlags = { ...httpFlags, ...consoleFlags }

/** Those that are wanted. */
export interface Listeners {
  readonly http?: HttpSettings | undefined
  readonly console?: ConsoleSettings | undefined
}

/** What the flags ask for. Files are read, and tokens made, when this runs: the state directory must be there. */
export const listenersOf = (input: HttpInput & ConsoleInput): Effect.Effect<Listeners, CliFailure> =>
  Effect.all({ http: httpSettingsOf(input), console: consoleSettingsOf(input) })

/** Serves them until the scope closes. */
export const serveListeners = (listeners: Listeners, options: RouterOptions) =>
  Effect.gen(function* () {
    if (listeners.http !== undefined) yield* serveHttp(listeners.http, options)
    if (listeners.console !== undefined) yield* serveConsole(listeners.console, options)
  })
