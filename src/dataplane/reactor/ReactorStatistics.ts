/** Answers what a reactor is asked about its counters, and samples the queues of bdevs while somebody wants it. */

import type {
  BdevStatistics,
  Histogram,
  HistogramRequest,
  LunStatistics,
  SessionStatistics
} from "../../domain/Statistics.ts"
import { LoopLag } from "../../host/LoopLag.ts"
import type { Bdev } from "../bdev/Bdev.ts"
import { IoKind } from "../bdev/statistics/IoCounts.ts"
import { IoStatistics } from "../bdev/statistics/IoStatistics.ts"
import { type LatencyHistogram, nanosPerMilli } from "../bdev/statistics/LatencyHistogram.ts"
import { WrapperBdev } from "../bdev/wrapper/WrapperBdev.ts"
import type { Connection } from "../iscsi/Connection.ts"
import type { IscsiNode } from "../iscsi/IscsiNode.ts"
import type { LogicalUnit } from "../scsi/LogicalUnit.ts"
import { FactCounts } from "./FactCounts.ts"
import { LoadReports } from "./LoadReports.ts"
import { lunStatistics, metricsReport } from "./metrics-report.ts"
import type { BdevId } from "./protocol.ts"
import { QueueSampler } from "./QueueSampler.ts"
import type { StatisticsQuery, StatisticsResult } from "./statistics-protocol.ts"

type QueryOf<Tag extends StatisticsQuery["_tag"]> = Extract<StatisticsQuery, { readonly _tag: Tag }>

const nothingCounted: BdevStatistics = { io: new IoStatistics().report(), isInUse: false, queue: undefined }

/** Copied: the counting goes on. */
const histogramReport = (histogram: LatencyHistogram | undefined): Histogram | undefined => {
  if (histogram === undefined) return undefined
  const { buckets, granularity, maxRange, minRange } = histogram
  return { granularity, minRange, maxRange, buckets: buckets.slice() }
}

/** One per reactor. */
export class ReactorStatistics {
  readonly #node: IscsiNode
  readonly #units: ReadonlyMap<BdevId, LogicalUnit>
  readonly #samplers = new Map<BdevId, QueueSampler>()
  readonly #loads: LoadReports
  readonly #facts: FactCounts
  readonly #lag = new LoopLag()

  /** `units` are the bdevs that are open, as the reactor has them at any time; `facts` is what it finds out. */
  constructor(node: IscsiNode, units: ReadonlyMap<BdevId, LogicalUnit>, facts: FactCounts = new FactCounts()) {
    this.#node = node
    this.#units = units
    this.#facts = facts
    this.#loads = new LoadReports(node)
  }

  /** Answers. */
  query(query: StatisticsQuery): StatisticsResult {
    switch (query._tag) {
      case "Bdevs":
        return this.#bdevs(query)
      case "SampleQueueDepth":
        return this.#sample(query)
      case "BdevHistogram": {
        const histogram = this.#units.get(query.bdev)?.statistics.histogram
        return { _tag: "Histogram", histogram: histogramReport(histogram) }
      }
      case "BdevHistogramCounts": {
        const histogram = this.#units.get(query.bdev)?.statistics.histogram
        return { _tag: "Counts", counts: histogram?.countsBetween(query.bordersNanos) }
      }
      case "TargetHistogram": {
        const target = this.#node.findTarget(query.target)
        const histogram = target?.spec.incarnation === query.incarnation ? target.histogram : undefined
        return { _tag: "Histogram", histogram: histogramReport(histogram) }
      }
      case "Live":
        return this.#live(query)
      case "Metrics": {
        const metrics = metricsReport(this.#node, this.#facts, this.#lag, this.#sessions(), query.bounds)
        return { _tag: "Metrics", metrics }
      }
      case "Load":
        return { _tag: "Load", load: this.#loads.take(query.most) }
    }
  }

  /** Begins a histogram of an open bdev; undefined ends it. */
  keepHistogram(bdev: BdevId, histogram: HistogramRequest | undefined): void {
    const kind = histogram?.kind === undefined ? undefined : IoKind[histogram.kind]
    this.#units.get(bdev)?.statistics.keepHistogram(histogram, kind)
  }

  /** A bdev is closed: nothing of it is sampled any more. */
  forget(bdev: BdevId): void {
    this.#samplers.get(bdev)?.stop()
    this.#samplers.delete(bdev)
  }

  /** Ends all timers. */
  stop(): void {
    for (const bdev of [...this.#samplers.keys()]) this.forget(bdev)
    this.#lag.stop()
  }

  #nowNanos(): number {
    return Math.round(this.#node.now() * nanosPerMilli)
  }

  /** What sessions have a path to, also through what is stacked on it. */
  #usedDevices(): ReadonlySet<Bdev> {
    const used = new Set<Bdev>()
    for (const unit of this.#units.values()) {
      if (unit.nexusCount === 0) continue
      used.add(unit.bdev)
      for (let at = unit.bdev; at instanceof WrapperBdev; at = at.base) used.add(at.base)
    }
    return used
  }

  #bdevs({ bdevs, reset }: QueryOf<"Bdevs">): StatisticsResult {
    const used = this.#usedDevices()
    const reports = bdevs.map((bdev): BdevStatistics => {
      const unit = bdev === undefined ? undefined : this.#units.get(bdev)
      if (bdev === undefined || unit === undefined) return nothingCounted
      return {
        io: unit.statistics.report(),
        isInUse: used.has(unit.bdev),
        queue: this.#samplers.get(bdev)?.report()
      }
    })
    for (const bdev of bdevs) if (bdev !== undefined) this.#units.get(bdev)?.statistics.reset(reset)
    return { _tag: "Bdevs", report: { atNanos: this.#nowNanos(), bdevs: reports } }
  }

  #sample({ bdev, periodMicros }: QueryOf<"SampleQueueDepth">): StatisticsResult {
    const unit = this.#units.get(bdev)
    const before = this.#samplers.get(bdev)
    this.forget(bdev)
    if (unit !== undefined && periodMicros > 0) {
      const depth = (): number => unit.statistics.inFlight
      this.#samplers.set(bdev, new QueueSampler(depth, () => this.#node.now(), periodMicros, before))
    }
    return { _tag: "Noted" }
  }

  #live({ activeSinceNanos = 0 }: QueryOf<"Live">): StatisticsResult {
    const since = activeSinceNanos / nanosPerMilli
    const luns: Array<LunStatistics> = []
    let lunCount = 0
    for (const { luns: mappings } of this.#node.targets.values()) {
      for (const mapping of mappings) {
        if (mapping === undefined) continue
        lunCount++
        if (mapping.lastIoAt >= since || mapping.submitted.size > 0) luns.push(lunStatistics(mapping))
      }
    }
    return { _tag: "Live", live: { atNanos: this.#nowNanos(), lunCount, luns, sessions: this.#sessions() } }
  }

  #sessions(): ReadonlyArray<SessionStatistics> {
    return [...this.#node.connections].flatMap((connection) => {
      const { commands, session } = connection
      return commands === undefined || session === undefined ? [] : [sessionStatistics(connection, session, commands)]
    })
  }
}

const sessionStatistics = (
  { id, origin, receivedBytes, transmitter }: Connection,
  { identity, tsih }: NonNullable<Connection["session"]>,
  { bufferBytes, commandCount, counts, tasks }: NonNullable<Connection["commands"]>
): SessionStatistics => ({
  connection: id,
  tsih,
  initiatorName: identity.initiatorName,
  initiatorAddress: origin.initiatorAddress,
  target: identity.target.spec.name,
  targetAddress: origin.targetAddress,
  portalGroupTag: origin.portalGroupTag,
  commands: commandCount,
  inFlight: tasks.size,
  io: counts.report(),
  receivedBytes,
  sentBytes: transmitter.sentBytes,
  bufferBytes,
  unsentBytes: transmitter.unsentBytes
})
