/**
 * The clock that IO is timed by. Reading it costs a hundredth of a small read, so it is read when a chunk of input
 * arrives and when an IO has ended, and what begins in between begins at the last of these times.
 */

/** One per reactor. */
export class IoClock {
  readonly #now: () => number
  /** The time of the last reading, in milliseconds. */
  last = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Reads the clock. */
  read(): number {
    this.last = this.#now()
    return this.last
  }
}
