/**
 * All that is known of a bdev's IO: what was done, the extremes of latencies, errors by reason, what is in flight, and
 * a histogram while somebody wants one. Counted on the data path: nothing is allocated.
 */
import { IoStatus } from "../Bdev.ts"
import { IoCounts, IoKind, ioKindCount } from "./IoCounts.ts"
import { type HistogramSettings, LatencyHistogram, nanosPerMilli } from "./LatencyHistogram.ts"

/** Which counters begin anew: `maxmin` the largest and smallest latencies, `error` the errors. */
export type StatisticsReset = "all" | "maxmin" | "error" | "none"

const statusCount = Object.keys(IoStatus).length

/** Of one bdev. Latencies come in milliseconds and are told in nanoseconds. */
export class IoStatistics {
  readonly #counts = new IoCounts()
  /** By kind; a minimum without an IO is infinite. */
  readonly #least = new Float64Array(ioKindCount).fill(Number.POSITIVE_INFINITY)
  readonly #most = new Float64Array(ioKindCount)
  /** IOs that the medium could not do, by kind. */
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
      if (status === IoStatus.failed || status === IoStatus.noSpace) this.#failures[kind] = this.failuresOf(kind) + 1
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

  /** IOs of a kind that the medium could not do: neither aborted nor turned away. */
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
        failed: (this.#errors[IoStatus.failed] ?? 0) + (this.#errors[IoStatus.noSpace] ?? 0),
        aborted: this.#errors[IoStatus.aborted] ?? 0,
        noMemory: this.#errors[IoStatus.noMemory] ?? 0
      }
    }
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
