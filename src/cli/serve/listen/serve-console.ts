/** The web console of a server: its page, and the methods of the control socket with secrets withheld. */
import { Console, Effect, Layer } from "effect"
import { Secrets, withheldSecrets } from "../../../domain/Secrets.ts"
import { Instance } from "../../../rpc/Instance.ts"
import { allMethods, type RpcServices } from "../../../rpc/methods/all-methods.ts"
import { type RouterOptions, RpcRouter } from "../../../rpc/RpcRouter.ts"
import { failureOf } from "../../CliFailure.ts"
import type { ConsoleSettings } from "./console-flags.ts"
import { consoleUrl } from "./console-url.ts"
import { watchedRoutes } from "./serve-metrics.ts"

/** Serves until the scope closes, and prints the URL. */
export const serveConsole = (settings: ConsoleSettings, options: RouterOptions) =>
  Effect.gen(function* () {
    // Most servers have no console: they need not load it.
    const { ConsoleEndpoint } = yield* Effect.promise(() => import("../../../rpc/http/ConsoleEndpoint.ts"))
    const { consoleFiles } = yield* Effect.promise(() => import("./console-files.ts"))
    const instance = yield* Instance
    const services = yield* Effect.context<RpcServices | Instance>()
    const routes = yield* watchedRoutes(true)
    const secrets = Layer.effect(Secrets, Effect.map(Secrets, withheldSecrets))
    const layerAt = (port: number) =>
      ConsoleEndpoint.layer({ ...settings, port, files: consoleFiles, routes }).pipe(
        Layer.provideMerge(RpcRouter.layer(allMethods, options)),
        Layer.provide(secrets),
        Layer.provide(Layer.succeedContext(services))
      )
    const wanted = Layer.build(layerAt(settings.port))
    const other = settings.isPortWished ? Layer.build(layerAt(0)) : undefined
    const built = yield* (other === undefined ? wanted : Effect.catch(wanted, () => other)).pipe(
      Effect.mapError(failureOf)
    )
    const { url } = yield* Effect.provideContext(ConsoleEndpoint, built)
    const { allowsChanges, printsUrl, token, tokenFile } = settings
    instance.announceConsole({ url, token, allowsChanges })
    yield* Effect.logInfo(`web console on ${url}, ${allowsChanges ? "changes allowed" : "read-only"}`)
    if (tokenFile !== undefined) yield* Effect.logInfo(`the console's token is that of ${tokenFile}`)
    if (printsUrl) yield* Console.log(`web console: ${consoleUrl(url, token)}`)
  })
