/**
 * What a target has been doing for the last day, in bounded memory, from its start on and whether anybody looks or not:
 * so charts begin with a past, and an incident has the minutes before it. Nothing of it is in the event log, and
 * nothing outlives the process.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import type { LogCounters } from "../../../eventlog/write/WriteCounters.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { LoopLag } from "../../host/LoopLag.ts"
import type { LogLoad, MetricsSample, ProcessLoad } from "./MetricsSample.ts"
import { SampleTiers, sampleTiers } from "./SampleTiers.ts"

const microsPerMilli = 1000
const nanosPerSecond = 1e9

/** Which samples: those of a step of `sampleTiers` that end in a time (milliseconds since the epoch). */
export interface SampleRange {
  /** The finest if absent. */
  readonly stepSeconds?: number | undefined
  /** Exclusive; all that are there if absent. */
  readonly from?: number | undefined
  /** Inclusive. */
  readonly to?: number | undefined
}

const [finest] = sampleTiers

/** What counters said when they were read last. */
interface Readings {
  readonly nanos: bigint
  readonly log: LogCounters
  readonly cpuMicros: number
  readonly busyMillis: number
}

const readings = (log: EventLog["Service"], clock: Clock.Clock): Readings => {
  const { system, user } = process.cpuUsage()
  return {
    nanos: clock.monotonicTimeNanosUnsafe(),
    log: log.counters(),
    cpuMicros: system + user,
    busyMillis: performance.eventLoopUtilization().active
  }
}

const logLoad = (before: LogCounters, now: LogCounters): LogLoad => ({
  controlRecords: now.controlRecords - before.controlRecords,
  observations: now.observations - before.observations,
  syncs: now.syncs - before.syncs,
  syncMillis: now.syncMillis - before.syncMillis
})

const processLoad = (before: Readings, now: Readings, lag: LoopLag): ProcessLoad => {
  const { heapUsed, rss } = process.memoryUsage()
  return {
    cpuMillis: (now.cpuMicros - before.cpuMicros) / microsPerMilli,
    busyMillis: now.busyMillis - before.busyMillis,
    lagMillis: lag.report().mostMillis,
    residentBytes: rss,
    heapBytes: heapUsed
  }
}

/** Takes samples while its layer lives. */
export class MetricsHistory extends Context.Service<
  MetricsHistory,
  {
    /** Oldest first. */
    readonly samples: (range?: SampleRange) => ReadonlyArray<MetricsSample>
  }
>()("lunlog/rpc/MetricsHistory") {
  static readonly layer: Layer.Layer<MetricsHistory, never, DataPlane | EventLog> = Layer.effect(
    MetricsHistory,
    Effect.gen(function* () {
      const { statistics } = yield* DataPlane
      const log = yield* EventLog
      const clock = yield* Clock.Clock
      const tiers = new SampleTiers()
      const lag = yield* Effect.acquireRelease(
        Effect.sync(() => new LoopLag()),
        (running) => Effect.sync(() => running.stop())
      )
      let before = readings(log, clock)
      const take = Effect.map(statistics.load(finest.most), ({ atNanos: _, ...load }) => {
        const now = readings(log, clock)
        tiers.add({
          at: clock.currentTimeMillisUnsafe(),
          seconds: Number(now.nanos - before.nanos) / nanosPerSecond,
          ...load,
          log: logLoad(before.log, now.log),
          process: processLoad(before, now, lag)
        })
        before = now
      })
      yield* Effect.forkScoped(Effect.forever(Effect.delay(take, finest.stepSeconds * 1000)))
      return MetricsHistory.of({
        samples: ({ from = 0, stepSeconds = finest.stepSeconds, to = Number.POSITIVE_INFINITY } = {}) =>
          tiers.ofStep(stepSeconds, from, to)
      })
    })
  )

  /** Of what does no IO. */
  static readonly none: Layer.Layer<MetricsHistory> = Layer.succeed(MetricsHistory, { samples: () => [] })
}
