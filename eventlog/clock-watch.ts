/**
 * Time for records: never below the record before, and a step backwards is told once, not with every record.
 */

/** Microseconds since the epoch: the time of the last record, and what the clock says now. */
export interface ClockStep {
  readonly from: number
  readonly to: number
}

/** Smaller steps are the kernel's slewing and not worth a record. */
const toleranceMicros = 1000

/** Watches one clock for steps. */
export class ClockWatch {
  readonly #now: () => number
  #lowest = Number.POSITIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  /** `last` is the time of the record before. `step` is there when the clock has newly gone back behind it. */
  read(last: number): { readonly at: number; readonly step: ClockStep | undefined } {
    const now = this.#now()
    if (now >= last - toleranceMicros) {
      this.#lowest = Number.POSITIVE_INFINITY
      return { at: Math.max(now, last), step: undefined }
    }
    const news = now < this.#lowest - toleranceMicros
    this.#lowest = news ? now : Math.max(this.#lowest, now)
    return { at: last, step: news ? { from: last, to: now } : undefined }
  }
}
