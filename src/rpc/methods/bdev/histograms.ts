/**
 * `bdev_*_histogram*` and `iscsi_*_histogram`: how often IOs and SCSI commands took how long, in SPDK's layout. That
 * there is one is in the event log, and saved; the counts are not.
 */
import { Effect, Result, Schema } from "effect"
import { defaultHistogram, IO_TYPES } from "../../../domain/bdev/Bdev.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import type { Histogram } from "../../../domain/Statistics.ts"
import { requireTarget } from "../../../domain/target/target-node-decide.ts"
import { list, optional, SafeUint64, Text, Uint8, Uint64 } from "../../param.ts"
import {
  decodeFailed,
  errnoError,
  invalidParameters,
  type RpcError,
  refusal,
  refuseWithErrno,
  refuseWithInvalidParameters,
  rpcError
} from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { bdevError, dispatch } from "../dispatch.ts"
import { findBdevOf } from "./bdev-statistics.ts"

type Services = ControlPlane | DataPlane

/** Ticks are nanoseconds. */
const tickRate = 1_000_000_000
const nanosPerMicro = 1000

const bordersMax = 256

/** Longer than anybody waits, and exact: 104 days. */
const nanosMax = BigInt(Number.MAX_SAFE_INTEGER)
const nanosOf = (nanos: bigint): number => Number(nanos < nanosMax ? nanos : nanosMax)

/** In base64: the buckets as 64-bit integers, the lowest byte first. */
const histogramView = ({ buckets, granularity, maxRange, minRange }: Histogram) => {
  const bytes = Buffer.alloc(buckets.length * 8)
  for (const [index, count] of buckets.entries()) if (count > 0) bytes.writeBigUInt64LE(BigInt(count), index * 8)
  return {
    histogram: bytes.toString("base64"),
    granularity,
    min_range: minRange,
    max_range: maxRange,
    tsc_rate: tickRate
  }
}

/** SPDK has a code of its own for a type of IO that it does not know. */
const checkIoType = (opc: string | undefined): Effect.Effect<void, RpcError> => {
  if (opc === undefined || IO_TYPES.some((type) => type === opc)) return Effect.void
  const reason = `${JSON.stringify(opc)} is no type of IO`
  return Effect.fail(rpcError({ code: -32603, message: "Invalid Io type" }, { reason, allowed: IO_TYPES.join(", ") }))
}

const bdevEnableHistogram = defineMethod<
  {
    readonly name: string
    readonly enable: boolean
    readonly opc?: string
    readonly granularity?: number
    readonly min_nsec?: bigint
    readonly max_nsec?: bigint
  },
  Services
>({
  name: "bdev_enable_histogram",
  aliases: ["enable_bdev_histogram"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    name: Text,
    enable: Schema.Boolean,
    opc: optional(Text),
    granularity: optional(Uint8),
    min_nsec: optional(Uint64),
    max_nsec: optional(Uint64)
  }),
  handler: ({ name, enable, opc, granularity, max_nsec, min_nsec }, call) =>
    Effect.gen(function* () {
      const bdev = yield* findBdevOf(name)
      yield* checkIoType(opc)
      const histogram = {
        granularity: granularity ?? defaultHistogram.granularity,
        minNanos: min_nsec === undefined ? defaultHistogram.minNanos : nanosOf(min_nsec),
        maxNanos: max_nsec === undefined ? defaultHistogram.maxNanos : nanosOf(max_nsec),
        ...(opc === undefined ? {} : { ioType: opc })
      }
      const command = { _tag: "SetBdevHistogram" as const, name: bdev.name, ...(enable ? { histogram } : {}) }
      yield* dispatch(call, command, refuseWithErrno)
      return true
    })
})

/** As SPDK says it when there never was a histogram. */
const notKept = (name: string): RpcError =>
  rpcError(errnoError("ENOMEM"), {
    reason: `no histogram is kept of bdev ${name}`,
    hint: "enable it with bdev_enable_histogram first"
  })

const bdevGetHistogram = defineMethod({
  name: "bdev_get_histogram",
  aliases: ["get_bdev_histogram"],
  kind: "query",
  undecodable: decodeFailed,
  params: Schema.Struct({ name: Text }),
  handler: ({ name }) =>
    Effect.gen(function* () {
      const { statistics } = yield* DataPlane
      const bdev = yield* findBdevOf(name)
      const histogram = yield* Effect.mapError(statistics.bdevHistogram(bdev), bdevError)
      return histogram === undefined ? yield* notKept(bdev.name) : histogramView(histogram)
    })
})

/** Borders are microseconds. */
const bdevGetHistogramBorders = defineMethod({
  name: "bdev_get_histogram_borders",
  kind: "query",
  undecodable: decodeFailed,
  params: Schema.Struct({ name: Text, borders: list(SafeUint64, bordersMax) }),
  handler: ({ borders, name }) =>
    Effect.gen(function* () {
      const { statistics } = yield* DataPlane
      const bdev = yield* findBdevOf(name)
      if (borders.some((border, index) => border <= (borders[index - 1] ?? -1))) {
        const reason = "the borders do not ascend"
        return yield* rpcError(errnoError("EINVAL"), { reason, hint: "give each border once, the smallest first" })
      }
      const nanos = borders.map((border) => border * nanosPerMicro)
      const counts = yield* Effect.mapError(statistics.bdevHistogramCounts(bdev, nanos), bdevError)
      return counts === undefined ? yield* notKept(bdev.name) : { borders_count: counts }
    })
})

const iscsiEnableHistogram = defineMethod({
  name: "iscsi_enable_histogram",
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({ name: Text, enable: Schema.Boolean }),
  handler: ({ enable, name }, call) => {
    const command = { _tag: "SetTargetNodeHistogram" as const, target: name, enabled: enable }
    return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
  }
})

const iscsiGetHistogram = defineMethod({
  name: "iscsi_get_histogram",
  kind: "query",
  undecodable: decodeFailed,
  params: Schema.Struct({ name: Text }),
  handler: ({ name }) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const { statistics } = yield* DataPlane
      const found = requireTarget(state(), name)
      if (Result.isFailure(found)) {
        return yield* refusal(found.failure, { ...invalidParameters, message: "target not found" })
      }
      const { incarnation, name: target } = found.success
      const histogram = yield* statistics.targetHistogram(target, incarnation)
      if (histogram !== undefined) return histogramView(histogram)
      const message = "target's histogram function is not enabled"
      const reason = `no histogram is kept of target ${target}`
      const hint = "enable it with iscsi_enable_histogram first"
      return yield* rpcError({ ...invalidParameters, message }, { reason, hint })
    })
})

/** This file's methods. */
export const histogramMethods: ReadonlyArray<RpcMethod<Services>> = [
  bdevEnableHistogram,
  bdevGetHistogram,
  bdevGetHistogramBorders,
  iscsiEnableHistogram,
  iscsiGetHistogram
]
