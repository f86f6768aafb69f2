/**
 * `iscsi_set_options`, `iscsi_get_options`, connections, and `scsi_get_devices`.
 *
 * Stricter than SPDK: an option out of range is refused here with its limits, where SPDK takes it and fails the start
 * later.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { type ConnectionInfo, DataPlane } from "../../domain/DataPlane.ts"
import { defaultIscsiOptions, type IscsiOptions } from "../../domain/options/IscsiOptions.ts"
import { activeTargetsOf } from "../../domain/State.ts"
import { Instance } from "../Instance.ts"
import { Int32, optional, Text, Uint32 } from "../param.ts"
import { refuseWithInvalidParameters, rpcError } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod, startup } from "../RpcMethod.ts"
import { authOf, authParams, authView } from "./auth-params.ts"
import { dispatch } from "./dispatch.ts"

const optionParams = Schema.Struct({
  auth_file: optional(Text),
  node_base: optional(Text),
  nop_timeout: optional(Int32),
  nop_in_interval: optional(Int32),
  ...authParams,
  max_sessions: optional(Uint32),
  max_queue_depth: optional(Uint32),
  max_connections_per_session: optional(Uint32),
  default_time2wait: optional(Uint32),
  default_time2retain: optional(Uint32),
  first_burst_length: optional(Uint32),
  immediate_data: optional(Schema.Boolean),
  error_recovery_level: optional(Uint32),
  allow_duplicated_isid: optional(Schema.Boolean),
  max_large_datain_per_connection: optional(Uint32),
  max_r2t_per_connection: optional(Uint32),
  pdu_pool_size: optional(Uint32),
  immediate_data_pool_size: optional(Uint32),
  data_out_pool_size: optional(Uint32)
})

/** What is left out is the default, whatever was set in an earlier life. */
const optionsOf = (params: typeof optionParams.Type): IscsiOptions => {
  const otherwise = defaultIscsiOptions
  return {
    ...(params.auth_file === undefined ? {} : { authFile: params.auth_file }),
    nodeBase: params.node_base ?? otherwise.nodeBase,
    nopTimeout: params.nop_timeout ?? otherwise.nopTimeout,
    nopInInterval: params.nop_in_interval ?? otherwise.nopInInterval,
    auth: authOf(params),
    maxSessions: params.max_sessions ?? otherwise.maxSessions,
    maxQueueDepth: params.max_queue_depth ?? otherwise.maxQueueDepth,
    maxConnectionsPerSession: params.max_connections_per_session ?? otherwise.maxConnectionsPerSession,
    defaultTime2Wait: params.default_time2wait ?? otherwise.defaultTime2Wait,
    defaultTime2Retain: params.default_time2retain ?? otherwise.defaultTime2Retain,
    firstBurstLength: params.first_burst_length ?? otherwise.firstBurstLength,
    immediateData: params.immediate_data ?? otherwise.immediateData,
    errorRecoveryLevel: params.error_recovery_level ?? otherwise.errorRecoveryLevel,
    allowDuplicatedIsid: params.allow_duplicated_isid ?? otherwise.allowDuplicatedIsid,
    maxLargeDataInPerConnection: params.max_large_datain_per_connection ?? otherwise.maxLargeDataInPerConnection,
    maxR2tPerConnection: params.max_r2t_per_connection ?? otherwise.maxR2tPerConnection,
    pduPoolSize: params.pdu_pool_size ?? otherwise.pduPoolSize,
    immediateDataPoolSize: params.immediate_data_pool_size ?? otherwise.immediateDataPoolSize,
    dataOutPoolSize: params.data_out_pool_size ?? otherwise.dataOutPoolSize
  }
}

/** In SPDK's order. */
export const optionsView = (options: IscsiOptions) => {
  const { chap_group, disable_chap, mutual_chap, require_chap } = authView(options.auth)
  return {
    auth_file: options.authFile,
    node_base: options.nodeBase,
    max_sessions: options.maxSessions,
    max_connections_per_session: options.maxConnectionsPerSession,
    max_queue_depth: options.maxQueueDepth,
    default_time2wait: options.defaultTime2Wait,
    default_time2retain: options.defaultTime2Retain,
    first_burst_length: options.firstBurstLength,
    immediate_data: options.immediateData,
    allow_duplicated_isid: options.allowDuplicatedIsid,
    error_recovery_level: options.errorRecoveryLevel,
    nop_timeout: options.nopTimeout,
    nop_in_interval: options.nopInInterval,
    disable_chap,
    require_chap,
    mutual_chap,
    chap_group,
    max_large_datain_per_connection: options.maxLargeDataInPerConnection,
    max_r2t_per_connection: options.maxR2tPerConnection,
    pdu_pool_size: options.pduPoolSize,
    immediate_data_pool_size: options.immediateDataPoolSize,
    data_out_pool_size: options.dataOutPoolSize
  }
}

/**
 * Taken, kept and given back, but without effect: a session has recovery level 0, and buffers are bounded by the data
 * plane's own limits.
 */
const inertOptionNames: ReadonlySet<string> = new Set([
  "error_recovery_level",
  "max_large_datain_per_connection",
  "max_r2t_per_connection",
  "pdu_pool_size",
  "immediate_data_pool_size",
  "data_out_pool_size"
])

/** Those that are set to something else than the default, for `lunlog_status`. */
export const inertOptionsOf = (options: IscsiOptions): ReadonlyArray<readonly [name: string, value: unknown]> => {
  const defaults = new Map<string, unknown>(Object.entries(optionsView(defaultIscsiOptions)))
  return Object.entries(optionsView(options)).filter(
    ([name, value]) => inertOptionNames.has(name) && value !== undefined && value !== defaults.get(name)
  )
}

/** Once per process, before the start. A refused call does not count. */
const iscsiSetOptions = defineMethod({
  name: "iscsi_set_options",
  aliases: ["set_iscsi_options"],
  states: startup,
  kind: "change",
  paramsOptional: true,
  params: optionParams,
  handler: (params, call) =>
    Effect.gen(function* () {
      const instance = yield* Instance
      if (!instance.claim(call.method)) {
        const reason = "the options have been set since this process started"
        const hint = "give all options in one call; what a call leaves out is the default"
        return yield* rpcError({ code: -32603, message: "Must not call more than once" }, { reason, hint })
      }
      const command = { _tag: "SetIscsiOptions" as const, options: optionsOf(params) }
      yield* Effect.tapError(dispatch(call, command, refuseWithInvalidParameters), () =>
        Effect.sync(() => instance.unclaim(call.method))
      )
      return true
    })
})

const iscsiGetOptions = defineMethodWithoutParams({
  name: "iscsi_get_options",
  aliases: ["get_iscsi_global_params"],
  kind: "query",
  handler: () => Effect.map(ControlPlane, ({ state }) => optionsView(state().options))
})

/** `target_node_name` is what follows the first `:`, as in SPDK. */
const connectionView = (connection: ConnectionInfo) => ({
  id: connection.id,
  cid: connection.cid,
  tsih: connection.tsih,
  state: connection.state,
  login_phase: connection.loginPhase,
  initiator_addr: connection.initiatorAddress,
  target_addr: connection.targetAddress,
  target_node_name: connection.targetName.slice(connection.targetName.indexOf(":") + 1),
  thread_name: connection.threadName
})

const iscsiGetConnections = defineMethodWithoutParams({
  name: "iscsi_get_connections",
  aliases: ["get_iscsi_connections"],
  kind: "query",
  handler: () =>
    Effect.map(
      Effect.flatMap(DataPlane, ({ connections }) => connections),
      (connections) => connections.map(connectionView)
    )
})

/** Connections by state. */
const iscsiGetStats = defineMethodWithoutParams({
  name: "iscsi_get_stats",
  kind: "query",
  handler: () =>
    Effect.gen(function* () {
      const dataPlane = yield* DataPlane
      const counts = { invalid: 0, running: 0, exiting: 0, exited: 0 }
      for (const { state } of yield* dataPlane.connections) counts[state]++
      return counts
    })
})

/** One SCSI device per target, numbered in creation order. */
const scsiGetDevices = defineMethodWithoutParams({
  name: "scsi_get_devices",
  aliases: ["get_scsi_devices"],
  kind: "query",
  handler: () =>
    Effect.map(ControlPlane, ({ state }) =>
      activeTargetsOf(state()).map((target, id) => ({ id, device_name: target.name }))
    )
})

/** This file's methods. */
export const iscsiMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane | Instance>> = [
  iscsiSetOptions,
  iscsiGetOptions,
  iscsiGetConnections,
  iscsiGetStats,
  scsiGetDevices
]
