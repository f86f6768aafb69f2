/** Counters of bdevs that nobody uses. Histograms are those of the state, with made-up counts; periods are kept. */
import { Effect } from "effect"
import { findBdev, type State } from "../../src/domain/State.ts"
import {
  type BdevIoTotals,
  type BdevStatistics,
  type Histogram,
  type LiveStatistics,
  type LoadReport,
  type MetricsReport,
  noLoad,
  noMetrics,
  type StatisticsSource
} from "../../src/domain/Statistics.ts"

const none: BdevIoTotals = { ops: 0, bytes: 0, latencyNanos: 0, latencyMaxNanos: 0, latencyMinNanos: 0 }
const io = { read: none, write: none, unmap: none, flush: none, errors: { failed: 0, aborted: 0, noMemory: 0 } }

/** What `lunlog_get_statistics` and others are to find. */
export interface FakeStatistics {
  readonly resets: Array<string>
  readonly targetHistograms: Map<string, Histogram>
  bdev: BdevStatistics
  live: LiveStatistics
  load: LoadReport
  metrics: MetricsReport
}

export const newFakeStatistics = (): FakeStatistics => ({
  resets: [],
  targetHistograms: new Map(),
  bdev: { io, isInUse: false, queue: undefined },
  live: { atNanos: 7, lunCount: 0, luns: [], sessions: [] },
  load: noLoad,
  metrics: noMetrics
})

export const fakeStatistics = (fake: FakeStatistics, state: () => State): StatisticsSource => {
  const periods = new Map<string, number>()
  return {
    bdevs: (refs, reset) =>
      Effect.sync(() => {
        if (reset !== "none") fake.resets.push(...refs.map(({ name }) => `${name} ${reset}`))
        const bdevs = refs.map(({ name }): BdevStatistics => {
          const periodMicros = periods.get(name)
          if (periodMicros === undefined) return fake.bdev
          return { ...fake.bdev, queue: { periodMicros, queueDepth: 0, ioTimeMicros: 0, weightedIoTimeMicros: 0 } }
        })
        return { atNanos: 7, bdevs }
      }),
    sampleQueueDepth: ({ name }, periodMicros) =>
      Effect.sync(() => {
        if (periodMicros === 0) periods.delete(name)
        else periods.set(name, periodMicros)
      }),
    bdevHistogram: ({ name }) =>
      Effect.sync(() => {
        const settings = findBdev(state(), name)?.histogram
        const buckets = new Float64Array([0, 3, 0, 258])
        return settings && { granularity: settings.granularity, minRange: 1, maxRange: 2, buckets }
      }),
    bdevHistogramCounts: ({ name }, borders) =>
      Effect.sync(() => (findBdev(state(), name)?.histogram === undefined ? undefined : [...borders, 0])),
    targetHistogram: (target) => Effect.sync(() => fake.targetHistograms.get(target)),
    live: () => Effect.sync(() => fake.live),
    load: () => Effect.sync(() => fake.load),
    metrics: () => Effect.sync(() => fake.metrics)
  }
}
