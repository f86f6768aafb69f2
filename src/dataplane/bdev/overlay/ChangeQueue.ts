/** Changes of which granules are the overlay's: of those that meet in a granule, one comes after the other. */

/** Granules [first, end) that are to be changed. */
export interface QueuedChange {
  readonly first: number
  readonly end: number
  /** Its turn has come; called once. */
  readonly begin: () => void
}

const meet = (a: QueuedChange, b: QueuedChange): boolean => a.first < b.end && b.first < a.end

/** One per overlay. */
export class ChangeQueue {
  readonly #running = new Set<QueuedChange>()
  /** In order of arrival. */
  readonly #waiting: Array<QueuedChange> = []
  #isAdvancing = false

  /** Nothing is being changed: who only writes to what the overlay has already need not ask. */
  get isEmpty(): boolean {
    return this.#running.size === 0
  }

  /** Begins it, now or when its turn comes. */
  enter(change: QueuedChange): void {
    if (this.#mustWait(change, this.#waiting.length)) this.#waiting.push(change)
    else this.#begin(change)
  }

  /** It has ended. */
  leave(change: QueuedChange): void {
    this.#running.delete(change)
    // One that ends as soon as it begins comes here again: who is at it goes on.
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    for (let at = 0; at < this.#waiting.length; ) {
      const next = this.#waiting[at]
      if (next === undefined || this.#mustWait(next, at)) at++
      else {
        this.#waiting.splice(at, 1)
        this.#begin(next)
        at = 0
      }
    }
    this.#isAdvancing = false
  }

  /** True: it waited, and is out. */
  withdraw(change: QueuedChange): boolean {
    const at = this.#waiting.indexOf(change)
    if (at < 0) return false
    this.#waiting.splice(at, 1)
    return true
  }

  /** Takes all out that wait. */
  takeWaiting(): ReadonlyArray<QueuedChange> {
    return this.#waiting.splice(0)
  }

  #begin(change: QueuedChange): void {
    this.#running.add(change)
    change.begin()
  }

  /** For what runs, or for one of the first `before` that wait. */
  #mustWait(change: QueuedChange, before: number): boolean {
    for (const other of this.#running) if (meet(other, change)) return true
    for (let at = 0; at < before; at++) {
      const other = this.#waiting[at]
      if (other !== undefined && meet(other, change)) return true
    }
    return false
  }
}
