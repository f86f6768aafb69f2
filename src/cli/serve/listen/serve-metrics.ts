/** The port of a server for metrics and health. */
import { Effect, Layer } from "effect"
import type { Instance } from "../../../rpc/Instance.ts"
import type { RpcServices } from "../../../rpc/methods/all-methods.ts"
import { failureOf } from "../../CliFailure.ts"
import type { MetricsSettings } from "./metrics-flags.ts"

/** `/metrics`, `/healthz` and `/readyz` of this server, by path. */
export const watchedRoutes = (needsToken: boolean) =>
  Effect.gen(function* () {
    const { healthRoutes } = yield* Effect.promise(() => import("../../../rpc/http/health-routes.ts"))
    const { metricsRoute } = yield* Effect.promise(() => import("../../../rpc/http/metrics-route.ts"))
    const { metricsText } = yield* Effect.promise(() => import("../../../rpc/metrics/metrics-text.ts"))
    const services = yield* Effect.context<RpcServices | Instance>()
    const metrics = yield* metricsRoute(Effect.provideContext(metricsText, services), needsToken)
    return new Map([...(yield* healthRoutes), ["/metrics", metrics] as const])
  })

/** Serves until the scope closes. */
export const serveMetrics = (settings: MetricsSettings) =>
  Effect.gen(function* () {
    const { MetricsEndpoint } = yield* Effect.promise(() => import("../../../rpc/http/MetricsEndpoint.ts"))
    const routes = yield* watchedRoutes(settings.token !== undefined)
    const built = yield* Effect.mapError(Layer.build(MetricsEndpoint.layer({ ...settings, routes })), failureOf)
    const { url } = yield* Effect.provideContext(MetricsEndpoint, built)
    yield* Effect.logInfo(`metrics and health on ${url}`)
  })
