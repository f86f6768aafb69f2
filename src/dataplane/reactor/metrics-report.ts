/**
 * All counters of a reactor, of at most so many things: the oldest, so that those that are told of are the same from
 * one question to the next. Takes one look at each LUN.
 */
import { performance } from "node:perf_hooks"
import type {
  LunStatistics,
  MetricsBounds,
  MetricsReport,
  ReactorMetrics,
  SessionStatistics,
  TargetMetrics
} from "../../domain/Statistics.ts"
import type { LoopLag } from "../../host/LoopLag.ts"
import { IoCounts } from "../bdev/statistics/IoCounts.ts"
import type { IscsiNode } from "../iscsi/IscsiNode.ts"
import type { LunMapping, Target } from "../iscsi/Target.ts"
import type { FactCounts } from "./FactCounts.ts"

/** What a LUN has done. */
export const lunStatistics = (mapping: LunMapping): LunStatistics => {
  const { counts, incarnation, lun, submitted, targetName, unit } = mapping
  return { target: targetName, lun, incarnation, bdev: unit.name, io: counts.report(), inFlight: submitted.size }
}

const targetMetrics = (target: Target, withLatencies: boolean): TargetMetrics => {
  const counts = new IoCounts()
  target.past.addTo(counts)
  let inFlight = 0
  let lunCount = 0
  for (const mapping of target.luns) {
    if (mapping === undefined) continue
    // Where there are thousands, most have never done anything.
    if (mapping.lastIoAt > 0) mapping.counts.addTo(counts)
    inFlight += mapping.submitted.size
    lunCount++
  }
  return {
    target: target.spec.name,
    incarnation: target.spec.incarnation,
    io: counts.report(),
    inFlight,
    lunCount,
    sessionCount: target.sessions.size,
    latencies: withLatencies ? target.latencies.report() : []
  }
}

const reactorMetrics = (node: IscsiNode, facts: FactCounts, lag: LoopLag): ReactorMetrics => {
  const { active, idle } = performance.eventLoopUtilization()
  let { pdus, receivedBytes, sentBytes } = node.pastTraffic
  for (const connection of node.connections) {
    receivedBytes += connection.receivedBytes
    sentBytes += connection.transmitter.sentBytes
    pdus += connection.recorder.count
  }
  return {
    index: 0,
    busyMillis: active,
    idleMillis: idle,
    lag: lag.report(),
    naps: node.coalescing.naps,
    connectionCount: node.connections.size,
    sessionCount: node.sessions.size,
    receivedBytes,
    sentBytes,
    pdus,
    facts: facts.report()
  }
}

/** The oldest of them, oldest first. */
const oldest = <T>(things: Array<T>, bornOf: (thing: T) => number, most: number): ReadonlyArray<T> =>
  things.sort((a, b) => bornOf(a) - bornOf(b)).slice(0, most)

/** Takes the report; `sessions` are all, in their order. */
export const metricsReport = (
  node: IscsiNode,
  facts: FactCounts,
  lag: LoopLag,
  sessions: ReadonlyArray<SessionStatistics>,
  bounds: MetricsBounds
): MetricsReport => {
  const mappings: Array<LunMapping> = []
  for (const { luns } of node.targets.values()) {
    for (const mapping of luns) if (mapping !== undefined) mappings.push(mapping)
  }
  const targets = oldest([...node.targets.values()], ({ spec }) => spec.incarnation, bounds.targets)
  return {
    reactors: [reactorMetrics(node, facts, lag)],
    targetCount: node.targets.size,
    lunCount: mappings.length,
    sessionCount: sessions.length,
    targets: targets.map((target, at) => targetMetrics(target, at < bounds.latencies)),
    luns: oldest(mappings, ({ incarnation }) => incarnation, bounds.luns).map(lunStatistics),
    sessions: sessions.slice(0, bounds.sessions)
  }
}
