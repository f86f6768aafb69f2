/**
 * The control plane over HTTP, for clients that cannot reach the control socket: `POST /rpc` with a bearer token, one
 * JSON-RPC request or batch as the body, its answer as the response. It takes the place of SPDK's rpc_http_proxy.
 *
 * Bounds: a body is one message (256 KiB, within 30 s), 64 requests run at a time, calls per second are limited, and
 * wrong tokens more so. A client that goes away ends its query, never a change. Secrets are not shown
 * (`withheldSecrets`).
 *
 * Statuses: 200 with an answer, also a JSON-RPC error; 204 if none is due; 400 no JSON, 401, 404, 405, 413, 429, 503,
 * each with a JSON-RPC error whose `data.reason` says why.
 */
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import type { RateLimiter } from "effect/persistence"
import type { RpcRouter } from "../RpcRouter.ts"
import { digestOf, rateLimits } from "./access.ts"
import { type HttpUnavailable, type ListenOptions, listen } from "./HttpListener.ts"
import { makeRpcRoute } from "./rpc-route.ts"
import { answerOf, type Route, type Site } from "./Site.ts"

/** Where to serve and who may call. */
export interface HttpEndpointOptions extends ListenOptions {
  readonly token: Redacted.Redacted
  readonly requestsPerSecond: number
}

/** Serves while its layer lives. */
export class HttpEndpoint extends Context.Service<
  HttpEndpoint,
  {
    /** Such as `http://127.0.0.1:8080/rpc`. */
    readonly url: string
  }
>()("lunlog/rpc/HttpEndpoint") {
  static readonly layer = (options: HttpEndpointOptions): Layer.Layer<HttpEndpoint, HttpUnavailable, RpcRouter> =>
    Layer.effect(HttpEndpoint, serve(options)).pipe(Layer.provide(rateLimits()))
}

const serve = (
  options: HttpEndpointOptions
): Effect.Effect<HttpEndpoint["Service"], HttpUnavailable, RpcRouter | RateLimiter.RateLimiter | Scope.Scope> =>
  Effect.gen(function* () {
    const rpc = yield* makeRpcRoute((from) => ({ source: "rpc", actor: `http ${from}`, isRemote: true }))
    const route: Route = { methods: ["POST"], needsToken: true, respond: rpc.respond }
    const site: Site = {
      findRoute: (path) => Effect.succeed(path === "/rpc" ? route : undefined),
      nothingHere: "there is nothing here; POST to /rpc",
      token: digestOf(Redacted.value(options.token)),
      isClosed: true,
      requestsPerSecond: options.requestsPerSecond
    }
    return HttpEndpoint.of({ url: `${yield* listen(options, answerOf(site), rpc.endWaits)}/rpc` })
  })
