/**
 * What a target has done in an interval, and how it was at its end: what charts and incident bundles are made of.
 * Samples that follow each other can be made one.
 */
import {
  type IoReport,
  ioSum,
  type LunLoad,
  opsOf,
  type SessionLoad,
  type TargetLoad
} from "../../domain/Statistics.ts"

/** Of the event log, in the interval. */
export interface LogLoad {
  readonly controlRecords: number
  readonly observations: number
  readonly syncs: number
  /** What they took together. */
  readonly syncMillis: number
}

/** Of the process, in the interval; bytes are at its end. */
export interface ProcessLoad {
  /** Of all threads. */
  readonly cpuMillis: number
  /** In which the main thread's event loop was not idle. */
  readonly busyMillis: number
  /** How late it was at most. */
  readonly lagMillis: number
  readonly residentBytes: number
  readonly heapBytes: number
}

/** One interval. */
export interface MetricsSample {
  /** Its end, in milliseconds since the epoch, and its length. */
  readonly at: number
  readonly seconds: number
  /** Of all LUNs. */
  readonly io: IoReport
  /** At the end. */
  readonly inFlight: number
  readonly sessionCount: number
  readonly connectionCount: number
  readonly log: LogLoad
  readonly process: ProcessLoad
  /** The busiest, busiest first; those that have done nothing are not among them. */
  readonly targets: ReadonlyArray<TargetLoad>
  readonly luns: ReadonlyArray<LunLoad>
  readonly sessions: ReadonlyArray<SessionLoad>
}

/** As later samples have it, with all that was done. */
const mergedLoads = <T extends { readonly io: IoReport }>(
  loads: ReadonlyArray<T>,
  keyOf: (load: T) => string,
  most: number
): ReadonlyArray<T> => {
  const byKey = new Map<string, T>()
  for (const load of loads) {
    const known = byKey.get(keyOf(load))
    byKey.set(keyOf(load), known === undefined ? load : { ...load, io: ioSum(known.io, load.io) })
  }
  return [...byKey.values()].sort((a, b) => opsOf(b.io) - opsOf(a.io)).slice(0, most)
}

/** What tells a LUN from others, also from one that had its place before. */
export const lunKey = ({ incarnation, lun, target }: Pick<LunLoad, "incarnation" | "lun" | "target">): string =>
  `${incarnation} ${lun} ${target}`

const sumOf = <T>(things: ReadonlyArray<T>, numberOf: (thing: T) => number): number =>
  things.reduce((sum, thing) => sum + numberOf(thing), 0)

const mergedLog = (logs: ReadonlyArray<LogLoad>): LogLoad => ({
  controlRecords: sumOf(logs, ({ controlRecords }) => controlRecords),
  observations: sumOf(logs, ({ observations }) => observations),
  syncs: sumOf(logs, ({ syncs }) => syncs),
  syncMillis: sumOf(logs, ({ syncMillis }) => syncMillis)
})

/**
 * Samples in their order as one, with at most `most` targets, LUNs and sessions. Which are the busiest is known only of
 * those that were among the busiest of a sample.
 */
export const mergedSample = (
  first: MetricsSample,
  later: ReadonlyArray<MetricsSample>,
  most: number
): MetricsSample => {
  const all = [first, ...later]
  const last = later.at(-1) ?? first
  return {
    ...last,
    seconds: sumOf(all, ({ seconds }) => seconds),
    io: later.reduce((sum, { io }) => ioSum(sum, io), first.io),
    log: mergedLog(all.map(({ log }) => log)),
    process: {
      ...last.process,
      cpuMillis: sumOf(all, ({ process }) => process.cpuMillis),
      busyMillis: sumOf(all, ({ process }) => process.busyMillis),
      lagMillis: Math.max(...all.map(({ process }) => process.lagMillis))
    },
    targets: mergedLoads(
      all.flatMap(({ targets }) => targets),
      ({ target }) => target,
      most
    ),
    luns: mergedLoads(
      all.flatMap(({ luns }) => luns),
      lunKey,
      most
    ),
    sessions: mergedLoads(
      all.flatMap(({ sessions }) => sessions),
      ({ connection }) => `${connection}`,
      most
    )
  }
}
