/**
 * `bdev_get_iostat`, `bdev_reset_iostat`, `bdev_set_qd_sampling_period`: what has been done to bdevs. Ticks are
 * nanoseconds. Counters begin with the process; nothing of this is in the event log.
 */
import { Effect, Result, Schema } from "effect"
import type { Bdev } from "../../../domain/bdev/Bdev.ts"
import { BDEVS_MAX } from "../../../domain/bdev/Bdev.ts"
import { requireBdev } from "../../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { activeBdevsOf } from "../../../domain/State.ts"
import type { BdevIoReport, BdevIoTotals, BdevStatistics } from "../../../domain/Statistics.ts"
import { list, optional, Text, Uint64 } from "../../param.ts"
import { decodeFailed, errnoError, type RpcError, refusal, refuseWithErrno, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod, readingOnly } from "../../RpcMethod.ts"
import { bdevError } from "../dispatch.ts"

type Services = ControlPlane | DataPlane

/** Ticks are nanoseconds. */
const tickRate = 1_000_000_000

/** The thread that bdevs are used by, as `thread_get_stats` has it. */
const ioThreadId = 2

/** The bdev of a name or UUID, or -19. */
export const findBdevOf = (name: string): Effect.Effect<Bdev, RpcError, ControlPlane> =>
  Effect.flatMap(ControlPlane, ({ state }) => {
    const found = requireBdev(state(), name)
    if (Result.isSuccess(found)) return Effect.succeed(found.success)
    return Effect.fail(refusal(found.failure, refuseWithErrno(found.failure)))
  })

const latencies = (name: string, { latencyMaxNanos, latencyMinNanos, latencyNanos }: BdevIoTotals) => ({
  [`${name}_latency_ticks`]: latencyNanos,
  [`max_${name}_latency_ticks`]: latencyMaxNanos,
  [`min_${name}_latency_ticks`]: latencyMinNanos
})

const noCopies: BdevIoTotals = { ops: 0, bytes: 0, latencyNanos: 0, latencyMaxNanos: 0, latencyMinNanos: 0 }

/** In SPDK's order. No driver here copies. */
const counters = ({ read, unmap, write }: BdevIoReport) => ({
  bytes_read: read.bytes,
  num_read_ops: read.ops,
  bytes_written: write.bytes,
  num_write_ops: write.ops,
  bytes_unmapped: unmap.bytes,
  num_unmap_ops: unmap.ops,
  bytes_copied: noCopies.bytes,
  num_copy_ops: noCopies.ops,
  ...latencies("read", read),
  ...latencies("write", write),
  ...latencies("unmap", unmap),
  ...latencies("copy", noCopies)
})

/** IOs that have failed, by SPDK's names; only those that there were. */
const ioErrors = ({ errors: { aborted, failed, noMemory } }: BdevIoReport) =>
  Object.fromEntries(Object.entries({ aborted, nomem: noMemory, failed }).filter(([, count]) => count > 0))

const bdevStatisticsView = ({ name }: Bdev, { io, queue }: BdevStatistics) => ({
  name,
  ...counters(io),
  io_error: ioErrors(io),
  ...(queue === undefined
    ? {}
    : {
        queue_depth_polling_period: queue.periodMicros,
        queue_depth: queue.queueDepth,
        io_time: queue.ioTimeMicros,
        weighted_io_time: queue.weightedIoTimeMicros
      })
})

const invalid = (reason: string, hint: string): RpcError => rpcError(errnoError("EINVAL"), { reason, hint })

const ResetMode = Schema.Literals(["all", "maxmin", "error", "none"])

/** `name` is of rpc.py before 26.05, which sends `names`; both do the same. */
const bdevGetIostat = defineMethod({
  name: "bdev_get_iostat",
  aliases: ["get_bdevs_iostat"],
  kind: "query",
  undecodable: decodeFailed,
  paramsOptional: true,
  params: Schema.Struct({
    name: optional(Text),
    names: optional(list(Text, BDEVS_MAX)),
    per_channel: optional(Schema.Boolean),
    reset_mode: optional(ResetMode)
  }),
  handler: ({ name, names, per_channel = false, reset_mode = "none" }, { caller, method }) =>
    Effect.gen(function* () {
      if (caller.onlyReads !== undefined && reset_mode !== "none") {
        return yield* readingOnly(method, `reset_mode ${reset_mode} resets counters`, caller.onlyReads.hint)
      }
      if (name !== undefined && names !== undefined) return yield* invalid("name and names are given", "give one")
      const wanted = name === undefined ? names : [name]
      if (per_channel && wanted?.length !== 1) {
        return yield* invalid("per_channel is about one bdev", "give exactly one name")
      }
      const { state } = yield* ControlPlane
      const { statistics } = yield* DataPlane
      const bdevs = wanted === undefined ? activeBdevsOf(state()) : yield* Effect.forEach(wanted, findBdevOf)
      const { atNanos, bdevs: found } = yield* statistics.bdevs(bdevs, reset_mode)
      const at = { tick_rate: tickRate, ticks: atNanos }
      if (per_channel) {
        // There is a channel as long as somebody uses the bdev, as in SPDK, and one thread that they are on.
        const channels = found.flatMap(({ io, isInUse }) =>
          isInUse ? [{ thread_id: ioThreadId, ...counters(io) }] : []
        )
        return { ...at, name: bdevs[0]?.name, channels }
      }
      const views = bdevs.flatMap((bdev, index) => {
        const one = found[index]
        return one === undefined ? [] : [bdevStatisticsView(bdev, one)]
      })
      return { ...at, bdevs: views }
    })
})

const bdevResetIostat = defineMethod({
  name: "bdev_reset_iostat",
  kind: "change",
  undecodable: decodeFailed,
  paramsOptional: true,
  params: Schema.Struct({ name: optional(Text), mode: optional(ResetMode) }),
  handler: ({ mode = "all", name }) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const { statistics } = yield* DataPlane
      const bdevs = name === undefined ? activeBdevsOf(state()) : [yield* findBdevOf(name)]
      yield* statistics.bdevs(bdevs, mode)
      return true
    })
})

/** Microseconds; 0 ends the sampling. */
const bdevSetQdSamplingPeriod = defineMethod<{ readonly name: string; readonly period: bigint }, Services>({
  name: "bdev_set_qd_sampling_period",
  aliases: ["set_bdev_qd_sampling_period"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({ name: Text, period: Uint64 }),
  handler: ({ name, period }) =>
    Effect.gen(function* () {
      const { statistics } = yield* DataPlane
      const bdev = yield* findBdevOf(name)
      yield* Effect.mapError(statistics.sampleQueueDepth(bdev, Number(period)), bdevError)
      return true
    })
})

/** This file's methods. */
export const bdevStatisticsMethods: ReadonlyArray<RpcMethod<Services>> = [
  bdevGetIostat,
  bdevResetIostat,
  bdevSetQdSamplingPeriod
]
