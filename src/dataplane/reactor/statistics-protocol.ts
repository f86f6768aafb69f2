/** What a reactor is asked about its counters, and what it says: plain values, as everything over its boundary. */
import type {
  BdevStatisticsReport,
  Histogram,
  LiveStatistics,
  LoadReport,
  MetricsBounds,
  MetricsReport,
  StatisticsReset
} from "../../domain/Statistics.ts"

/** A question, or what is to be counted from now on. Bdevs that are not open are passed over. */
export type StatisticsQuery =
  /** Answered with `Bdevs`: one for each, zeros for those that are not open (undefined). Resets afterwards. */
  | {
      readonly _tag: "Bdevs"
      readonly bdevs: ReadonlyArray<number | undefined>
      readonly reset: StatisticsReset
    }
  | { readonly _tag: "SampleQueueDepth"; readonly bdev: number; readonly periodMicros: number }
  /** Answered with `Histogram`. */
  | { readonly _tag: "BdevHistogram"; readonly bdev: number }
  /** Answered with `Counts`. */
  | { readonly _tag: "BdevHistogramCounts"; readonly bdev: number; readonly bordersNanos: ReadonlyArray<number> }
  /** Answered with `Histogram`. */
  | { readonly _tag: "TargetHistogram"; readonly target: string; readonly incarnation: number }
  /** Answered with `Live`: all LUNs, or those that have done something since then or have something to do. */
  | { readonly _tag: "Live"; readonly activeSinceNanos: number | undefined }
  /** Answered with `Load`: what was done since the last of these questions, with at most so many of each kind. */
  | { readonly _tag: "Load"; readonly most: number }
  /** Answered with `Metrics`. */
  | { readonly _tag: "Metrics"; readonly bounds: MetricsBounds }

/** What a query is answered with. */
export type StatisticsResult =
  | { readonly _tag: "Bdevs"; readonly report: BdevStatisticsReport }
  | { readonly _tag: "Histogram"; readonly histogram: Histogram | undefined }
  | { readonly _tag: "Counts"; readonly counts: ReadonlyArray<number> | undefined }
  | { readonly _tag: "Live"; readonly live: LiveStatistics }
  | { readonly _tag: "Load"; readonly load: LoadReport }
  | { readonly _tag: "Metrics"; readonly metrics: MetricsReport }
  | { readonly _tag: "Noted" }
