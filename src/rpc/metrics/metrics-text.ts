/** All metrics as the text that Prometheus reads. */
import { Effect } from "effect"
import { type Metric, metricLines } from "./exposition.ts"
import { bdevMetrics, lunMetrics, sessionMetrics, targetMetrics } from "./io-metrics.ts"
import { logMetrics } from "./log-metrics.ts"
import { type MetricsSnapshot, takeSnapshot } from "./MetricsSnapshot.ts"
import { processMetrics } from "./process-metrics.ts"
import { reactorMetrics } from "./reactor-metrics.ts"
import { stateMetrics } from "./state-metrics.ts"

/** Lines that are made in one turn of the event loop: about a millisecond. */
const linesPerTurn = 500

const groups: ReadonlyArray<(snapshot: MetricsSnapshot) => ReadonlyArray<Metric>> = [
  processMetrics,
  stateMetrics,
  reactorMetrics,
  logMetrics,
  targetMetrics,
  lunMetrics,
  sessionMetrics,
  bdevMetrics
]

/** The whole text; others have their turns while it is made. */
export const metricsText = Effect.gen(function* () {
  const snapshot = yield* takeSnapshot
  const parts: Array<string> = []
  let lines = 0
  for (const group of groups) {
    for (const metric of group(snapshot)) {
      for (const line of metricLines(metric)) {
        parts.push(line)
        lines++
        if (lines % linesPerTurn === 0) yield* Effect.yieldNow
      }
    }
    yield* Effect.yieldNow
  }
  return `${parts.join("\n")}\n`
})
