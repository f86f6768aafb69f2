/**
 * `rpc_*`, `spdk_*` and `framework_*`: what there is, how far the start has come, and the end. Reference: SPDK 26.05.
 */
import { Effect, Schema } from "effect"
import { Instance } from "../Instance.ts"
import { optional } from "../param.ts"
import { errnoError, rpcError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod, startup } from "../RpcMethod.ts"

/** The release whose dialect is spoken; clients that look at the version decide by these numbers. */
const dialect = { major: 26, minor: 5, patch: 0, suffix: "" }

/** `current`: only what may be called now; `include_aliases`: also the names before v19.10. */
const rpcGetMethods = defineMethod({
  name: "rpc_get_methods",
  aliases: ["get_rpc_methods"],
  states: anyState,
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({ current: optional(Schema.Boolean), include_aliases: optional(Schema.Boolean) }),
  handler: (params, call) =>
    Effect.sync(() =>
      call.listMethods({ current: params.current ?? false, includeAliases: params.include_aliases ?? false })
    )
})

const spdkGetVersion = defineMethodWithoutParams({
  name: "spdk_get_version",
  aliases: ["get_spdk_version"],
  states: anyState,
  kind: "query",
  noParams: "spdk_get_version method requires no parameters",
  handler: () =>
    Effect.map(Instance, (instance) => ({
      version: `lunlog v${instance.version} (SPDK v26.05 dialect)`,
      fields: dialect
    }))
})

/**
 * SIGKILL is raised at once. SIGINT, SIGTERM, SIGQUIT and SIGHUP end the process in order. SIGUSR1, by which SPDK
 * dumps state and Node opens a debugger port, is refused.
 */
const spdkKillInstance = defineMethod({
  name: "spdk_kill_instance",
  aliases: ["kill_instance"],
  kind: "change",
  params: Schema.Struct({
    sig_name: Schema.Literals(["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1"])
  }),
  handler: ({ sig_name }, call) =>
    Effect.gen(function* () {
      const instance = yield* Instance
      if (sig_name === "SIGUSR1") {
        const reason = "SIGUSR1 would open a debugger"
        return yield* rpcError(errnoError("EINVAL"), { reason, allowed: "SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGKILL" })
      }
      if (sig_name === "SIGKILL") process.kill(process.pid, "SIGKILL")
      yield* instance.requestShutdown(`${call.method} ${sig_name}`)
      return true
    })
})

/** Answers when the target is up. If it does not come up, the answer says why and the process ends. */
const frameworkStartInit = defineMethodWithoutParams({
  name: "framework_start_init",
  aliases: ["start_subsystem_init"],
  states: startup,
  kind: "change",
  handler: () =>
    Effect.gen(function* () {
      const instance = yield* Instance
      yield* Effect.catch(instance.initialize, (error) =>
        Effect.andThen(
          instance.requestShutdown(error.message),
          rpcError({ code: -32603, message: "framework_initialization failed" }, { reason: error.message })
        )
      )
      return true
    })
})

/** SPDK looks at no parameters here. */
const frameworkWaitInit: RpcMethod<Instance> = {
  name: "framework_wait_init",
  aliases: ["wait_subsystem_init"],
  states: anyState,
  kind: "wait",
  run: () => Effect.flatMap(Instance, (instance) => Effect.as(instance.awaitRuntime, true))
}

/** This file's methods. */
export const frameworkMethods: ReadonlyArray<RpcMethod<Instance>> = [
  rpcGetMethods,
  spdkGetVersion,
  spdkKillInstance,
  frameworkStartInit,
  frameworkWaitInit
]
