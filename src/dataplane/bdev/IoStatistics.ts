/**
 * What has been done: IOs, bytes and latencies by kind, and errors. Counted on the data path: plain numbers in one
 * array, nothing is allocated.
 */
import { IoStatus } from "./Bdev.ts"
import { type HistogramSettings, LatencyHistogram, nanosPerMilli } from "./LatencyHistogram.ts"

/** What an IO does. `other`: what SPDK has a name for and nothing here does. */
export const IoKind = { read: 0, write: 1, unmap: 2, flush: 3, other: 4 } as const
export type IoKind = (typeof IoKind)[keyof typeof IoKind]

/** Which counters begin anew: `maxmin` the largest and smallest latencies, `error` the errors. */
export type StatisticsReset = "all" | "maxmin" | "error" | "none"

const kindCount = 5
/** Places of a kind's numbers. */
const At = { ops: 0, bytes: 1, latency: 2, latencyMax: 3, latencyMin: 4 } as const
const stride = 5
const statusCount = 4

/** Counters of one disk, LUN or session. Latencies come in milliseconds and are told in nanoseconds. */
export class IoStatistics {
  readonly #numbers = new Float64Array(kindCount * stride)
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
      return
    }
    const numbers = this.#numbers
    const at = kind * stride
    const ops = numbers[at] ?? 0
    numbers[at] = ops + 1
    numbers[at + At.bytes] = (numbers[at + At.bytes] ?? 0) + bytes
    numbers[at + At.latency] = (numbers[at + At.latency] ?? 0) + millis
    if (millis > (numbers[at + At.latencyMax] ?? 0)) numbers[at + At.latencyMax] = millis
    const least = numbers[at + At.latencyMin] ?? 0
    // After a reset of the extremes there are IOs and no minimum: NaN, which nothing is above.
    if (ops === 0 || !(millis >= least)) numbers[at + At.latencyMin] = millis
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
    if (mode === "all") this.#numbers.fill(0)
    if (mode === "all" || mode === "error") this.#errors.fill(0)
    if (mode !== "maxmin") return
    for (let at = 0; at < this.#numbers.length; at += stride) {
      this.#numbers[at + At.latencyMax] = 0
      this.#numbers[at + At.latencyMin] = Number.NaN
    }
  }

  /** All numbers, as plain values. */
  report() {
    return {
      read: this.#kind(IoKind.read),
      write: this.#kind(IoKind.write),
      unmap: this.#kind(IoKind.unmap),
      flush: this.#kind(IoKind.flush),
      errors: {
        failed: this.#errors[IoStatus.failed] ?? 0,
        aborted: this.#errors[IoStatus.aborted] ?? 0,
        noMemory: this.#errors[IoStatus.noMemory] ?? 0
      }
    }
  }

  #kind(kind: IoKind) {
    const at = kind * stride
    const nanos = (place: number): number => Math.round((this.#numbers[at + place] ?? 0) * nanosPerMilli)
    return {
      ops: this.#numbers[at] ?? 0,
      bytes: this.#numbers[at + At.bytes] ?? 0,
      latencyNanos: nanos(At.latency),
      latencyMaxNanos: nanos(At.latencyMax),
      // None after a reset, as before the first IO.
      latencyMinNanos: nanos(At.latencyMin) || 0
    }
  }

  #countLatency(kind: IoKind, millis: number): void {
    if (this.#histogramKind === undefined || this.#histogramKind === kind) this.#histogram?.count(millis)
  }
}
