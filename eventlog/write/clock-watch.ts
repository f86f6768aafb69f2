/**
 * Time for records: never below the record before, and a step of the clock is told once, not with every record.
 *
 * A step backwards shows against the record before. A step forward looks like a quiet time: it shows against the
 * monotonic clock, which stands still while the machine sleeps, and nobody can set.
 */

/** Microseconds since the epoch: what the clock should have said (or the last record did), and what it says. */
export interface ClockStep {
  readonly from: number
  readonly to: number
  /**
   * Of a step forward. `suspended`: the machine slept as long. `set`: it did not, so that somebody, or a time server,
   * has set the clock, or a virtual machine was held.
   */
  readonly reason?: "suspended" | "set"
}

/** The clocks that are compared. */
export interface Clocks {
  /** Microseconds since the epoch; may step. */
  readonly now: () => number
  /** Milliseconds that only go forward, and not while the machine sleeps. */
  readonly monotonicMillis: () => number
  /** Milliseconds since the machine was booted, sleep included; read only after a step. */
  readonly bootedMillis: () => number
}

/** Smaller steps are the kernel's slewing and not worth a record. */
const toleranceMicros = 1000
/** Forward, a step is nothing that records show; it is told if it could mislead. */
const forwardMicros = 5_000_000

/** Watches one clock for steps. */
export class ClockWatch {
  readonly #clocks: Clocks
  #lowest = Number.POSITIVE_INFINITY
  /** What the clocks said when they were read last. */
  #wall: number
  #monotonic: number
  /** How long the machine had slept, as far as is known. */
  #slept: number

  constructor(clocks: Clocks) {
    this.#clocks = clocks
    this.#wall = clocks.now()
    this.#monotonic = clocks.monotonicMillis()
    this.#slept = clocks.bootedMillis() - this.#monotonic
  }

  /** `last` is the time of the record before. `step` is there when the clock has newly gone elsewhere. */
  read(last: number): { readonly at: number; readonly step: ClockStep | undefined } {
    const now = this.#clocks.now()
    const forward = this.#forward(now)
    if (now >= last - toleranceMicros) {
      this.#lowest = Number.POSITIVE_INFINITY
      return { at: Math.max(now, last), step: forward }
    }
    const news = now < this.#lowest - toleranceMicros
    this.#lowest = news ? now : Math.max(this.#lowest, now)
    return { at: last, step: news ? { from: last, to: now } : undefined }
  }

  #forward(now: number): ClockStep | undefined {
    const monotonic = this.#clocks.monotonicMillis()
    const expected = this.#wall + (monotonic - this.#monotonic) * 1000
    this.#wall = now
    this.#monotonic = monotonic
    if (now - expected < forwardMicros) return undefined
    const slept = this.#clocks.bootedMillis() - monotonic
    const sleptMicros = (slept - this.#slept) * 1000
    this.#slept = slept
    return { from: expected, to: now, reason: sleptMicros > (now - expected) / 2 ? "suspended" : "set" }
  }
}
