/**
 * The web console's server: the page and its files without a token, for there is nothing secret in them, and
 * `POST /rpc` with the console's own token, as on `--http`. Methods that change something are refused unless the
 * console may. Other routes (metrics, health) are given to it.
 *
 * Statuses: as of `HttpEndpoint`, and 304 for files that a browser has, 421 for a foreign name in Host, 403 for a
 * foreign Origin.
 */
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { HttpServerRequest } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import type { RpcCaller } from "../RpcMethod.ts"
import type { RpcRouter } from "../RpcRouter.ts"
import { digestOf, rateLimits } from "./access.ts"
import { refusalOfOrigin, withSafetyHeaders } from "./browser-safety.ts"
import { type ConsoleFiles, type ConsoleFilesMissing, consoleFileRoutes } from "./ConsoleFiles.ts"
import { type HttpUnavailable, type ListenOptions, listen } from "./HttpListener.ts"
import { makeRpcRoute } from "./rpc-route.ts"
import { answerOf, type Route } from "./Site.ts"

/** Many tabs: each asks about two times a second, and has one request that waits for news of the log. */
const requestsPerSecond = 200

/** Where to serve, to whom, and what. */
export interface ConsoleEndpointOptions extends ListenOptions {
  readonly token: Redacted.Redacted
  readonly allowsChanges: boolean
  /** Names of the console in browsers beside its address. */
  readonly hostNames: ReadonlyArray<string>
  /** Asked for when the page is first opened. */
  readonly files: Effect.Effect<ConsoleFiles, ConsoleFilesMissing>
  /** Beside the files and `/rpc`, by path. */
  readonly routes: ReadonlyMap<string, Route>
}

/** Serves while its layer lives. */
export class ConsoleEndpoint extends Context.Service<
  ConsoleEndpoint,
  {
    /** Such as `http://127.0.0.1:8260/`. */
    readonly url: string
  }
>()("lunlog/rpc/ConsoleEndpoint") {
  static readonly layer = (options: ConsoleEndpointOptions): Layer.Layer<ConsoleEndpoint, HttpUnavailable, RpcRouter> =>
    Layer.effect(ConsoleEndpoint, serve(options)).pipe(Layer.provide(rateLimits()))
}

const changesHint = "start the target with --console-allow-changes, or use lunlog on its machine"

const callerAt = (allowsChanges: boolean, address: string): RpcCaller => ({
  source: "rpc",
  actor: `console ${address}`,
  isRemote: true,
  ...(allowsChanges ? {} : { onlyReads: { hint: changesHint } })
})

const serve = (
  options: ConsoleEndpointOptions
): Effect.Effect<ConsoleEndpoint["Service"], HttpUnavailable, RpcRouter | RateLimiter.RateLimiter | Scope.Scope> =>
  Effect.gen(function* () {
    const rpc = yield* makeRpcRoute((from) => callerAt(options.allowsChanges, from))
    const fileOf = yield* consoleFileRoutes(options.files)
    const rpcRoute: Route = { methods: ["POST"], needsToken: true, respond: rpc.respond }
    const routes = new Map([...options.routes, ["/rpc", rpcRoute]])
    const answer = answerOf({
      findRoute: (path) => {
        const route = routes.get(path)
        return route === undefined ? fileOf(path) : Effect.succeed(route)
      },
      nothingHere: "there is nothing here; the console is at /",
      token: digestOf(Redacted.value(options.token)),
      isClosed: false,
      requestsPerSecond
    })
    const respond = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      return withSafetyHeaders(refusalOfOrigin(request, options) ?? (yield* answer))
    })
    return ConsoleEndpoint.of({ url: `${yield* listen(options, respond, rpc.endWaits)}/` })
  })
