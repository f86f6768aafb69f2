/**
 * What the data plane counts, as the control side asks for it. Times are nanoseconds of the data plane's clock, which
 * only goes forward; a latency is from when the bdev got an IO until it ended. Counters begin with the process.
 */
import type { Effect } from "effect"
import type { BdevRef } from "./bdev/BdevSpec.ts"
import type { BdevUnavailable } from "./data-plane-errors.ts"
import type { Incarnation, IscsiName } from "./ids.ts"
import type { ClassLatencies } from "./latency-classes.ts"

/** IOs of one kind that have succeeded. */
export interface IoTotals {
  readonly ops: number
  readonly bytes: number
  /** Sum over all of them. */
  readonly latencyNanos: number
}

/** The same, with the extremes: 0 if there was none. */
export interface BdevIoTotals extends IoTotals {
  readonly latencyMaxNanos: number
  readonly latencyMinNanos: number
}

/** IOs by kind, and how many have failed. */
export interface IoReport {
  readonly read: IoTotals
  readonly write: IoTotals
  readonly unmap: IoTotals
  readonly flush: IoTotals
  readonly errors: number
}

/** IOs, also failed ones. */
export const opsOf = ({ errors, flush, read, unmap, write }: IoReport): number =>
  read.ops + write.ops + unmap.ops + flush.ops + errors

const noTotals: IoTotals = { ops: 0, bytes: 0, latencyNanos: 0 }

/** Nothing was done. */
export const noIo: IoReport = { read: noTotals, write: noTotals, unmap: noTotals, flush: noTotals, errors: 0 }

/** Where many are kept, most kinds of IO of most of them are `noTotals`. */
const totalsSum = (one: IoTotals, other: IoTotals): IoTotals => {
  if (other.ops === 0) return one.ops === 0 ? noTotals : one
  if (one.ops === 0) return other
  return {
    ops: one.ops + other.ops,
    bytes: one.bytes + other.bytes,
    latencyNanos: one.latencyNanos + other.latencyNanos
  }
}

/** What two have done together. */
export const ioSum = (one: IoReport, other: IoReport): IoReport => ({
  read: totalsSum(one.read, other.read),
  write: totalsSum(one.write, other.write),
  unmap: totalsSum(one.unmap, other.unmap),
  flush: totalsSum(one.flush, other.flush),
  errors: one.errors + other.errors
})

/** IOs by kind, and those that have failed by reason. */
export interface BdevIoReport {
  readonly read: BdevIoTotals
  readonly write: BdevIoTotals
  readonly unmap: BdevIoTotals
  readonly flush: BdevIoTotals
  readonly errors: { readonly failed: number; readonly aborted: number; readonly noMemory: number }
}

/** The depth of a bdev's queue as it was sampled. */
export interface QueueDepthReport {
  readonly periodMicros: number
  /** At the last sample. */
  readonly queueDepth: number
  /** Time in which something was in the queue, and the same times its depth. */
  readonly ioTimeMicros: number
  readonly weightedIoTimeMicros: number
}

/** One bdev. */
export interface BdevStatistics {
  readonly io: BdevIoReport
  /** Whether sessions have a path to it, or to what is stacked on it. */
  readonly isInUse: boolean
  /** While a sampling period is set. */
  readonly queue: QueueDepthReport | undefined
}

/** Bdevs at one moment. */
export interface BdevStatisticsReport {
  readonly atNanos: number
  readonly bdevs: ReadonlyArray<BdevStatistics>
}

/** Which counters begin anew: `maxmin` the extreme latencies, `error` the errors. */
export type StatisticsReset = "all" | "maxmin" | "error" | "none"

/** The kinds of IO that a histogram can be of; `other` is never done here. */
export type HistogramKind = "read" | "write" | "unmap" | "flush" | "other"

/** A histogram to be kept. */
export interface HistogramRequest {
  /** Each doubling of the latency is split into 2^granularity buckets. */
  readonly granularity: number
  readonly minNanos: number
  /** Exclusive. */
  readonly maxNanos: number
  /** Undefined: all kinds. */
  readonly kind: HistogramKind | undefined
}

/** A histogram in SPDK's layout: ranges of 2^granularity buckets. */
export interface Histogram {
  readonly granularity: number
  readonly minRange: number
  readonly maxRange: number
  readonly buckets: Float64Array
}

/** One LUN of one target. */
export interface LunStatistics {
  readonly target: string
  readonly lun: number
  readonly incarnation: number
  readonly bdev: string
  readonly io: IoReport
  /** Commands that the bdev has. */
  readonly inFlight: number
}

/** One session in full feature phase, by its connection. */
export interface SessionStatistics {
  readonly connection: number
  readonly tsih: number
  readonly initiatorName: string
  readonly initiatorAddress: string
  readonly target: string
  readonly targetAddress: string
  readonly portalGroupTag: number
  /** SCSI commands, also those without IO. */
  readonly commands: number
  readonly inFlight: number
  readonly io: IoReport
  /** Of TCP. */
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Memory that its commands have for their data, and answers that the initiator has not taken yet, in bytes. */
  readonly bufferBytes: number
  readonly unsentBytes: number
}

/** Everything that moves, at one moment. */
export interface LiveStatistics {
  readonly atNanos: number
  /** Of all LUNs, also of those that are left out. */
  readonly lunCount: number
  readonly luns: ReadonlyArray<LunStatistics>
  readonly sessions: ReadonlyArray<SessionStatistics>
}

/** A target: what its LUNs have done since it was asked last, those that have gone since too. */
export interface TargetLoad {
  readonly target: string
  readonly io: IoReport
  readonly inFlight: number
  readonly sessionCount: number
}

/** A LUN: what it has done since it was asked last. */
export type LunLoad = LunStatistics

/** A session: what it has done since it was asked last. */
export type SessionLoad = Pick<
  SessionStatistics,
  "connection" | "initiatorName" | "initiatorAddress" | "target" | "io" | "inFlight"
>

/** What was done since it was asked last; the busiest of each kind, busiest first, idle ones never. */
export interface LoadReport {
  readonly atNanos: number
  /** Of all. */
  readonly io: IoReport
  readonly inFlight: number
  readonly sessionCount: number
  readonly connectionCount: number
  readonly targets: ReadonlyArray<TargetLoad>
  readonly luns: ReadonlyArray<LunLoad>
  readonly sessions: ReadonlyArray<SessionLoad>
}

/** How often a reactor has found out something: an observation by its type, and by a detail of few values or "". */
export interface FactCount {
  readonly type: string
  readonly detail: string
  readonly count: number
}

/** How late a reactor's event loop was: looks and sums since it began, in milliseconds. */
export interface LoopLagSums {
  readonly looks: number
  readonly lateMillis: number
  /** At the last look. */
  readonly latestMillis: number
}

/** One reactor since it began. */
export interface ReactorMetrics {
  /** 0 is the only one, or the front of several. */
  readonly index: number
  /** Of its event loop. */
  readonly busyMillis: number
  readonly idleMillis: number
  readonly lag: LoopLagSums
  /** Naps in which commands gather. */
  readonly naps: number
  readonly connectionCount: number
  readonly sessionCount: number
  /** Of TCP, of all connections there were. */
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Received and sent. */
  readonly pdus: number
  readonly facts: ReadonlyArray<FactCount>
}

/** A target since its reactor has it; what LUNs have done that are gone counts on. */
export interface TargetMetrics {
  readonly target: string
  readonly incarnation: number
  readonly io: IoReport
  readonly inFlight: number
  readonly lunCount: number
  readonly sessionCount: number
  /** From a command's first byte to its status. Of the oldest targets only; those that have done something. */
  readonly latencies: ReadonlyArray<ClassLatencies>
}

/** Of how many things there is to be a report at most, the oldest of each kind. */
export interface MetricsBounds {
  readonly targets: number
  /** Targets with latencies. */
  readonly latencies: number
  readonly luns: number
  readonly sessions: number
}

/** All counters, of at most so many things. */
export interface MetricsReport {
  readonly reactors: ReadonlyArray<ReactorMetrics>
  /** With those that are left out. */
  readonly targetCount: number
  readonly lunCount: number
  readonly sessionCount: number
  readonly targets: ReadonlyArray<TargetMetrics>
  readonly luns: ReadonlyArray<LunStatistics>
  readonly sessions: ReadonlyArray<SessionStatistics>
}

/** Nothing has been counted. */
export const noMetrics: MetricsReport = {
  reactors: [],
  targetCount: 0,
  lunCount: 0,
  sessionCount: 0,
  targets: [],
  luns: [],
  sessions: []
}

/** Nothing is there. */
export const noLoad: LoadReport = {
  atNanos: 0,
  io: noIo,
  inFlight: 0,
  sessionCount: 0,
  connectionCount: 0,
  targets: [],
  luns: [],
  sessions: []
}

/** Where the numbers come from. */
export interface StatisticsSource {
  /** In the order of `refs`, and reset afterwards. A bdev that is not open has counted nothing. */
  readonly bdevs: (refs: ReadonlyArray<BdevRef>, reset: StatisticsReset) => Effect.Effect<BdevStatisticsReport>
  /** Samples the queue of a bdev this often; 0 ends it. */
  readonly sampleQueueDepth: (ref: BdevRef, periodMicros: number) => Effect.Effect<void, BdevUnavailable>
  /** Undefined: none is kept. */
  readonly bdevHistogram: (ref: BdevRef) => Effect.Effect<Histogram | undefined, BdevUnavailable>
  /** How many IOs of the histogram took up to each border and more than the last; ascending nanoseconds. */
  readonly bdevHistogramCounts: (
    ref: BdevRef,
    bordersNanos: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<number> | undefined, BdevUnavailable>
  /** Of the SCSI commands of a target, from their first byte to their status. Undefined: none is kept. */
  readonly targetHistogram: (target: IscsiName, incarnation: Incarnation) => Effect.Effect<Histogram | undefined>
  /** All LUNs, or those that have done something since a time of this clock or have something to do; all sessions. */
  readonly live: (activeSinceNanos: number | undefined) => Effect.Effect<LiveStatistics>
  /** What was done since this was called last, at most `most` of each kind. Only one asks: `MetricsHistory`. */
  readonly load: (most: number) => Effect.Effect<LoadReport>
  /** All counters, within these bounds. */
  readonly metrics: (bounds: MetricsBounds) => Effect.Effect<MetricsReport>
}
