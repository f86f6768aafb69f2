/** Metrics of the process, by the names that they have everywhere, and of its RPC. */
import { labelled, type Metric, noLabels, type Series } from "./exposition.ts"
import type { MetricsSnapshot } from "./MetricsSnapshot.ts"

const one = (value: number | undefined): ReadonlyArray<Series> =>
  value === undefined ? [] : [{ labels: noLabels, value }]

const rpcMetrics = ({ calls }: MetricsSnapshot): ReadonlyArray<Metric> => [
  {
    name: "lunlog_rpc_calls_total",
    type: "counter",
    help: "Calls of a method that were answered, with a result or an error.",
    series: calls.flatMap(({ failed, method, succeeded }) => [
      { labels: labelled({ method, outcome: "result" }), value: succeeded },
      { labels: labelled({ method, outcome: "error" }), value: failed }
    ])
  },
  {
    name: "lunlog_rpc_call_seconds_total",
    type: "counter",
    help: "How long they took together; methods that wait for something are as long as that.",
    series: calls.map(({ method, seconds }) => ({ labels: labelled({ method }), value: seconds }))
  }
]

/** All of this file. */
export const processMetrics = (snapshot: MetricsSnapshot): ReadonlyArray<Metric> => {
  const { cpuSeconds, heapBytes, openFiles, openFilesMax, residentBytes, startedAt } = snapshot.process
  return [
    {
      name: "lunlog_build_info",
      type: "gauge",
      help: "Versions; always 1.",
      series: [{ labels: labelled({ version: snapshot.version, node: process.version }), value: 1 }]
    },
    {
      name: "process_start_time_seconds",
      type: "gauge",
      help: "When the process began, in seconds since 1970.",
      series: one(startedAt)
    },
    {
      name: "process_cpu_seconds_total",
      type: "counter",
      help: "Processor time of all threads.",
      series: one(cpuSeconds)
    },
    {
      name: "process_resident_memory_bytes",
      type: "gauge",
      help: "Resident memory.",
      series: one(residentBytes)
    },
    { name: "nodejs_heap_size_used_bytes", type: "gauge", help: "The main thread's heap.", series: one(heapBytes) },
    { name: "process_open_fds", type: "gauge", help: "Open file descriptors.", series: one(openFiles) },
    { name: "process_max_fds", type: "gauge", help: "As many as there may be.", series: one(openFilesMax) },
    ...rpcMetrics(snapshot)
  ]
}
