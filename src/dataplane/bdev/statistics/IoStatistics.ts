/**
 * All that is known of a bdev's IO: what was done, the extremes of latencies, errors by reason, what is in flight, and
 * a histogram while somebody wants one. Counted on the data path: nothing is allocated.
 */
import { IoStatus, isFailure } from "../Bdev.ts"
import { IoCounts, IoKind, ioKindCount } from "./IoCounts.ts"
import { type HistogramSettings, LatencyHistogram, nanosPerMilli } from "./LatencyHistogram.ts"

/** Which counters begin anew: `maxmin` the largest and smallest latencies, `error` the errors. */
export type StatisticsReset = "all" | "maxmin" | "error" | "none"

/** Not done, and no failure of the device. */
const turnedBack: ReadonlySet<number> = new Set([IoStatus.aborted, IoStatus.noMemory])

const statusCount = Object.keys(IoStatus).length

/** Of one bdev. Latencies come in milliseconds and are told in nanoseconds. */
export class IoStatistics {
  readonly #counts = new IoCounts()
  /** By kind; a minimum without an IO is infinite. */
  readonly #least = new Float64Array(ioKindCount).fill(Number.POSITIVE_INFINITY)
  readonly #most = new Float64Array(ioKindCount)
  /** IOs that the device could not do, by kind. */
  readonly #failures = new Float64Array(ioKindCount)
  /** By `IoStatus`. */
  readonly #errors = new Float64Array(statusCount)
  /** IOs that the bdev has. Those that end before their submission returns are not noticed by anybody. */
  inFlight = 0
  #histogram: LatencyHistogram | undefined
  #histogramKind: IoKind | undefined

  /** An IO has ended. Errors count as such only. */
  ended(kind: IoKind, bytes: number, millis: number, status: IoStatus): void {
    if (this.#histogram !== undefined) this.#countLatency(kind, millis)
    if (status !== IoStatus.ok) {
      this.#errors[status] = (this.#errors[status] ?? 0) + 1
      if (isFailure(status)) this.#failures[kind] = this.failuresOf(kind) + 1
      return
    }
    this.#counts.add(kind, bytes, millis)
    if (millis > (this.#most[kind] ?? 0)) this.#most[kind] = millis
    if (millis < (this.#least[kind] ?? 0)) this.#least[kind] = millis
  }

  /** Begins a histogram of all IO, or of one kind; undefined ends it. */
  keepHistogram(settings: HistogramSettings | undefined, kind: IoKind | undefined): void {
    this.#histogram = settings === undefined ? undefined : new LatencyHistogram(settings)
    this.#histogramKind = kind
  }

  /** The histogram that is kept. */
  get histogram(): LatencyHistogram | undefined {
    return this.#histogram
  }

  /** Some counters begin anew. */
  reset(mode: StatisticsReset): void {
    if (mode === "all") this.#counts.clear()
    if (mode === "all" || mode === "error") {
      this.#errors.fill(0)
      this.#failures.fill(0)
    }
    if (mode === "all" || mode === "maxmin") {
      this.#least.fill(Number.POSITIVE_INFINITY)
      this.#most.fill(0)
    }
  }

  /** What was done of a kind. */
  countsOf(kind: IoKind) {
    return this.#counts.ofKind(kind)
  }

  /** IOs of a kind that the device could not do: neither aborted nor turned away. */
  failuresOf(kind: IoKind): number {
    return this.#failures[kind] ?? 0
  }

  /** All numbers, as plain values. */
  report() {
    return {
      read: this.#ofKind(IoKind.read),
      write: this.#ofKind(IoKind.write),
      unmap: this.#ofKind(IoKind.unmap),
      flush: this.#ofKind(IoKind.flush),
      errors: {
        failed: this.#errors.reduce((sum, count, status) => sum + (turnedBack.has(status) ? 0 : count), 0),
        aborted: this.#ended(IoStatus.aborted),
        noMemory: this.#ended(IoStatus.noMemory)
      }
    }
  }

  #ended(status: IoStatus): number {
    return this.#errors[status] ?? 0
  }

  #ofKind(kind: IoKind) {
    const least = this.#least[kind] ?? 0
    return {
      ...this.#counts.ofKind(kind),
      latencyMaxNanos: Math.round((this.#most[kind] ?? 0) * nanosPerMilli),
      latencyMinNanos: Number.isFinite(least) ? Math.round(least * nanosPerMilli) : 0
    }
  }

  #countLatency(kind: IoKind, millis: number): void {
    if (this.#histogramKind === undefined || this.#histogramKind === kind) this.#histogram?.count(millis)
  }
}
