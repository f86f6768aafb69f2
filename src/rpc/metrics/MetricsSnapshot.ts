/** Everything that metrics are made of, at one moment: counters of the data plane, the log, the process and RPC. */
import { readdir, readFile } from "node:fs/promises"
import { Effect } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import type { LogCounters } from "../../../eventlog/write/WriteCounters.ts"
import { DataPlane, type DataPlaneStatus, type LunDrain } from "../../domain/DataPlane.ts"
import type { BdevStatistics, MetricsBounds, MetricsReport } from "../../domain/Statistics.ts"
import { Instance } from "../Instance.ts"
import { IncidentStore } from "../incident/IncidentStore.ts"
import type { CallCount } from "../RpcCalls.ts"

/**
 * Things of a kind that have series of their own, the oldest; of those beyond it is said how many there are, and their
 * target counts them. 100 targets with latencies are at most 12,000 series.
 */
export const metricsBounds: MetricsBounds & { readonly bdevs: number } = {
  targets: 1000,
  latencies: 100,
  luns: 1000,
  sessions: 1000,
  bdevs: 1000
}

/** Of the event log. */
export interface LogMetrics {
  readonly durableSeq: number
  readonly tipSeq: number
  readonly isWritable: boolean
  readonly droppedObservations: number
  readonly storedBytes: number
  readonly counters: LogCounters
}

/** Of the process; undefined where the system does not say. */
export interface ProcessMetrics {
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapBytes: number
  readonly openFiles: number | undefined
  readonly openFilesMax: number | undefined
  /** Seconds since the epoch. */
  readonly startedAt: number
}

/** At one moment. */
export interface MetricsSnapshot {
  readonly version: string
  readonly status: DataPlaneStatus
  readonly drains: ReadonlyArray<LunDrain>
  readonly counted: MetricsReport
  /** Of those within the bounds. */
  readonly bdevs: ReadonlyArray<{ readonly name: string; readonly statistics: BdevStatistics }>
  readonly log: LogMetrics
  readonly process: ProcessMetrics
  readonly calls: ReadonlyArray<CallCount>
  /** Incidents that are kept, and when the newest was, in seconds since the epoch. */
  readonly incidentCount: number
  readonly newestIncidentAt: number | undefined
}

const microsPerSecond = 1e6
const millisPerSecond = 1000

const openFiles = (): Promise<number | undefined> =>
  readdir("/proc/self/fd").then(
    (names) => names.length,
    () => undefined
  )

const openFilesMax = async (): Promise<number | undefined> => {
  const text = await readFile("/proc/self/limits", "utf8").catch(() => "")
  const soft = Number(/^Max open files\s+(\d+)/m.exec(text)?.[1])
  return Number.isNaN(soft) ? undefined : soft
}

const processMetrics: Effect.Effect<ProcessMetrics> = Effect.promise(async () => {
  const { system, user } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  return {
    cpuSeconds: (system + user) / microsPerSecond,
    residentBytes: rss,
    heapBytes: heapUsed,
    openFiles: await openFiles(),
    openFilesMax: await openFilesMax(),
    startedAt: performance.timeOrigin / millisPerSecond
  }
})

const logMetrics: Effect.Effect<LogMetrics, never, EventLog> = Effect.gen(function* () {
  const log = yield* EventLog
  return {
    durableSeq: log.durable().seq,
    tipSeq: log.tip().seq,
    isWritable: log.unavailable() === undefined,
    droppedObservations: log.droppedObservations(),
    storedBytes: yield* log.storedBytes,
    counters: log.counters()
  }
})

/** Takes it. Others have their turns in between: with many things each part takes a millisecond or two. */
export const takeSnapshot: Effect.Effect<MetricsSnapshot, never, DataPlane | EventLog | IncidentStore | Instance> =
  Effect.gen(function* () {
    const { calls, version } = yield* Instance
    const dataPlane = yield* DataPlane
    const counted = yield* dataPlane.statistics.metrics(metricsBounds)
    yield* Effect.yieldNow
    const status = yield* dataPlane.status
    yield* Effect.yieldNow
    const told = status.bdevs.slice(0, metricsBounds.bdevs)
    const statistics = (yield* dataPlane.statistics.bdevs(told, "none")).bdevs
    yield* Effect.yieldNow
    const incidents = yield* (yield* IncidentStore).all
    const newest = incidents.at(-1)?.incident
    return {
      version,
      status,
      drains: yield* dataPlane.lunDrains,
      counted,
      bdevs: statistics.flatMap((one, at) => {
        const name = told[at]?.name
        return name === undefined ? [] : [{ name, statistics: one }]
      }),
      log: yield* logMetrics,
      process: yield* processMetrics,
      calls: calls.report(),
      incidentCount: incidents.length,
      newestIncidentAt: newest === undefined ? undefined : newest.at / microsPerSecond
    }
  })
