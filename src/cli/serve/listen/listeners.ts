/** What a server is asked to serve over HTTP: RPC, the web console, metrics and health. */
import { Effect } from "effect"
import type { CliFailure } from "../../CliFailure.ts"
import { type ConsoleInput, type ConsoleSettings, consoleFlags, consoleSettingsOf } from "./console-flags.ts"
import { type HttpInput, type HttpSettings, httpFlags, httpSettingsOf } from "./http-flags.ts"
import { type MetricsInput, type MetricsSettings, metricsFlags, metricsSettingsOf } from "./metrics-flags.ts"

/** Flags of `serve`. */
export const listenerFlags = { ...httpFlags, ...consoleFlags, ...metricsFlags }

/** Those that are wanted. */
export interface Listeners {
  readonly http?: HttpSettings | undefined
  readonly console?: ConsoleSettings | undefined
  readonly metrics?: MetricsSettings | undefined
}

/** What the flags ask for. Files are read, and tokens made, when this runs: the state directory must be there. */
export const listenersOf = (input: HttpInput & ConsoleInput & MetricsInput): Effect.Effect<Listeners, CliFailure> =>
  Effect.all({
    http: httpSettingsOf(input),
    console: consoleSettingsOf(input),
    metrics: metricsSettingsOf(input)
  })
