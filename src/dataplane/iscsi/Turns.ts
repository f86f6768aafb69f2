/**
 * Shares out the turns of a reactor's event loop. Who has had much of a turn waits here for a later one, in order of
 * arrival, while whoever needs little is read in every turn: a reader of single blocks waits for one share of those who
 * move megabytes, not for all that they have sent.
 *
 * Work is counted in bytes: what is moved, and for what costs CPU without moving much about as many bytes as could be
 * moved meanwhile (see limits.ts). So nothing here reads a clock, and nothing is scheduled while all need little.
 */
import { loneTurnWorkBytes, sharedTurns, turnWorkBytes } from "../limits.ts"

/** Work that waits for its turn; in `workBytes` what it will be, as far as that is known. */
interface Waiting {
  readonly workBytes: number
  readonly run: () => void
}

/** One per reactor. */
export class Turns {
  /** Counts the turns in which much is done; 0 before the first. */
  number = 0
  #spent = 0
  #isScheduled = false
  /** Some had waited for this turn. */
  #isCrowded = false
  /** Who was there last, and until which turn others are taken to be there because of that. */
  #user: unknown
  #sharedUntil = 0
  /** Work that a turn is enough with, in bytes: less while there are several. */
  workBytesMax: number = loneTurnWorkBytes
  readonly #waiting: Array<Waiting> = []

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Notes who is read, or does something. */
  usedBy(user: unknown): void {
    if (this.#user === user) return
    if (this.#user !== undefined) {
      this.#sharedUntil = this.number + sharedTurns
      this.workBytesMax = turnWorkBytes
    }
    this.#user = user
  }

  /** Notes what was done in this turn. True: it has had enough, or others wait or have waited: who can wait should. */
  spend(workBytes: number): boolean {
    if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(this.#begin)
    }
    this.#spent += workBytes
    return this.#spent > this.workBytesMax || this.#isCrowded || this.#waiting.length > 0
  }

  /** Whether it may be done now: nobody waits, and this turn has room for it, which is then taken. */
  take(workBytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#hasRoomFor(workBytes)) return false
    this.spend(workBytes)
    return true
  }

  /** Runs it now, or in a later turn (false). */
  soon(workBytes: number, run: () => void): boolean {
    if (this.take(workBytes)) {
      run()
      return true
    }
    this.later(workBytes, run)
    return false
  }

  /** Runs it in a later turn, when those that have waited longer have run and there is room for it. */
  later(workBytes: number, run: () => void): void {
    this.#waiting.push({ workBytes, run })
    this.spend(0)
  }

  /** What is more than a turn's share on its own has a turn that nothing else was done in. */
  #hasRoomFor(workBytes: number): boolean {
    return this.#spent === 0 || this.#spent + workBytes <= this.workBytesMax
  }

  /** A turn begins: who has waited comes first; who comes to wait meanwhile waits for the next. */
  readonly #begin = (): void => {
    this.#isScheduled = false
    this.#spent = 0
    this.number++
    if (this.number > this.#sharedUntil) this.workBytesMax = loneTurnWorkBytes
    this.#isCrowded = this.#waiting.length > 0
    for (let left = this.#waiting.length; left > 0; left--) {
      const next = this.#waiting[0]
      if (next === undefined || !this.#hasRoomFor(next.workBytes)) break
      this.#waiting.shift()
      this.spend(next.workBytes)
      next.run()
    }
    if (this.#waiting.length > 0) this.spend(0)
  }
}
