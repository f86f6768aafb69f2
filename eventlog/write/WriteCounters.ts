/** What a writer has done since it was opened: plain numbers, for whoever watches the log. */

/** Upper bounds of the buckets that synced writes are counted in, in milliseconds; what takes longer has one more. */
export const syncBoundsMillis: ReadonlyArray<number> = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000
]

/** Since the log was opened. */
export interface LogCounters {
  /** Control records that are durable. */
  readonly controlRecords: number
  readonly observations: number
  /** Batches that were written; of these, those that were synced, and how long they took together. */
  readonly writes: number
  readonly syncs: number
  readonly syncMillis: number
  /** How many took up to each of `syncBoundsMillis`, and longer than the last. */
  readonly syncsByDuration: ReadonlyArray<number>
  /** Writes that have failed; the log was reopened after each. */
  readonly failures: number
  /** Of records that wait for the disk now. */
  readonly queuedBytes: number
}

/** One per writer. */
export class WriteCounters {
  readonly #syncsByDuration = new Array<number>(syncBoundsMillis.length + 1).fill(0)
  #controlRecords = 0
  #observations = 0
  #writes = 0
  #syncs = 0
  #syncMillis = 0
  failures = 0

  /** A batch was written; `millis` if it was synced. */
  written(controlRecords: number, observations: number, millis: number | undefined): void {
    this.#controlRecords += controlRecords
    this.#observations += observations
    this.#writes++
    if (millis === undefined) return
    this.#syncs++
    this.#syncMillis += millis
    const above = syncBoundsMillis.findIndex((bound) => millis <= bound)
    const at = above === -1 ? syncBoundsMillis.length : above
    this.#syncsByDuration[at] = (this.#syncsByDuration[at] ?? 0) + 1
  }

  /** As they are now. */
  report(queuedBytes: number): LogCounters {
    return {
      controlRecords: this.#controlRecords,
      observations: this.#observations,
      writes: this.#writes,
      syncs: this.#syncs,
      syncMillis: this.#syncMillis,
      syncsByDuration: [...this.#syncsByDuration],
      failures: this.failures,
      queuedBytes
    }
  }
}
