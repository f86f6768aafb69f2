/** Metrics of IO: of targets, LUNs, sessions and bdevs. */
import { type ClassLatencies, latencyBoundsMillis } from "../../domain/latency-classes.ts"
import type { IoReport, IoTotals, LunStatistics, SessionStatistics } from "../../domain/Statistics.ts"
import type { HistogramSeries, Labels, Metric, Series } from "./exposition.ts"
import type { MetricsSnapshot } from "./MetricsSnapshot.ts"

const nanosPerSecond = 1e9
const millisPerSecond = 1000

/** Something that does IO, by its labels. */
interface Doer {
  readonly labels: Labels
  readonly io: Omit<IoReport, "errors">
}

const operations = ["read", "write", "unmap", "flush"] as const

/** Where there are many, only what they all do, and what one of them has done. */
const seriesOf = (
  doers: ReadonlyArray<Doer>,
  areMany: boolean,
  numberOf: (totals: IoTotals) => number
): ReadonlyArray<Series> =>
  doers.flatMap(({ io, labels }) =>
    operations.flatMap((operation) => {
      const totals = io[operation]
      const isUsual = operation === "read" || operation === "write"
      if (areMany && !isUsual && totals.ops === 0) return []
      return [{ labels: { ...labels, operation }, value: numberOf(totals) }]
    })
  )

const ioMetrics = (of: string, noun: string, doers: ReadonlyArray<Doer>, areMany: boolean): ReadonlyArray<Metric> => [
  {
    name: `lunlog_${of}_ios_total`,
    type: "counter",
    help: `IOs of a ${noun} that have succeeded.`,
    series: seriesOf(doers, areMany, ({ ops }) => ops)
  },
  {
    name: `lunlog_${of}_io_bytes_total`,
    type: "counter",
    help: `Bytes of these IOs.`,
    series: seriesOf(doers, areMany, ({ bytes }) => bytes)
  },
  {
    name: `lunlog_${of}_io_seconds_total`,
    type: "counter",
    help: `Sum of their latencies, from when the disk got them until they ended.`,
    series: seriesOf(doers, areMany, ({ latencyNanos }) => latencyNanos / nanosPerSecond)
  }
]

const gauge = (name: string, help: string, series: ReadonlyArray<Series>): Metric => ({
  name,
  type: "gauge",
  help,
  series
})
const counter = (name: string, help: string, series: ReadonlyArray<Series>): Metric => ({
  name,
  type: "counter",
  help,
  series
})

const latencySeries = (target: string, { counts, name, sumMillis }: ClassLatencies): HistogramSeries => ({
  labels: { target, command: name },
  bounds: latencyBoundsMillis.map((millis) => millis / millisPerSecond),
  counts,
  sum: sumMillis / millisPerSecond
})

/** Of targets; what LUNs have done that are gone is in it. */
export const targetMetrics = ({ counted }: MetricsSnapshot): ReadonlyArray<Metric> => {
  const { targets } = counted
  const each = (numberOf: (target: (typeof targets)[number]) => number): ReadonlyArray<Series> =>
    targets.map((one) => ({ labels: { target: one.target }, value: numberOf(one) }))
  const doers = targets.map(({ io, target }) => ({ labels: { target }, io }))
  return [
    ...ioMetrics("target", "target", doers, false),
    counter(
      "lunlog_target_io_errors_total",
      "IOs of a target that have failed.",
      each(({ io }) => io.errors)
    ),
    gauge(
      "lunlog_target_ios_in_flight",
      "Commands that its disks have now.",
      each(({ inFlight }) => inFlight)
    ),
    gauge(
      "lunlog_target_luns",
      "LUNs of a target, draining ones too.",
      each(({ lunCount }) => lunCount)
    ),
    gauge(
      "lunlog_target_sessions",
      "Sessions of a target in full feature phase.",
      each(({ sessionCount }) => sessionCount)
    ),
    {
      name: "lunlog_command_duration_seconds",
      type: "histogram",
      help: "How long SCSI commands of a target took, from their first byte to their status.",
      series: targets.flatMap(({ latencies, target }) => latencies.map((one) => latencySeries(target, one)))
    }
  ]
}

const lunLabels = ({ lun, target }: LunStatistics): Labels => ({ target, lun })

/** Of LUNs. */
export const lunMetrics = ({ counted: { luns } }: MetricsSnapshot): ReadonlyArray<Metric> => [
  gauge(
    "lunlog_lun_info",
    "Which bdev a LUN is; always 1.",
    luns.map((one) => ({ labels: { ...lunLabels(one), bdev: one.bdev }, value: 1 }))
  ),
  ...ioMetrics(
    "lun",
    "LUN",
    luns.map((one) => ({ labels: lunLabels(one), io: one.io })),
    true
  ),
  counter(
    "lunlog_lun_io_errors_total",
    "IOs of a LUN that have failed.",
    luns.map((one) => ({ labels: lunLabels(one), value: one.io.errors }))
  ),
  gauge(
    "lunlog_lun_ios_in_flight",
    "Commands that its disk has now.",
    luns.map((one) => ({ labels: lunLabels(one), value: one.inFlight }))
  )
]

const sessionInfo = (session: SessionStatistics): Series => ({
  labels: {
    session: session.connection,
    tsih: session.tsih,
    target: session.target,
    initiator: session.initiatorName,
    initiator_address: session.initiatorAddress,
    portal_group: session.portalGroupTag
  },
  value: 1
})

/** Of sessions, by the number that `lunlog sessions` shows; who they are is told once. */
export const sessionMetrics = ({ counted: { sessions } }: MetricsSnapshot): ReadonlyArray<Metric> => {
  const each = (numberOf: (session: SessionStatistics) => number): ReadonlyArray<Series> =>
    sessions.map((one) => ({ labels: { session: one.connection }, value: numberOf(one) }))
  const doers = sessions.map(({ connection, io }) => ({ labels: { session: connection }, io }))
  return [
    gauge("lunlog_session_info", "Who a session is of; always 1.", sessions.map(sessionInfo)),
    ...ioMetrics("session", "session", doers, true),
    counter(
      "lunlog_session_io_errors_total",
      "IOs of a session that have failed.",
      each(({ io }) => io.errors)
    ),
    counter(
      "lunlog_session_commands_total",
      "SCSI commands that a session has sent.",
      each(({ commands }) => commands)
    ),
    gauge(
      "lunlog_session_commands_in_flight",
      "Commands that have no answer yet.",
      each(({ inFlight }) => inFlight)
    ),
    gauge(
      "lunlog_session_unsent_bytes",
      "Answers that the initiator has not taken yet.",
      each(({ unsentBytes }) => unsentBytes)
    )
  ]
}

/** Of bdevs, with what is stacked on them. */
export const bdevMetrics = ({ bdevs, status }: MetricsSnapshot): ReadonlyArray<Metric> => {
  const told = new Set(bdevs.map(({ name }) => name))
  const doers = bdevs.map(({ name, statistics }) => ({ labels: { bdev: name }, io: statistics.io }))
  const errors = bdevs.flatMap(({ name, statistics: { io } }) => [
    { labels: { bdev: name, reason: "failed" }, value: io.errors.failed },
    { labels: { bdev: name, reason: "aborted" }, value: io.errors.aborted },
    { labels: { bdev: name, reason: "no memory" }, value: io.errors.noMemory }
  ])
  const states = status.bdevs.flatMap(({ name, state }) =>
    told.has(name) ? [{ labels: { bdev: name }, value: state === "up" ? 1 : 0 }] : []
  )
  return [
    gauge("lunlog_bdev_up", "Whether a bdev is open and works as it should.", states),
    ...ioMetrics("bdev", "bdev", doers, true),
    counter("lunlog_bdev_io_errors_total", "IOs of a bdev that have not succeeded.", errors)
  ]
}
