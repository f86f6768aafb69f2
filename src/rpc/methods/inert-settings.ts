/**
 * `sock_*`, `iobuf_*`, `accel_*`, `keyring_*`, `vmd_*`, schedulers and the options of bdev modules that are not here:
 * taken, recorded, given back, without effect. Sockets, buffers and threads are Node's.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { findInertSetting, inertSettingsOf } from "../../domain/State.ts"
import { Int32, optional, Text, Uint32, Uint64 } from "../param.ts"
import { decodeFailed, errnoError, invalidParameters, type RpcError, rpcError, type WireError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod, runtime, startup } from "../RpcMethod.ts"
import {
  type Given,
  givenTo,
  type InertServices,
  inertMethod,
  inertOptional,
  inertRequired,
  inertValues,
  integerOf,
  recordInert,
  removeInert
} from "./inert.ts"
import {
  accelParams,
  bdevParams,
  iobufParams,
  iscsiInitiatorParams,
  nvmeParams,
  raidParams,
  schedulerParams,
  sockImplementations,
  sockParams
} from "./inert-defaults.ts"

const oneOf =
  (name: string, allowed: ReadonlyArray<string>, wire: WireError = invalidParameters) =>
  (given: Given): RpcError | undefined => {
    const value = String(given[name])
    if (allowed.includes(value)) return undefined
    return rpcError(wire, { reason: `there is no ${value}`, object: name, allowed: allowed.join(", ") })
  }

const refuseImplementation = oneOf("impl_name", sockImplementations)

const sockMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  defineMethodWithoutParams({
    name: "sock_get_default_impl",
    states: anyState,
    kind: "query",
    handler: () =>
      Effect.map(ControlPlane, ({ state }) => ({
        impl_name: givenTo(state(), "sock_set_default_impl")["impl_name"] ?? "posix"
      }))
  }),
  inertMethod({
    name: "sock_set_default_impl",
    states: startup,
    params: { impl_name: inertRequired(Text) },
    refuse: refuseImplementation
  }),
  inertMethod({
    name: "sock_impl_set_options",
    states: startup,
    params: { impl_name: inertRequired(Text), ...sockParams("posix") },
    objectParam: "impl_name",
    refuse: refuseImplementation
  }),
  defineMethod({
    name: "sock_impl_get_options",
    states: anyState,
    kind: "query",
    params: Schema.Struct({ impl_name: Text }),
    handler: ({ impl_name }) =>
      Effect.gen(function* () {
        const { state } = yield* ControlPlane
        const refused = refuseImplementation({ impl_name })
        if (refused !== undefined) return yield* refused
        return inertValues(state(), "sock_impl_set_options", sockParams(impl_name), impl_name)
      })
  })
]

const poolStats = { cache: 0, main: 0, retry: 0, cache_size: 0 }

const iobufMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  inertMethod({ name: "iobuf_set_options", states: startup, params: iobufParams }),
  defineMethodWithoutParams({
    name: "iobuf_get_stats",
    kind: "query",
    handler: () =>
      Effect.succeed(["accel", "bdev"].map((module) => ({ module, small_pool: poolStats, large_pool: poolStats })))
  })
]

const softwareOperations = [
  ...["copy", "fill", "dualcast", "compare", "crc32c", "copy_crc32c", "compress", "decompress", "encrypt"],
  ...["decrypt", "xor", "dif_verify", "dif_verify_copy", "dif_generate", "dif_generate_copy", "dix_generate"],
  "dix_verify"
]

/** What was assigned by `accel_assign_opc`, else `software`. */
const assignments = Effect.map(ControlPlane, ({ state }) =>
  Object.fromEntries(
    softwareOperations.map((operation) => [
      operation,
      givenTo(state(), "accel_assign_opc", operation)["module"] ?? "software"
    ])
  )
)

const accelMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  inertMethod({ name: "accel_set_options", states: startup, params: accelParams }),
  inertMethod({
    name: "accel_assign_opc",
    states: startup,
    params: { opname: inertRequired(Text), module: inertRequired(Text) },
    objectParam: "opname",
    refuse: oneOf("opname", softwareOperations)
  }),
  inertMethod({ name: "accel_set_driver", states: startup, params: { name: inertRequired(Text) } }),
  inertMethod({
    name: "accel_error_inject_error",
    params: {
      opcode: inertRequired(Text),
      type: inertRequired(Schema.Literals(["corrupt", "failure", "disable"])),
      count: inertOptional(Uint64),
      interval: inertOptional(Uint64),
      errcode: inertOptional(Int32)
    },
    undecodable: errnoError("EPERM"),
    objectParam: "opcode",
    refuse: oneOf("opcode", ["crc32c"], errnoError("EINVAL"))
  }),
  defineMethodWithoutParams({ name: "accel_get_opc_assignments", kind: "query", handler: () => assignments }),
  defineMethodWithoutParams({
    name: "accel_get_module_info",
    kind: "query",
    handler: () =>
      Effect.succeed([
        { module: "error", "supported ops": ["crc32c"] },
        { module: "software", "supported ops": softwareOperations }
      ])
  }),
  defineMethodWithoutParams({
    name: "accel_get_stats",
    kind: "query",
    handler: () =>
      Effect.succeed({
        sequence_executed: 0,
        sequence_failed: 0,
        operations: [],
        sequence_outstanding: 0,
        task_outstanding: 0
      })
  })
]

/** Switches; SPDK looks at no parameters here. */
const switches = (names: ReadonlyArray<string>) =>
  names.map(
    (name): RpcMethod<InertServices> => ({
      name,
      aliases: [],
      states: startup,
      kind: "change",
      run: (_, call) => recordInert(call, name, {})
    })
  )

/** There are no devices behind VMD here, whether it was enabled or not. */
const refuseWithoutVmd = Effect.gen(function* () {
  const { state } = yield* ControlPlane
  if (findInertSetting(state(), "vmd_enable", "") !== undefined) return
  const message = "VMD subsystem is disabled"
  return yield* rpcError({ code: -1, message }, { reason: message, hint: "vmd_enable in STARTUP enables it" })
})

const vmdMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  {
    name: "vmd_rescan",
    aliases: [],
    states: runtime,
    kind: "query",
    // SPDK looks at no parameters here.
    run: () => Effect.as(refuseWithoutVmd, { count: 0 })
  },
  defineMethod({
    name: "vmd_remove_device",
    kind: "query",
    params: Schema.Struct({ addr: Text }),
    handler: ({ addr }) =>
      Effect.andThen(
        refuseWithoutVmd,
        rpcError(errnoError("ENODEV"), { reason: `there is no device ${addr} behind VMD`, object: addr })
      )
  })
]

/** With one thread besides the one that is being started, as at SPDK's start. */
const refusePools = (given: Given): RpcError | undefined => {
  const pool = integerOf(given["bdev_io_pool_size"] ?? bdevParams["bdev_io_pool_size"]?.otherwise) ?? 0n
  const cache = integerOf(given["bdev_io_cache_size"] ?? bdevParams["bdev_io_cache_size"]?.otherwise) ?? 0n
  if (pool >= cache * 2n) return undefined
  const message = `Pool size ${pool} too small for cache size ${cache}`
  return rpcError({ code: -32602, message }, { reason: message, allowed: "at least twice the cache size" })
}

const bdevOptionMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  inertMethod({
    name: "bdev_set_options",
    aliases: ["set_bdev_options"],
    states: startup,
    params: bdevParams,
    paramsOptional: true,
    refuse: refusePools
  }),
  inertMethod({ name: "bdev_raid_set_options", states: anyState, params: raidParams, undecodable: decodeFailed }),
  inertMethod({
    name: "bdev_iscsi_set_options",
    aliases: ["set_bdev_iscsi_options"],
    states: anyState,
    params: iscsiInitiatorParams,
    undecodable: decodeFailed
  }),
  inertMethod({
    name: "bdev_nvme_set_options",
    aliases: ["set_bdev_nvme_options"],
    states: anyState,
    params: nvmeParams,
    undecodable: decodeFailed
  })
]

const keyMethod = "keyring_file_add_key"

const keyringMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  inertMethod({
    name: "keyring_linux_set_options",
    states: startup,
    params: { enable: inertOptional(Schema.Boolean) }
  }),
  inertMethod({
    name: keyMethod,
    states: runtime,
    params: { name: inertRequired(Text), path: inertRequired(Text) },
    objectParam: "name"
  }),
  defineMethod({
    name: "keyring_file_remove_key",
    kind: "change",
    params: Schema.Struct({ name: Text }),
    undecodable: { code: -32602, message: errnoError("EINVAL").message },
    handler: ({ name }, call) =>
      removeInert(call, keyMethod, name, ({ _tag }) => errnoError(_tag === "NotFound" ? "ENOENT" : "EINVAL"))
  }),
  defineMethodWithoutParams({
    name: "keyring_get_keys",
    kind: "query",
    handler: () =>
      Effect.map(ControlPlane, ({ state }) =>
        inertSettingsOf(state())
          .filter(({ method }) => method === keyMethod)
          .map(({ object }) => {
            const { path } = givenTo(state(), keyMethod, object)
            return { name: object, module: "keyring_file", removed: false, probed: false, refcnt: 0, path }
          })
      )
  })
]

/** The method that holds whether CPU cores are locked. */
const locksMethod = "framework_enable_cpumask_locks"

const lockMethod = (name: string, enabled: boolean) =>
  defineMethodWithoutParams<InertServices>({
    name,
    states: anyState,
    kind: "change",
    handler: (call) => recordInert(call, locksMethod, { enabled })
  })

/** Microseconds; what SPDK takes for a scheduler that has a period and was given none. */
const periodDefault = 1_000_000

const schedulerMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  inertMethod({
    name: "framework_set_scheduler",
    states: anyState,
    params: schedulerParams,
    refuse: oneOf("name", ["static", "dynamic", "gscheduler"], errnoError("EINVAL"))
  }),
  inertMethod({
    name: "scheduler_set_options",
    states: startup,
    params: { isolated_core_mask: inertOptional(Text), scheduling_core: inertOptional(Uint32) },
    paramsOptional: true
  }),
  defineMethodWithoutParams({
    name: "framework_get_scheduler",
    states: anyState,
    kind: "query",
    noParams: "'rpc_get_scheduler' requires no arguments",
    handler: () =>
      Effect.map(ControlPlane, ({ state }) => {
        const { name = "static", period } = givenTo(state(), "framework_set_scheduler")
        const options = givenTo(state(), "scheduler_set_options")
        return {
          scheduler_name: name,
          scheduler_period: period ?? (name === "static" ? 0 : periodDefault),
          isolated_core_mask: options["isolated_core_mask"] ?? "0",
          scheduling_core: options["scheduling_core"] ?? 0
        }
      })
  }),
  defineMethodWithoutParams({
    name: "framework_get_governor",
    kind: "query",
    noParams: "'rpc_get_governor' requires no arguments",
    handler: () => Effect.succeed({})
  }),
  lockMethod(locksMethod, true),
  lockMethod("framework_disable_cpumask_locks", false),
  defineMethod({
    name: "framework_monitor_context_switch",
    aliases: ["context_switch_monitor"],
    kind: "change",
    paramsOptional: true,
    params: Schema.Struct({ enabled: optional(Schema.Boolean) }),
    handler: ({ enabled }, call) =>
      Effect.gen(function* () {
        if (enabled !== undefined) yield* recordInert(call, call.method, { enabled })
        const { state } = yield* ControlPlane
        return { enabled: givenTo(state(), call.method)["enabled"] ?? false }
      })
  })
]

/** This file's methods. */
export const inertSettingMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  ...sockMethods,
  ...iobufMethods,
  ...accelMethods,
  ...switches(["vmd_enable", "ioat_scan_accel_module", "ae4dma_scan_accel_module"]),
  ...vmdMethods,
  ...bdevOptionMethods,
  ...keyringMethods,
  ...schedulerMethods
]
