/** What several reactors say, as if it were one. */
import type { CaptureSelection } from "../../domain/capture/ConnectionCapture.ts"
import {
  type BdevStatistics,
  type IoReport,
  ioSum,
  type MetricsBounds,
  noIo,
  opsOf,
  type TargetMetrics
} from "../../domain/Statistics.ts"
import { firstOf } from "../iscsi/recorder/Recordings.ts"
import type { ReactorAnswer, ReactorReport } from "../reactor/protocol.ts"
import type { StatisticsResult } from "../reactor/statistics-protocol.ts"

/** An answer, and the index of the reactor that has given it. */
export interface MemberAnswer {
  readonly index: number
  readonly answer: ReactorAnswer
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

/** Reports of those that have answered. */
export const mergedReport = (answers: ReadonlyArray<MemberAnswer>): ReactorReport => {
  const reports = answers.flatMap(({ answer, index }) =>
    answer._tag === "Report" ? [{ index, report: answer.report }] : []
  )
  const all = reports.map(({ report }) => report)
  return {
    connections: reports.flatMap(({ index, report }) =>
      report.connections.map((connection) => ({ ...connection, reactor: index }))
    ),
    drains: all.flatMap(({ drains }) => drains),
    limits: all.flatMap(({ limits }) => limits),
    sessionCount: sum(all.map(({ sessionCount }) => sessionCount)),
    taskBufferBytes: sum(all.map(({ taskBufferBytes }) => taskBufferBytes)),
    suppressedObservations: sum(all.map(({ suppressedObservations }) => suppressedObservations))
  }
}

const newest = (results: ReadonlyArray<{ readonly atNanos: number }>): number =>
  results.reduce((latest, { atNanos }) => Math.max(latest, atNanos), 0)

/** Of each bdev, what its home says; `homes` are in the order of the bdevs. Nobody has those that are not open. */
export const mergedBdevs = (
  answers: ReadonlyArray<MemberAnswer>,
  homes: ReadonlyArray<number | undefined>
): StatisticsResult => {
  const reports = answers.flatMap(({ answer, index }) =>
    answer._tag === "Statistics" && answer.result._tag === "Bdevs" ? [{ index, report: answer.result.report }] : []
  )
  const bdevs = homes.flatMap((home, at): ReadonlyArray<BdevStatistics> => {
    const own = reports.find(({ index }) => index === home) ?? reports[0]
    const statistics = own?.report.bdevs[at]
    return statistics === undefined ? [] : [statistics]
  })
  return { _tag: "Bdevs", report: { atNanos: newest(reports.map(({ report }) => report)), bdevs } }
}

/** What was recorded, of the connections with the lowest numbers. Of a connection, only one reactor has something. */
export const mergedCaptures = (answers: ReadonlyArray<MemberAnswer>, selection: CaptureSelection): ReactorAnswer => {
  const all = answers.flatMap(({ answer }) => (answer._tag === "Captured" ? answer.recordings : []))
  const sorted = all.sort((a, b) => a.connection - b.connection)
  return { _tag: "Captured", recordings: firstOf(sorted, selection, (recording) => recording) }
}

/** What goes on everywhere. */
export const mergedLive = (answers: ReadonlyArray<MemberAnswer>): StatisticsResult => {
  const all = answers.flatMap(({ answer }) =>
    answer._tag === "Statistics" && answer.result._tag === "Live" ? [answer.result.live] : []
  )
  return {
    _tag: "Live",
    live: {
      atNanos: newest(all),
      lunCount: sum(all.map(({ lunCount }) => lunCount)),
      luns: all.flatMap(({ luns }) => luns),
      sessions: all.flatMap(({ sessions }) => sessions)
    }
  }
}

const busiest = <T extends { readonly io: IoReport }>(loads: ReadonlyArray<T>, most: number): ReadonlyArray<T> =>
  [...loads].sort((a, b) => opsOf(b.io) - opsOf(a.io)).slice(0, most)

/** What was done everywhere: a target, a LUN or a session is at one reactor. */
export const mergedLoad = (answers: ReadonlyArray<MemberAnswer>, most: number): StatisticsResult => {
  const all = answers.flatMap(({ answer }) =>
    answer._tag === "Statistics" && answer.result._tag === "Load" ? [answer.result.load] : []
  )
  return {
    _tag: "Load",
    load: {
      atNanos: newest(all),
      io: all.reduce((total, { io }) => ioSum(total, io), noIo),
      inFlight: sum(all.map(({ inFlight }) => inFlight)),
      sessionCount: sum(all.map(({ sessionCount }) => sessionCount)),
      connectionCount: sum(all.map(({ connectionCount }) => connectionCount)),
      targets: busiest(
        all.flatMap(({ targets }) => targets),
        most
      ),
      luns: busiest(
        all.flatMap(({ luns }) => luns),
        most
      ),
      sessions: busiest(
        all.flatMap(({ sessions }) => sessions),
        most
      )
    }
  }
}

/** The front knows each target, and has done nothing for it but logins. */
const mergedTargets = (targets: ReadonlyArray<TargetMetrics>): ReadonlyArray<TargetMetrics> => {
  const byName = new Map<string, TargetMetrics>()
  for (const one of targets) {
    const other = byName.get(one.target)
    const both = other && {
      ...one,
      io: ioSum(one.io, other.io),
      inFlight: one.inFlight + other.inFlight,
      lunCount: one.lunCount + other.lunCount,
      sessionCount: one.sessionCount + other.sessionCount,
      latencies: one.latencies.length > 0 ? one.latencies : other.latencies
    }
    byName.set(one.target, both ?? one)
  }
  return [...byName.values()].sort((a, b) => a.incarnation - b.incarnation)
}

/** All counters of all reactors, each of which knows its index. */
export const mergedMetrics = (answers: ReadonlyArray<MemberAnswer>, bounds: MetricsBounds): StatisticsResult => {
  const all = answers.flatMap(({ answer, index }) =>
    answer._tag === "Statistics" && answer.result._tag === "Metrics" ? [{ index, ...answer.result.metrics }] : []
  )
  const targets = mergedTargets(all.flatMap((one) => one.targets))
  const metrics = {
    reactors: all.flatMap(({ index, reactors }) => reactors.map((reactor) => ({ ...reactor, index }))),
    targetCount: Math.max(0, ...all.map(({ targetCount }) => targetCount)),
    lunCount: sum(all.map(({ lunCount }) => lunCount)),
    sessionCount: sum(all.map(({ sessionCount }) => sessionCount)),
    targets: targets
      .slice(0, bounds.targets)
      .map((target, at) => (at < bounds.latencies ? target : { ...target, latencies: [] })),
    luns: all
      .flatMap(({ luns }) => luns)
      .sort((a, b) => a.incarnation - b.incarnation)
      .slice(0, bounds.luns),
    sessions: all
      .flatMap(({ sessions }) => sessions)
      .sort((a, b) => a.connection - b.connection)
      .slice(0, bounds.sessions)
  }
  return { _tag: "Metrics", metrics }
}
