/** Metrics of what there is, and of how it is: targets, portals, drains, memory, and what has no series of its own. */
import { labelled, type Metric, noLabels, type Series } from "./exposition.ts"
import { type MetricsSnapshot, metricsBounds } from "./MetricsSnapshot.ts"

const millisPerSecond = 1000

const one = (value: number): ReadonlyArray<Series> => [{ labels: noLabels, value }]

const bdevStates = ["up", "degraded", "failed", "detached"] as const

const objectMetrics = ({ counted, status }: MetricsSnapshot): ReadonlyArray<Metric> => [
  { name: "lunlog_targets", type: "gauge", help: "Targets.", series: one(counted.targetCount) },
  { name: "lunlog_luns", type: "gauge", help: "LUNs of all targets.", series: one(counted.lunCount) },
  {
    name: "lunlog_bdevs",
    type: "gauge",
    help: "Bdevs by state.",
    series: bdevStates.map((state) => ({
      labels: labelled({ state }),
      value: status.bdevs.filter((bdev) => bdev.state === state).length
    }))
  },
  {
    name: "lunlog_portal_up",
    type: "gauge",
    help: "Whether a portal listens.",
    series: status.portals.map(({ host, port, state, tag }) => ({
      labels: labelled({ portal_group: tag, portal: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}` }),
      value: state === "listening" ? 1 : 0
    }))
  },
  {
    name: "lunlog_warnings",
    type: "gauge",
    help: "Warnings of the data plane, which lunlog status shows.",
    series: one(status.warnings.length)
  }
]

const incidentMetrics = ({ incidentCount, newestIncidentAt }: MetricsSnapshot): ReadonlyArray<Metric> => [
  { name: "lunlog_incidents", type: "gauge", help: "Incidents that are kept.", series: one(incidentCount) },
  {
    name: "lunlog_incident_newest_seconds",
    type: "gauge",
    help: "When the newest of them was, in seconds since 1970.",
    series: newestIncidentAt === undefined ? [] : one(newestIncidentAt)
  }
]

const drainMetrics = ({ drains }: MetricsSnapshot): ReadonlyArray<Metric> => {
  const told = drains.slice(0, metricsBounds.luns)
  return [
    { name: "lunlog_draining_luns", type: "gauge", help: "LUNs that drain.", series: one(drains.length) },
    {
      name: "lunlog_lun_drain_commands",
      type: "gauge",
      help: "Commands that a draining LUN waits for.",
      series: told.map(({ commandsLeft, lun, target }) => ({ labels: labelled({ target, lun }), value: commandsLeft }))
    },
    {
      name: "lunlog_lun_drain_deadline_seconds",
      type: "gauge",
      help: "When the rest of them is aborted, in seconds since 1970.",
      series: told.map(({ deadlineAt, lun, target }) => ({
        labels: labelled({ target, lun }),
        value: deadlineAt / millisPerSecond
      }))
    }
  ]
}

const memoryMetrics = ({ status: { memory } }: MetricsSnapshot): ReadonlyArray<Metric> => [
  {
    name: "lunlog_memory_limit_bytes",
    type: "gauge",
    help: "Memory that the data plane may take.",
    series: one(memory.limit)
  },
  {
    name: "lunlog_memory_used_bytes",
    type: "gauge",
    help: "Memory that the data plane has taken, by what for.",
    series: Object.entries(memory.usedFor).map(([use, value]) => ({ labels: labelled({ use }), value }))
  }
]

const leftOut = ({ bdevs, counted, status }: MetricsSnapshot): Metric => {
  const { luns, lunCount, sessionCount, sessions, targetCount, targets } = counted
  const counts = {
    targets: targetCount - targets.length,
    "latencies of targets": Math.max(0, targetCount - metricsBounds.latencies),
    luns: lunCount - luns.length,
    sessions: sessionCount - sessions.length,
    bdevs: status.bdevs.length - bdevs.length
  }
  return {
    name: "lunlog_metrics_left_out",
    type: "gauge",
    help: "Things that have no series of their own, because there are too many.",
    series: Object.entries(counts).map(([kind, value]) => ({ labels: labelled({ kind }), value }))
  }
}

/** All of this file. */
export const stateMetrics = (snapshot: MetricsSnapshot): ReadonlyArray<Metric> => [
  ...objectMetrics(snapshot),
  ...incidentMetrics(snapshot),
  ...drainMetrics(snapshot),
  ...memoryMetrics(snapshot),
  leftOut(snapshot)
]
