/**
 * How much the files of a reactor copy on its thread before others get their turn: nobody's IO waits for more than a
 * fraction of a millisecond of it.
 */

/** Bytes of one turn of the event loop, for all files: copying them takes about 0.3 ms. */
const bytesPerTurnMax = 2 * 1024 * 1024

/** One per reactor. */
export class TurnBudget {
  #spent = 0
  #isRenewing = false

  /** False: it would be too much for this turn. */
  take(bytes: number): boolean {
    if (this.#spent + bytes > bytesPerTurnMax) return false
    this.#spent += bytes
    // Not before half of it is spent: a turn with little to do is none the longer for being counted.
    if (this.#spent > bytesPerTurnMax / 2 && !this.#isRenewing) {
      this.#isRenewing = true
      setImmediate(this.#renew)
    }
    return true
  }

  readonly #renew = (): void => {
    this.#isRenewing = false
    this.#spent = 0
  }
}
