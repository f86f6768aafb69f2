/**
 * How late the event loop of a thread is: how much later than it should a timer runs that is due once a second. That is
 * what anything waits that arrives at a random moment.
 */

const periodMillis = 1000

/** What was seen; each of these is the sum or number since the beginning, but the latest. */
export interface LoopLagReport {
  readonly looks: number
  readonly lateMillis: number
  /** At the last look. */
  readonly latestMillis: number
  /** The most since the last report. */
  readonly mostMillis: number
}

/** Looks until it is stopped; keeps no process alive. */
export class LoopLag {
  readonly #timer: NodeJS.Timeout
  #due = performance.now() + periodMillis
  #looks = 0
  #lateMillis = 0
  #latestMillis = 0
  #mostMillis = 0

  constructor() {
    this.#timer = setInterval(() => this.#look(), periodMillis)
    this.#timer.unref()
  }

  /** What was seen so far; the most begins anew. */
  report(): LoopLagReport {
    const report = {
      looks: this.#looks,
      lateMillis: this.#lateMillis,
      latestMillis: this.#latestMillis,
      mostMillis: this.#mostMillis
    }
    this.#mostMillis = 0
    return report
  }

  /** Ends the timer. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    // Timers have whole milliseconds: what is less is no lag.
    const late = now - this.#due < 1 ? 0 : now - this.#due
    this.#due = now + periodMillis
    this.#looks++
    this.#lateMillis += late
    this.#latestMillis = late
    this.#mostMillis = Math.max(this.#mostMillis, late)
  }
}
