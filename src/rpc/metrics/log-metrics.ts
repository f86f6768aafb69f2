/** Metrics of the event log: where it stands, what it writes, and whether it takes changes. */
import { syncBoundsMillis } from "../../../eventlog/write/WriteCounters.ts"
import { labelled, type Metric, noLabels, type Series } from "./exposition.ts"
import type { MetricsSnapshot } from "./MetricsSnapshot.ts"

const millisPerSecond = 1000

const one = (value: number): ReadonlyArray<Series> => [{ labels: noLabels, value }]

/** All of this file. */
export const logMetrics = ({ log, status }: MetricsSnapshot): ReadonlyArray<Metric> => {
  const { controlRecords, failures, observations, queuedBytes, syncMillis, syncsByDuration, writes } = log.counters
  return [
    {
      name: "lunlog_log_writable",
      type: "gauge",
      help: "Whether the event log takes changes.",
      series: one(log.isWritable ? 1 : 0)
    },
    { name: "lunlog_log_durable_seq", type: "gauge", help: "Last durable record.", series: one(log.durableSeq) },
    { name: "lunlog_log_tip_seq", type: "gauge", help: "Last record that has its place.", series: one(log.tipSeq) },
    {
      name: "lunlog_log_records_total",
      type: "counter",
      help: "Records that were written.",
      series: [
        { labels: labelled({ kind: "control" }), value: controlRecords },
        { labels: labelled({ kind: "observation" }), value: observations }
      ]
    },
    {
      name: "lunlog_log_writes_total",
      type: "counter",
      help: "Batches that were written; those with control records were synced.",
      series: one(writes)
    },
    {
      name: "lunlog_log_sync_duration_seconds",
      type: "histogram",
      help: "How long a synced write took.",
      series: [
        {
          labels: noLabels,
          bounds: syncBoundsMillis.map((millis) => millis / millisPerSecond),
          counts: syncsByDuration,
          sum: syncMillis / millisPerSecond
        }
      ]
    },
    {
      name: "lunlog_log_write_failures_total",
      type: "counter",
      help: "Writes that have failed; the log was opened again after each.",
      series: one(failures)
    },
    {
      name: "lunlog_log_queued_bytes",
      type: "gauge",
      help: "Records that wait for the disk.",
      series: one(queuedBytes)
    },
    {
      name: "lunlog_log_observations_lost_total",
      type: "counter",
      help: "Observations that are not in the log: dropped by it, or not told because there were too many.",
      series: [
        { labels: labelled({ reason: "dropped" }), value: log.droppedObservations },
        { labels: labelled({ reason: "suppressed" }), value: status.suppressedObservations }
      ]
    },
    {
      name: "lunlog_log_stored_bytes",
      type: "gauge",
      help: "What the log's directory holds on disk.",
      series: one(log.storedBytes)
    }
  ]
}
