/**
 * `trace_*`: lunlog writes no SPDK trace file, so masks are taken, given back, and without effect. `tpoint_shm_path` is
 * empty, because there is no such file to open.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { State } from "../../domain/State.ts"
import { Text, Uint64 } from "../param.ts"
import { invalidParameters, type RpcError, rpcError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcCall, type RpcMethod } from "../RpcMethod.ts"
import { givenTo, type InertServices, recordInert } from "./inert.ts"

interface TraceGroup {
  readonly name: string
  /** Number of its bit in the mask of groups. */
  readonly bit: number
  readonly points: ReadonlyArray<readonly [name: string, id: number]>
}

const numbered = (prefix: string, names: ReadonlyArray<string>) =>
  names.map((name, id) => [`${prefix}_${name}`, id] as const)

const queueing = ["IO_START", "IO_DONE"]

/** As SPDK 26.05's iscsi_tgt has them. */
const groups: ReadonlyArray<TraceGroup> = [
  {
    name: "iscsi_conn",
    bit: 1,
    points: [
      ["ISCSI_READ_DONE", 0],
      ["ISCSI_READ_PDU", 3],
      ["ISCSI_TASK_DONE", 4],
      ["ISCSI_TASK_QUEUE", 5],
      ["ISCSI_TASK_EXECUTED", 6],
      ["ISCSI_PDU_COMPLETED", 7]
    ]
  },
  { name: "scsi", bit: 2, points: numbered("SCSI", ["TASK_DONE", "TASK_START"]) },
  { name: "bdev", bit: 3, points: numbered("BDEV", [...queueing, "IOCH_CREATE", "IOCH_DESTROY"]) },
  { name: "thread", bit: 10, points: numbered("THREAD", ["IOCH_GET", "IOCH_PUT"]) },
  { name: "nvme_pcie", bit: 11, points: numbered("NVME_PCIE", ["SUBMIT", "COMPLETE"]) },
  { name: "nvme_tcp", bit: 13, points: numbered("NVME_TCP", ["SUBMIT", "COMPLETE"]) },
  { name: "bdev_nvme", bit: 14, points: numbered("BDEV_NVME", queueing) },
  { name: "sock", bit: 15, points: numbered("SOCK", ["REQ_QUEUE", "REQ_PEND", "REQ_COMPLETE"]) },
  { name: "blob", bit: 16, points: numbered("BLOB", ["REQ_SET_START", "REQ_SET_COMPLETE"]) },
  { name: "bdev_raid", bit: 17, points: numbered("BDEV_RAID", queueing) },
  {
    name: "scheduler",
    bit: 18,
    points: numbered("SCHEDULER", ["PERIOD_START", "CORE_STATS", "THREAD_STATS", "MOVE_THREAD"])
  }
]

/** The method under which masks are kept, one setting for each group. */
const maskMethod = "trace_set_tpoint_mask"
const allPoints = 2n ** 64n - 1n

const hex = (mask: bigint): string => `0x${mask.toString(16)}`

const maskOf = (state: State, group: string): bigint => {
  const text = givenTo(state, maskMethod, group)["tpoint_mask"]
  return typeof text === "string" && /^0x[0-9a-f]+$/.test(text) ? BigInt(text) : 0n
}

/** Sets the masks of one group, or of all. */
const changeMasks = (
  call: RpcCall,
  name: string,
  change: (mask: bigint) => bigint
): Effect.Effect<boolean, RpcError, InertServices> =>
  Effect.gen(function* () {
    const { state } = yield* ControlPlane
    const found = groups.filter((group) => name === "all" || group.name === name)
    if (found.length === 0) {
      const allowed = ["all", ...groups.map((group) => group.name)].join(", ")
      return yield* rpcError(invalidParameters, { reason: `there is no trace group ${name}`, object: "name", allowed })
    }
    for (const group of found) {
      const mask = change(maskOf(state(), group.name))
      yield* recordInert(call, maskMethod, { name: group.name, tpoint_mask: hex(mask) }, group.name)
    }
    return true
  })

const groupMethod = (name: string, aliases: ReadonlyArray<string>, change: (mask: bigint) => bigint) =>
  defineMethod({
    name,
    aliases,
    states: anyState,
    kind: "change",
    params: Schema.Struct({ name: Text }),
    handler: (params, call) => changeMasks(call, params.name, change)
  })

const maskMethodOf = (name: string, change: (mask: bigint, given: bigint) => bigint) =>
  defineMethod({
    name,
    states: anyState,
    kind: "change",
    params: Schema.Struct({ name: Text, tpoint_mask: Uint64 }),
    handler: (params, call) => changeMasks(call, params.name, (mask) => change(mask, params.tpoint_mask))
  })

const groupMask = (state: State): string =>
  hex(groups.reduce((mask, { bit, name }) => (maskOf(state, name) === 0n ? mask : mask | (1n << BigInt(bit))), 0n))

const bitOf = (group: TraceGroup): string => hex(1n << BigInt(group.bit))

const pointsView = (group: TraceGroup, mask: bigint) =>
  group.points.map(([name, id]) => ({ name, tpoint_id: id, enabled: (mask & (1n << BigInt(id))) !== 0n }))

const groupView = (state: State, group: TraceGroup) => {
  const mask = maskOf(state, group.name)
  return { enabled: mask !== 0n, mask: bitOf(group), tpoint_mask: hex(mask), tpoints: pointsView(group, mask) }
}

/** This file's methods. */
export const traceMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  groupMethod("trace_enable_tpoint_group", ["enable_tpoint_group"], () => allPoints),
  groupMethod("trace_disable_tpoint_group", ["disable_tpoint_group"], () => 0n),
  maskMethodOf(maskMethod, (mask, given) => mask | given),
  maskMethodOf("trace_clear_tpoint_mask", (mask, given) => mask & ~given),
  defineMethodWithoutParams({
    name: "trace_get_tpoint_group_mask",
    aliases: ["get_tpoint_group_mask"],
    states: anyState,
    kind: "query",
    handler: () =>
      Effect.map(ControlPlane, ({ state }) => ({
        tpoint_group_mask: groupMask(state()),
        ...Object.fromEntries(groups.map((group) => [group.name, groupView(state(), group)]))
      }))
  }),
  defineMethodWithoutParams({
    name: "trace_get_info",
    states: anyState,
    kind: "query",
    handler: () =>
      Effect.map(ControlPlane, ({ state }) => ({
        tpoint_shm_path: "",
        tpoint_group_mask: groupMask(state()),
        ...Object.fromEntries(
          groups.map((group) => [group.name, { mask: bitOf(group), tpoint_mask: hex(maskOf(state(), group.name)) }])
        )
      }))
  }),
  defineMethodWithoutParams({ name: "trace_clear", kind: "change", handler: () => Effect.succeed(true) })
]
