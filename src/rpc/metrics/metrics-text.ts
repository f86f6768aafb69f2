/** All metrics as the text that Prometheus reads. */
import { Effect } from "effect"
import { type Metric, metricText } from "./exposition.ts"
import { bdevMetrics, lunMetrics, sessionMetrics, targetMetrics } from "./io-metrics.ts"
import { logMetrics } from "./log-metrics.ts"
import { type MetricsSnapshot, takeSnapshot } from "./MetricsSnapshot.ts"
import { processMetrics } from "./process-metrics.ts"
import { reactorMetrics } from "./reactor-metrics.ts"
import { stateMetrics } from "./state-metrics.ts"

const groups: ReadonlyArray<(snapshot: MetricsSnapshot) => Iterable<Metric>> = [
  processMetrics,
  stateMetrics,
  reactorMetrics,
  logMetrics,
  targetMetrics,
  lunMetrics,
  sessionMetrics,
  bdevMetrics
]

/** The whole text. Others have their turns after each metric, which takes a millisecond or two where it is large. */
export const metricsText = Effect.gen(function* () {
  const snapshot = yield* takeSnapshot
  let text = ""
  for (const group of groups) {
    for (const metric of group(snapshot)) {
      text += metricText(metric)
      yield* Effect.yieldNow
    }
  }
  return text
})
