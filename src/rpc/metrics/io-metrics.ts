/** Metrics of IO: of targets, LUNs, sessions and bdevs. */
import { type ClassLatencies, latencyBoundsMillis } from "../../domain/latency-classes.ts"
import type { IoReport, IoTotals, LunStatistics, SessionStatistics, TargetMetrics } from "../../domain/Statistics.ts"
import { type HistogramSeries, type Labels, labelled, type Metric, type Series } from "./exposition.ts"
import type { MetricsSnapshot } from "./MetricsSnapshot.ts"

const nanosPerSecond = 1e9
const millisPerSecond = 1000

/** Something that does IO, by its labels. */
interface Doer {
  readonly labels: Labels
  readonly io: Omit<IoReport, "errors">
}

const operations = ["read", "write", "unmap", "flush"] as const

interface Operation {
  readonly labels: Labels
  readonly totals: IoTotals
}

/** Where there are many, only what they all do, and what one of them has done. */
const operationsOf = (doers: ReadonlyArray<Doer>, areMany: boolean): ReadonlyArray<Operation> =>
  doers.flatMap(({ io, labels }) =>
    operations.flatMap((operation) => {
      const totals = io[operation]
      const isUsual = operation === "read" || operation === "write"
      return areMany && !isUsual && totals.ops === 0 ? [] : [{ labels: labelled({ operation }, labels), totals }]
    })
  )

function* ioMetrics(of: string, noun: string, doers: ReadonlyArray<Doer>, areMany: boolean): Generator<Metric> {
  const all = operationsOf(doers, areMany)
  const each = (numberOf: (totals: IoTotals) => number): ReadonlyArray<Series> =>
    all.map(({ labels, totals }) => ({ labels, value: numberOf(totals) }))
  yield counter(
    `lunlog_${of}_ios_total`,
    `IOs of a ${noun} that have succeeded.`,
    each(({ ops }) => ops)
  )
  yield counter(
    `lunlog_${of}_io_bytes_total`,
    "Bytes of these IOs.",
    each(({ bytes }) => bytes)
  )
  yield counter(
    `lunlog_${of}_io_seconds_total`,
    "Sum of their latencies, from when the disk got them until they ended.",
    each(({ latencyNanos }) => latencyNanos / nanosPerSecond)
  )
}

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
  labels: labelled({ target, command: name }),
  bounds: latencyBoundsMillis.map((millis) => millis / millisPerSecond),
  counts,
  sum: sumMillis / millisPerSecond
})

/** Of targets; what LUNs have done that are gone is in it. */
export function* targetMetrics({ counted: { targets } }: MetricsSnapshot): Generator<Metric> {
  const all = targets.map((one) => ({ ...one, labels: labelled({ target: one.target }) }))
  const each = (numberOf: (target: TargetMetrics) => number): ReadonlyArray<Series> =>
    all.map((one) => ({ labels: one.labels, value: numberOf(one) }))
  yield* ioMetrics("target", "target", all, false)
  yield counter(
    "lunlog_target_io_errors_total",
    "IOs of a target that have failed.",
    each(({ io }) => io.errors)
  )
  yield gauge(
    "lunlog_target_ios_in_flight",
    "Commands that its disks have now.",
    each(({ inFlight }) => inFlight)
  )
  yield gauge(
    "lunlog_target_luns",
    "LUNs of a target, draining ones too.",
    each(({ lunCount }) => lunCount)
  )
  yield gauge(
    "lunlog_target_sessions",
    "Sessions of a target.",
    each(({ sessionCount }) => sessionCount)
  )
  yield {
    name: "lunlog_command_duration_seconds",
    type: "histogram",
    help: "How long SCSI commands of a target took, from their first byte to their status.",
    series: targets.flatMap(({ latencies, target }) => latencies.map((one) => latencySeries(target, one)))
  }
}

/** Of LUNs. */
export function* lunMetrics({ counted: { luns } }: MetricsSnapshot): Generator<Metric> {
  const all = luns.map((one) => ({ ...one, labels: labelled({ target: one.target, lun: one.lun }) }))
  const each = (numberOf: (lun: LunStatistics) => number): ReadonlyArray<Series> =>
    all.map((one) => ({ labels: one.labels, value: numberOf(one) }))
  yield gauge(
    "lunlog_lun_info",
    "Which bdev a LUN is; always 1.",
    all.map(({ bdev, labels }) => ({ labels: labelled({ bdev }, labels), value: 1 }))
  )
  yield* ioMetrics("lun", "LUN", all, true)
  yield counter(
    "lunlog_lun_io_errors_total",
    "IOs of a LUN that have failed.",
    each(({ io }) => io.errors)
  )
  yield gauge(
    "lunlog_lun_ios_in_flight",
    "Commands that its disk has now.",
    each(({ inFlight }) => inFlight)
  )
}

const sessionInfo = (session: SessionStatistics): Series => ({
  labels: labelled({
    session: session.connection,
    tsih: session.tsih,
    target: session.target,
    initiator: session.initiatorName,
    initiator_address: session.initiatorAddress,
    portal_group: session.portalGroupTag
  }),
  value: 1
})

/** Of sessions, by the number that `lunlog session list` shows; who they are is told once. */
export function* sessionMetrics({ counted: { sessions } }: MetricsSnapshot): Generator<Metric> {
  const all = sessions.map((one) => ({ ...one, labels: labelled({ session: one.connection }) }))
  const each = (numberOf: (session: SessionStatistics) => number): ReadonlyArray<Series> =>
    all.map((one) => ({ labels: one.labels, value: numberOf(one) }))
  yield gauge("lunlog_session_info", "Who a session is of; always 1.", sessions.map(sessionInfo))
  yield* ioMetrics("session", "session", all, true)
  yield counter(
    "lunlog_session_io_errors_total",
    "IOs of a session that have failed.",
    each(({ io }) => io.errors)
  )
  yield counter(
    "lunlog_session_commands_total",
    "SCSI commands that a session has sent.",
    each(({ commands }) => commands)
  )
  yield gauge(
    "lunlog_session_commands_in_flight",
    "Commands that have no answer yet.",
    each(({ inFlight }) => inFlight)
  )
  yield gauge(
    "lunlog_session_unsent_bytes",
    "Answers that the initiator has not taken yet.",
    each(({ unsentBytes }) => unsentBytes)
  )
}

/** Of bdevs, with what is stacked on them. */
export function* bdevMetrics({ bdevs, status }: MetricsSnapshot): Generator<Metric> {
  const all = bdevs.map(({ name, statistics }) => ({ labels: labelled({ bdev: name }), io: statistics.io }))
  yield gauge(
    "lunlog_bdev_up",
    "Whether a bdev is open and works as it should.",
    status.bdevs
      .slice(0, bdevs.length)
      .map(({ name, state }) => ({ labels: labelled({ bdev: name }), value: state === "up" ? 1 : 0 }))
  )
  yield* ioMetrics("bdev", "bdev", all, true)
  yield counter(
    "lunlog_bdev_io_errors_total",
    "IOs of a bdev that have not succeeded.",
    all.flatMap(({ io: { errors }, labels }) => [
      { labels: labelled({ reason: "failed" }, labels), value: errors.failed },
      { labels: labelled({ reason: "aborted" }, labels), value: errors.aborted },
      { labels: labelled({ reason: "no memory" }, labels), value: errors.noMemory }
    ])
  )
}
