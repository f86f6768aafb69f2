/**
 * `bdev_malloc_*`, `bdev_null_*`, `bdev_delay_*` and `bdev_get_bdevs`.
 *
 * Parameters that SPDK has and lunlog has not (metadata, protection information, preferred alignments) are taken with
 * their defaults, which new rpc.py always sends, and refused with -22 otherwise: a disk without them would not be what
 * was asked for. `numa_id` is taken and has no effect: it asks for a place, not for a property.
 */
import { resolve } from "node:path"
import { Effect, Schema } from "effect"
import type { Bdev } from "../../../domain/bdev/Bdev.ts"
import { type BdevKind, type BdevRequest, removableKey } from "../../../domain/bdev/BdevSpec.ts"
import { resolveBdev } from "../../../domain/bdev/bdev-decide.ts"
import { resolveDetachedBdev } from "../../../domain/bdev/bdev-detached-decide.ts"
import { type Committed, ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { activeBdevsOf, findBdev, type State } from "../../../domain/State.ts"
import type { Instance } from "../../Instance.ts"
import { Int32, optional, Text, Uint32, Uint64, UuidText } from "../../param.ts"
import {
  decodeFailed,
  errnoError,
  type Refusal,
  type RpcError,
  refuseWithErrno,
  rpcError,
  type WireError
} from "../../RpcError.ts"
import { defineMethod, type RpcCall, type RpcMethod } from "../../RpcMethod.ts"
import { awaitGone, dispatch, dispatchWithLease, eventOf } from "../dispatch.ts"
import { bdevView, declaredBdevViews } from "./bdev-view.ts"

const mebibyte = 1024 * 1024

/** What methods of this family need. */
export type BdevServices = ControlPlane | DataPlane | Instance

/** Creates the bdev and gives its name; used by all create methods. */
export const createBdev = (
  call: RpcCall,
  request: { readonly name?: string; readonly uuid?: string; readonly bdev: BdevRequest }
): Effect.Effect<string, RpcError, ControlPlane | DataPlane> =>
  Effect.gen(function* () {
    const dataPlane = yield* DataPlane
    const acquire = dataPlane.acquireBdev(request.name ?? `a new ${request.bdev._tag.toLowerCase()} bdev`, request.bdev)
    const command = { _tag: "CreateBdev" as const, ...request }
    const committed = yield* dispatchWithLease(call, acquire, command, refuseWithErrno)
    return eventOf(committed, "BdevCreated")?.name ?? request.name ?? ""
  })

/** Answers when every LUN on it has drained and the device is closed. By name or UUID. */
export const deleteBdev = (
  call: RpcCall,
  name: string,
  kind: BdevKind
): Effect.Effect<boolean, RpcError, BdevServices> =>
  Effect.gen(function* () {
    yield* awaitBdevRemoval(yield* dispatch(call, { _tag: "DeleteBdev", name, kind }, refuseWithErrno))
    return true
  })

/** Waits for the end of a removal that `committed` has begun, if there is one. What is stacked goes before. */
export const awaitBdevRemoval = (committed: Committed): Effect.Effect<void, RpcError, BdevServices> =>
  Effect.gen(function* () {
    const bdev = eventOf(committed, "BdevRemovalStarted") ?? eventOf(committed, "BdevRemoved")
    if (bdev !== undefined) yield* awaitRemoved(bdev)
  })

/** Waits for the end of all removals of bdevs that `committed` has begun. */
export const awaitBdevRemovals = ({ events }: Committed): Effect.Effect<void, RpcError, BdevServices> =>
  Effect.forEach(
    events.filter((event) => event._tag === "BdevRemovalStarted"),
    awaitRemoved,
    { concurrency: "unbounded", discard: true }
  )

const awaitRemoved = (bdev: Pick<Bdev, "incarnation" | "name">): Effect.Effect<void, RpcError, BdevServices> =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const dataPlane = yield* DataPlane
    const isRemoved = (state: State) => findBdev(state, bdev.name)?.incarnation !== bdev.incarnation
    const gone = Effect.andThen(
      controlPlane.awaitState(isRemoved),
      dataPlane.awaitBdevGone(bdev.name, bdev.incarnation)
    )
    yield* awaitGone(`bdev ${bdev.name}`, gone)
  })

/** `bdev_*_delete {name}`, which only deletes bdevs of its kind. */
export const deleteMethod = (
  name: string,
  aliases: ReadonlyArray<string>,
  kind: BdevKind,
  undecodable = decodeFailed
): RpcMethod<BdevServices> =>
  defineMethod({
    name,
    aliases,
    kind: "change",
    undecodable,
    params: Schema.Struct({ name: Text }),
    handler: (params, call) => deleteBdev(call, params.name, kind)
  })

/** lunlog's own: initiators can eject the medium. Creation methods of disks that are not stacked have it. */
export const removableParam = { removable: optional(Schema.Boolean) }

/** Metadata and protection information. */
const metadataParams = {
  md_size: optional(Uint32),
  dif_type: optional(Int32),
  dif_is_head_of_md: optional(Schema.Boolean),
  dif_pi_format: optional(Uint32)
}

/** Fails if one of these differs from what lunlog's bdevs have. */
const refuseUnsupported = (
  given: Readonly<Record<string, number | boolean | undefined>>
): Effect.Effect<void, RpcError> => {
  const found = Object.entries(given).find(([, value]) => value !== undefined && value !== 0 && value !== false)
  if (found === undefined) return Effect.void
  const [name, value] = found
  const reason = `${name} is ${value}, and bdevs here have no such thing`
  return Effect.fail(
    rpcError(errnoError("EINVAL"), { reason, object: name, allowed: "0 or false", hint: "leave it out" })
  )
}

const bdevMallocCreate = defineMethod({
  name: "bdev_malloc_create",
  aliases: ["construct_malloc_bdev"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    name: optional(Text),
    uuid: optional(UuidText),
    num_blocks: Uint64,
    block_size: Uint32,
    physical_block_size: optional(Uint32),
    optimal_io_boundary: optional(Uint32),
    file: optional(Text),
    md_interleave: optional(Schema.Boolean),
    numa_id: optional(Int32),
    ...removableParam,
    ...metadataParams
  }),
  handler: (
    {
      name,
      uuid,
      num_blocks,
      block_size,
      physical_block_size,
      optimal_io_boundary,
      file,
      numa_id: _,
      removable,
      ...rest
    },
    call
  ) =>
    Effect.andThen(
      refuseUnsupported(rest),
      createBdev(call, {
        ...(name === undefined ? {} : { name }),
        ...(uuid === undefined ? {} : { uuid }),
        bdev: {
          _tag: "Malloc",
          blockCount: Number(num_blocks),
          blockSize: block_size,
          physicalBlockSize: physical_block_size ?? 0,
          optimalIoBoundary: optimal_io_boundary ?? 0,
          ...removableKey({ removable }),
          ...(file === undefined ? {} : { filename: file === "" ? "" : resolve(file) })
        }
      })
    )
})

const bdevNullCreate = defineMethod({
  name: "bdev_null_create",
  aliases: ["construct_null_bdev"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    name: Text,
    uuid: optional(UuidText),
    num_blocks: Uint64,
    block_size: Uint32,
    physical_block_size: optional(Uint32),
    ...removableParam,
    ...metadataParams,
    preferred_write_alignment: optional(Uint32),
    preferred_write_granularity: optional(Uint32),
    optimal_write_size: optional(Uint32),
    preferred_unmap_alignment: optional(Uint32),
    preferred_unmap_granularity: optional(Uint32)
  }),
  handler: ({ name, uuid, num_blocks, block_size, physical_block_size, removable, ...rest }, call) =>
    Effect.andThen(
      refuseUnsupported(rest),
      createBdev(call, {
        name,
        ...(uuid === undefined ? {} : { uuid }),
        bdev: {
          _tag: "Null",
          blockCount: Number(num_blocks),
          blockSize: block_size,
          physicalBlockSize: physical_block_size ?? 0,
          ...removableKey({ removable })
        }
      })
    )
})

/** `new_size` in MiB, rounded down to whole blocks. Sessions are told; none has to log in again. */
const bdevNullResize = defineMethod({
  name: "bdev_null_resize",
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({ name: Text, new_size: Uint64 }),
  handler: ({ name, new_size }, call) => {
    const command = { _tag: "ResizeNullBdev" as const, name, byteLength: Number(new_size) * mebibyte }
    return Effect.as(dispatch(call, command, refuseWithErrno), true)
  }
})

/** Latencies in microseconds. Unlike SPDK's, the base must exist. */
const bdevDelayCreate = defineMethod({
  name: "bdev_delay_create",
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    base_bdev_name: Text,
    name: Text,
    uuid: optional(UuidText),
    avg_read_latency: Uint64,
    p99_read_latency: Uint64,
    avg_write_latency: Uint64,
    p99_write_latency: Uint64
  }),
  handler: (params, call) =>
    createBdev(call, {
      name: params.name,
      ...(params.uuid === undefined ? {} : { uuid: params.uuid }),
      bdev: {
        _tag: "Delay",
        base: params.base_bdev_name,
        averageReadMicros: Number(params.avg_read_latency),
        p99ReadMicros: Number(params.p99_read_latency),
        averageWriteMicros: Number(params.avg_write_latency),
        p99WriteMicros: Number(params.p99_write_latency)
      }
    })
})

const latencyTypes = {
  avg_read: "averageReadMicros",
  p99_read: "p99ReadMicros",
  avg_write: "averageWriteMicros",
  p99_write: "p99WriteMicros"
} as const

const noSuchDelay: WireError = { code: -32602, message: "The requested bdev does not exist." }
const notDelay: WireError = { code: -32600, message: "The requested bdev is not a delay bdev." }

/** IO that waits already keeps its latency. */
const bdevDelayUpdateLatency = defineMethod({
  name: "bdev_delay_update_latency",
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    delay_bdev_name: Text,
    latency_type: Schema.Literals(["avg_read", "p99_read", "avg_write", "p99_write"]),
    latency_us: Uint64
  }),
  handler: ({ delay_bdev_name: name, latency_type, latency_us }, call) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const refuse: Refusal = (error) => {
        if (error._tag !== "NotFound") return refuseWithErrno(error)
        const kind = resolveBdev(state(), name)?.spec._tag
        return kind === undefined || kind === "Delay" ? noSuchDelay : notDelay
      }
      const latency = { [latencyTypes[latency_type]]: Number(latency_us) }
      yield* dispatch(call, { _tag: "SetBdevLatencies", name, ...latency }, refuse)
      return true
    })
})

const findActive = (state: State, nameOrUuid: string): Bdev | undefined => {
  const bdev = resolveBdev(state, nameOrUuid)
  return bdev?.phase._tag === "Active" ? bdev : undefined
}

/** Why a bdev that is declared is not there; undefined of one that nobody knows. */
export const absenceOf = (state: State, name: string): string | undefined =>
  resolveDetachedBdev(state, name) === undefined
    ? undefined
    : "it is detached: its device is not there; it comes back with it"

/** Longest wait for a bdev to appear, in milliseconds: what a timer holds. */
const appearTimeoutMax = 2 ** 31 - 1

/**
 * Waits up to `timeout` ms for the bdev; without a timeout an unknown one is -19, with one -110 in the end. `detached`:
 * those whose device is away, too, which is lunlog's own.
 */
const bdevGetBdevs = defineMethod({
  name: "bdev_get_bdevs",
  aliases: ["get_bdevs"],
  kind: "wait",
  undecodable: decodeFailed,
  paramsOptional: true,
  params: Schema.Struct({ name: optional(Text), timeout: optional(Uint64), detached: optional(Schema.Boolean) }),
  handler: ({ detached = false, name, timeout = 0n }) =>
    Effect.gen(function* () {
      const { awaitState, state } = yield* ControlPlane
      if (name === undefined)
        return detached ? declaredBdevViews(state()) : activeBdevsOf(state()).map((bdev) => bdevView(state(), bdev))
      const away = detached ? resolveDetachedBdev(state(), name) : undefined
      if (away !== undefined) return declaredBdevViews(state(), away.name)
      const wire = timeout === 0n ? errnoError("ENODEV") : errnoError("ETIMEDOUT")
      const reason = () => absenceOf(state(), name) ?? `there is no bdev ${name}`
      const data = () => ({ reason: reason(), object: `bdev ${name}`, hint: "bdev_get_bdevs lists them all" })
      if (findActive(state(), name) === undefined) {
        yield* Effect.timeoutOrElse(
          awaitState((later) => findActive(later, name) !== undefined),
          {
            duration: Math.min(Number(timeout), appearTimeoutMax),
            orElse: () => Effect.suspend(() => Effect.fail(rpcError(wire, data())))
          }
        )
      }
      const found = findActive(state(), name)
      return found === undefined ? yield* rpcError(wire, data()) : [bdevView(state(), found)]
    })
})

/** This file's methods. */
export const bdevMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  bdevMallocCreate,
  deleteMethod("bdev_malloc_delete", ["delete_malloc_bdev"], "Malloc"),
  bdevNullCreate,
  bdevNullResize,
  deleteMethod("bdev_null_delete", ["delete_null_bdev"], "Null"),
  bdevDelayCreate,
  bdevDelayUpdateLatency,
  deleteMethod("bdev_delay_delete", [], "Delay"),
  bdevGetBdevs
]
