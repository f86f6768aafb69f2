/**
 * Who is answered by which sync of a file. Flushes and writes that come while one runs share the next: the running one
 * may have missed what has ended since.
 */
import type { AioIo } from "./AioIo.ts"

/** One per open file. */
export class SharedSyncs {
  /** How many have failed. */
  failures = 0
  /** Writes and flushes that the next sync answers: it begins after they have come. */
  #waiting: Array<AioIo> = []
  /** Those that the running one answers. */
  #answered: Array<AioIo> = []
  #isQueued = false

  /** It is answered by the next sync. True: that is to be queued. */
  add(io: AioIo): boolean {
    this.#waiting.push(io)
    return this.#queue()
  }

  /** The sync that was queued begins. */
  begin(): void {
    this.#answered = this.#waiting
    this.#waiting = []
  }

  /** It is back: whom it answers. */
  end(failed: boolean): ReadonlyArray<AioIo> {
    if (failed) this.failures++
    // The system tells a lost page once: a write that has ended meanwhile may be lost too, and the next sync succeed.
    const answered = failed ? [...this.#answered, ...this.#waiting.splice(0)] : this.#answered
    this.#answered = []
    this.#isQueued = false
    return answered
  }

  /** True: somebody waits, and a sync is to be queued. To be asked after `end`. */
  queueNext(): boolean {
    return this.#waiting.length > 0 && this.#queue()
  }

  /** Takes those that no sync has begun for. */
  takeWaiting(): ReadonlyArray<AioIo> {
    return this.#waiting.splice(0)
  }

  #queue(): boolean {
    const isFirst = !this.#isQueued
    this.#isQueued = true
    return isFirst
  }
}
