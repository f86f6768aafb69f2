/**
 * What has been done, by kind: IOs, bytes, and the sum of their latencies. Counted on the data path: plain numbers in
 * one array, nothing is allocated. Who samples the counters asks for their change, and settles it.
 */
import { nanosPerMilli } from "./LatencyHistogram.ts"

/** What an IO does. `other`: what SPDK has a name for and nothing here does. */
export const IoKind = { read: 0, write: 1, unmap: 2, flush: 3, other: 4 } as const
export type IoKind = (typeof IoKind)[keyof typeof IoKind]

/** How many kinds there are. */
export const ioKindCount = 5
/** Places of a kind's numbers. */
const bytesAt = 1
const latencyAt = 2
const stride = 3
const numberCount = ioKindCount * stride

/** Counters of a LUN or session. Latencies come in milliseconds and are told in nanoseconds. */
export class IoCounts {
  readonly #numbers = new Float64Array(numberCount)
  /** IOs that have failed, for whatever reason; counted nowhere else. */
  errors = 0
  /** The numbers as they were settled last; made by the first change. */
  #settled: Float64Array | undefined
  #settledErrors = 0

  /** An IO has succeeded. */
  add(kind: IoKind, bytes: number, millis: number): void {
    const numbers = this.#numbers
    const at = kind * stride
    numbers[at] = (numbers[at] ?? 0) + 1
    numbers[at + bytesAt] = (numbers[at + bytesAt] ?? 0) + bytes
    numbers[at + latencyAt] = (numbers[at + latencyAt] ?? 0) + millis
  }

  /** All begin anew. */
  clear(): void {
    this.#numbers.fill(0)
    this.errors = 0
    this.#settled = undefined
    this.#settledErrors = 0
  }

  /** What another has counted is counted here from now on, with what is not settled of it. */
  absorb(other: IoCounts): void {
    this.#settled ??= new Float64Array(numberCount)
    for (let at = 0; at < numberCount; at++) {
      this.#numbers[at] = (this.#numbers[at] ?? 0) + (other.#numbers[at] ?? 0)
      this.#settled[at] = (this.#settled[at] ?? 0) + (other.#settled?.[at] ?? 0)
    }
    this.errors += other.errors
    this.#settledErrors += other.#settledErrors
  }

  /** Everything is added to another. */
  addTo(sum: IoCounts): void {
    for (let at = 0; at < numberCount; at++) {
      sum.#numbers[at] = (sum.#numbers[at] ?? 0) + (this.#numbers[at] ?? 0)
    }
    sum.errors += this.errors
  }

  /** What has not been settled is added to another. */
  addChangeTo(sum: IoCounts): void {
    for (let at = 0; at < numberCount; at++) {
      sum.#numbers[at] = (sum.#numbers[at] ?? 0) + (this.#numbers[at] ?? 0) - (this.#settled?.[at] ?? 0)
    }
    sum.errors += this.errors - this.#settledErrors
  }

  /** IOs, also failed ones, that have not been settled. */
  changedOps(): number {
    let ops = this.errors - this.#settledErrors
    for (let at = 0; at < numberCount; at += stride) {
      ops += (this.#numbers[at] ?? 0) - (this.#settled?.[at] ?? 0)
    }
    return ops
  }

  /** The change begins anew. */
  settle(): void {
    this.#settled ??= new Float64Array(numberCount)
    this.#settled.set(this.#numbers)
    this.#settledErrors = this.errors
  }

  /** What has not been settled, as plain values. */
  change() {
    const change = new IoCounts()
    this.addChangeTo(change)
    return change.report()
  }

  /** IOs of one kind. */
  ofKind(kind: IoKind) {
    const at = kind * stride
    return {
      ops: this.#numbers[at] ?? 0,
      bytes: this.#numbers[at + bytesAt] ?? 0,
      latencyNanos: Math.round((this.#numbers[at + latencyAt] ?? 0) * nanosPerMilli)
    }
  }

  /** All numbers, as plain values. */
  report() {
    return {
      read: this.ofKind(IoKind.read),
      write: this.ofKind(IoKind.write),
      unmap: this.ofKind(IoKind.unmap),
      flush: this.ofKind(IoKind.flush),
      errors: this.errors
    }
  }
}
