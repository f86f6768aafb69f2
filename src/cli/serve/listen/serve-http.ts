/** The HTTP endpoint of a server: the same methods as on the control socket, with secrets withheld. */
import { Effect, Layer } from "effect"
import { Secrets, withheldSecrets } from "../../../domain/Secrets.ts"
import type { Instance } from "../../../rpc/Instance.ts"
import { allMethods, type RpcServices } from "../../../rpc/methods/all-methods.ts"
import { type RouterOptions, RpcRouter } from "../../../rpc/RpcRouter.ts"
import { failureOf } from "../../CliFailure.ts"
import type { HttpSettings } from "./http-flags.ts"

/** Serves until the scope closes. */
export const serveHttp = (settings: HttpSettings, options: RouterOptions) =>
  Effect.gen(function* () {
    // Most servers have no HTTP: they need not load it.
    const { HttpEndpoint } = yield* Effect.promise(() => import("../../../rpc/http/HttpEndpoint.ts"))
    const services = yield* Effect.context<RpcServices | Instance>()
    const secrets = Layer.effect(Secrets, Effect.map(Secrets, withheldSecrets))
    const endpoint = HttpEndpoint.layer(settings).pipe(
      Layer.provideMerge(RpcRouter.layer(allMethods, options)),
      Layer.provide(secrets),
      Layer.provide(Layer.succeedContext(services))
    )
    const built = yield* Effect.mapError(Layer.build(endpoint), failureOf)
    const { url } = yield* Effect.provideContext(HttpEndpoint, built)
    yield* Effect.logInfo(`RPC over HTTP on ${url}, with the token in ${settings.tokenFile}`)
  })
