/** What a server serves over HTTP. Only a server loads it: who reads flags need not know its methods. */
import { Effect } from "effect"
import type { RouterOptions } from "../../../rpc/RpcRouter.ts"
import type { Listeners } from "./listeners.ts"
import { serveConsole } from "./serve-console.ts"
import { serveHttp } from "./serve-http.ts"
import { serveMetrics } from "./serve-metrics.ts"

/** Serves what is wanted until the scope closes. */
export const serveListeners = (listeners: Listeners, options: RouterOptions) =>
  Effect.gen(function* () {
    if (listeners.http !== undefined) yield* serveHttp(listeners.http, options)
    if (listeners.metrics !== undefined) yield* serveMetrics(listeners.metrics)
    if (listeners.console !== undefined) yield* serveConsole(listeners.console, options)
  })
