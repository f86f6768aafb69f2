/**
 * A port for machines that watch: routes for metrics and health, all of them only read. On loopback it is asked under
 * loopback's names alone, so that no web page reads it; elsewhere probes and scrapers may call it what they like.
 */
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { HttpServerRequest } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import { digestOf, rateLimits } from "./access.ts"
import { isLoopbackName, refusalOfOrigin, withSafetyHeaders } from "./browser-safety.ts"
import { type HttpUnavailable, type ListenOptions, listen } from "./HttpListener.ts"
import { answerOf, type Route } from "./Site.ts"

const requestsPerSecond = 50

/** Where to serve, and what. */
export interface MetricsEndpointOptions extends ListenOptions {
  /** For the routes that need one. */
  readonly token?: Redacted.Redacted
  /** By path. */
  readonly routes: ReadonlyMap<string, Route>
}

/** Serves while its layer lives. */
export class MetricsEndpoint extends Context.Service<
  MetricsEndpoint,
  {
    /** Such as `http://127.0.0.1:9260`. */
    readonly url: string
  }
>()("lunlog/rpc/MetricsEndpoint") {
  static readonly layer = (options: MetricsEndpointOptions): Layer.Layer<MetricsEndpoint, HttpUnavailable> =>
    Layer.effect(MetricsEndpoint, serve(options)).pipe(Layer.provide(rateLimits()))
}

const serve = (
  options: MetricsEndpointOptions
): Effect.Effect<MetricsEndpoint["Service"], HttpUnavailable, RateLimiter.RateLimiter | Scope.Scope> =>
  Effect.gen(function* () {
    const answer = answerOf({
      findRoute: (path) => Effect.succeed(options.routes.get(path)),
      nothingHere: `there is nothing here; ask for ${[...options.routes.keys()].join(", ")}`,
      token: options.token === undefined ? undefined : digestOf(Redacted.value(options.token)),
      isClosed: false,
      requestsPerSecond
    })
    const own = isLoopbackName(options.host) ? { host: options.host, hostNames: [] } : undefined
    const respond = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const refused = own === undefined ? undefined : refusalOfOrigin(request, own)
      return withSafetyHeaders(refused ?? (yield* answer))
    })
    return MetricsEndpoint.of({ url: yield* listen(options, respond) })
  })
