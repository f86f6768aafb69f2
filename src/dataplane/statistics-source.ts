/** The counters of the reactor, as the control side asks for them. */
import { Effect } from "effect"
import type { BdevRef } from "../domain/bdev/BdevSpec.ts"
import { BdevUnavailable } from "../domain/data-plane-errors.ts"
import {
  type BdevStatisticsReport,
  type LiveStatistics,
  noLoad,
  noMetrics,
  type StatisticsSource
} from "../domain/Statistics.ts"
import type { Bdevs } from "./Bdevs.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import type { StatisticsQuery, StatisticsResult } from "./reactor/statistics-protocol.ts"

/** When the reactor has stopped there is nothing. */
const nothing: LiveStatistics = { atNanos: 0, lunCount: 0, luns: [], sessions: [] }
const noBdevs: BdevStatisticsReport = { atNanos: 0, bdevs: [] }

/** Asks the reactor. */
export const statisticsSource = (
  client: Pick<ReactorClient, "request">,
  bdevs: Pick<Bdevs, "idOf">
): StatisticsSource => {
  const ask = (query: StatisticsQuery): Effect.Effect<StatisticsResult | undefined> =>
    Effect.map(client.request({ _tag: "Statistics", query }), (answer) =>
      answer._tag === "Statistics" ? answer.result : undefined
    )
  const askOf = (
    ref: BdevRef,
    query: (bdev: number) => StatisticsQuery
  ): Effect.Effect<StatisticsResult, BdevUnavailable> =>
    Effect.suspend(() => {
      const { name } = ref
      const bdev = bdevs.idOf(ref)
      if (bdev === undefined) {
        return Effect.fail(new BdevUnavailable({ name, code: "ENODEV", detail: "it is not open" }))
      }
      const stopped = new BdevUnavailable({ name, code: "ESHUTDOWN", detail: "the data plane has stopped" })
      return Effect.flatMap(ask(query(bdev)), (result) =>
        result === undefined ? Effect.fail(stopped) : Effect.succeed(result)
      )
    })
  return {
    bdevs: (refs, reset) =>
      Effect.map(ask({ _tag: "Bdevs", bdevs: refs.map((ref) => bdevs.idOf(ref)), reset }), (result) =>
        result?._tag === "Bdevs" ? result.report : noBdevs
      ),
    sampleQueueDepth: (ref, periodMicros) =>
      Effect.asVoid(askOf(ref, (bdev) => ({ _tag: "SampleQueueDepth", bdev, periodMicros }))),
    bdevHistogram: (ref) =>
      Effect.map(
        askOf(ref, (bdev) => ({ _tag: "BdevHistogram", bdev })),
        (result) => (result._tag === "Histogram" ? result.histogram : undefined)
      ),
    bdevHistogramCounts: (ref, bordersNanos) =>
      Effect.map(
        askOf(ref, (bdev) => ({ _tag: "BdevHistogramCounts", bdev, bordersNanos })),
        (result) => (result._tag === "Counts" ? result.counts : undefined)
      ),
    targetHistogram: (target, incarnation) =>
      Effect.map(ask({ _tag: "TargetHistogram", target, incarnation }), (result) =>
        result?._tag === "Histogram" ? result.histogram : undefined
      ),
    live: (activeSinceNanos) =>
      Effect.map(ask({ _tag: "Live", activeSinceNanos }), (result) =>
        result?._tag === "Live" ? result.live : nothing
      ),
    load: (most) =>
      Effect.map(ask({ _tag: "Load", most }), (result) => (result?._tag === "Load" ? result.load : noLoad)),
    metrics: (bounds) =>
      Effect.map(ask({ _tag: "Metrics", bounds }), (result) =>
        result?._tag === "Metrics" ? result.metrics : noMetrics
      )
  }
}
