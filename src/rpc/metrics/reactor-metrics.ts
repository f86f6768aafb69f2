/** Metrics of reactors: their event loops and connections, and what they have found out. */
import type { ReactorStatus } from "../../domain/DataPlane.ts"
import { Ending } from "../../domain/observation/session-observations.ts"
import type { FactCount, ReactorMetrics } from "../../domain/Statistics.ts"
import { labelled, type Metric, type Series } from "./exposition.ts"
import type { MetricsSnapshot } from "./MetricsSnapshot.ts"

const millisPerSecond = 1000

/** 01/xx sends the initiator elsewhere (RFC 7143 section 11.13.5). */
const redirected = /^01/

const outcomes = ["accepted", "discovery", "refused", "redirected", "abandoned"]
const digests = ["header", "data"]
const drainOutcomes = ["drained", "late"]

const outcomeOf = ({ detail, type }: FactCount): string | undefined => {
  switch (type) {
    case "SessionOpened":
      return "accepted"
    case "DiscoverySession":
      return "discovery"
    case "LoginRefused":
      return redirected.test(detail) ? "redirected" : "refused"
    case "LoginAbandoned":
      return "abandoned"
    default:
      return undefined
  }
}

/** Sums of facts by a label that is made of them; what is known to be possible begins at 0. */
const sums = (
  { facts, index }: ReactorMetrics,
  label: string,
  labelOf: (fact: FactCount) => string | undefined,
  possible: ReadonlyArray<string>
): ReadonlyArray<Series> => {
  const byValue = new Map(possible.map((value) => [value, 0]))
  for (const fact of facts) {
    const value = labelOf(fact)
    if (value !== undefined) byValue.set(value, (byValue.get(value) ?? 0) + fact.count)
  }
  return [...byValue].map(([value, count]) => ({
    labels: labelled({ reactor: index, [label]: value }),
    value: count
  }))
}

const ofType =
  (type: string) =>
  (fact: FactCount): string | undefined =>
    fact.type === type ? fact.detail : undefined

/** Facts that say no more than their type, by what is counted of them. */
const problems: Readonly<Record<string, string>> = {
  ConnectionRefused: "connection refused",
  ProtocolError: "protocol error",
  InternalError: "internal error",
  IoFailed: "command failed",
  BdevIoFailed: "bdev IO failed",
  SlowIo: "slow IO",
  IoStuck: "stuck IO",
  QueueFull: "queue full"
}

const factMetrics = (reactors: ReadonlyArray<ReactorMetrics>): ReadonlyArray<Metric> => {
  const counter = (
    name: string,
    help: string,
    label: string,
    labelOf: (fact: FactCount) => string | undefined,
    possible: ReadonlyArray<string> = []
  ): Metric => {
    const series = reactors.flatMap((reactor) => sums(reactor, label, labelOf, possible))
    return { name, type: "counter", help, series }
  }
  return [
    counter("lunlog_logins_total", "Logins by how they ended.", "outcome", outcomeOf, outcomes),
    counter(
      "lunlog_login_refusals_total",
      "Logins that were refused or sent elsewhere, by status class and detail, four hexadecimal digits.",
      "status",
      ofType("LoginRefused")
    ),
    counter(
      "lunlog_sessions_closed_total",
      "Sessions that have ended, by why.",
      "ending",
      ofType("SessionClosed"),
      Ending.literals
    ),
    counter("lunlog_task_management_total", "Task management functions.", "function", ofType("TaskManagement")),
    counter("lunlog_pdus_rejected_total", "PDUs that were rejected, by why.", "reason", ofType("PduRejected")),
    counter("lunlog_digest_errors_total", "PDUs with a wrong digest.", "digest", ofType("DigestError"), digests),
    counter(
      "lunlog_drains_total",
      "LUNs that have drained: whether all commands have ended by themselves, or some were aborted at the deadline.",
      "outcome",
      ofType("LunDrainEnded"),
      drainOutcomes
    ),
    counter(
      "lunlog_problems_total",
      "What went wrong beside, by what.",
      "problem",
      ({ type }) => problems[type],
      Object.values(problems)
    )
  ]
}

const loopMetrics = (reactors: ReadonlyArray<ReactorMetrics>): ReadonlyArray<Metric> => {
  const each = (numberOf: (reactor: ReactorMetrics) => number): ReadonlyArray<Series> =>
    reactors.map((reactor) => ({ labels: labelled({ reactor: reactor.index }), value: numberOf(reactor) }))
  return [
    {
      name: "lunlog_reactor_loop_seconds_total",
      type: "counter",
      help: "Time of a reactor's event loop.",
      series: reactors.flatMap(({ busyMillis, idleMillis, index }) => [
        { labels: labelled({ reactor: index, state: "busy" }), value: busyMillis / millisPerSecond },
        { labels: labelled({ reactor: index, state: "idle" }), value: idleMillis / millisPerSecond }
      ])
    },
    {
      name: "lunlog_reactor_loop_lag_seconds",
      type: "gauge",
      help: "How late the last timer was that is due once a second.",
      series: each(({ lag }) => lag.latestMillis / millisPerSecond)
    },
    {
      name: "lunlog_reactor_loop_late_seconds_total",
      type: "counter",
      help: "How late all of them were together.",
      series: each(({ lag }) => lag.lateMillis / millisPerSecond)
    },
    {
      name: "lunlog_reactor_loop_looks_total",
      type: "counter",
      help: "How many of them there were.",
      series: each(({ lag }) => lag.looks)
    },
    {
      name: "lunlog_reactor_naps_total",
      type: "counter",
      help: "Naps in which commands gathered.",
      series: each(({ naps }) => naps)
    },
    {
      name: "lunlog_connections",
      type: "gauge",
      help: "TCP connections of initiators.",
      series: each(({ connectionCount }) => connectionCount)
    },
    {
      name: "lunlog_sessions",
      type: "gauge",
      help: "Sessions.",
      series: each(({ sessionCount }) => sessionCount)
    },
    {
      name: "lunlog_received_bytes_total",
      type: "counter",
      help: "Bytes that initiators have sent.",
      series: each(({ receivedBytes }) => receivedBytes)
    },
    {
      name: "lunlog_sent_bytes_total",
      type: "counter",
      help: "Bytes that were sent to initiators.",
      series: each(({ sentBytes }) => sentBytes)
    },
    {
      name: "lunlog_pdus_total",
      type: "counter",
      help: "PDUs that were received and sent.",
      series: each(({ pdus }) => pdus)
    }
  ]
}

const stateMetrics = (reactors: ReadonlyArray<Pick<ReactorStatus, "crashCount" | "index" | "state">>) => {
  const series = (numberOf: (reactor: (typeof reactors)[number]) => number): ReadonlyArray<Series> =>
    reactors.map((reactor) => ({ labels: labelled({ reactor: reactor.index }), value: numberOf(reactor) }))
  const metrics: ReadonlyArray<Metric> = [
    {
      name: "lunlog_reactor_up",
      type: "gauge",
      help: "Whether a reactor runs.",
      series: series(({ state }) => (state === "up" ? 1 : 0))
    },
    {
      name: "lunlog_reactor_failures_total",
      type: "counter",
      help: "How often a reactor has failed.",
      series: series(({ crashCount }) => crashCount)
    }
  ]
  return metrics
}

/** All of this file. Of a target with one reactor, its index is 0. */
export const reactorMetrics = ({ counted: { reactors }, status }: MetricsSnapshot): ReadonlyArray<Metric> => {
  const only = reactors.map(({ index }) => ({ index, state: "up" as const, crashCount: 0 }))
  return [
    ...stateMetrics(status.reactors.length > 0 ? status.reactors : only),
    ...loopMetrics(reactors),
    ...factMetrics(reactors)
  ]
}
