/**
 * How many sessions there are over all reactors, together and by the address that they come from: a row for each
 * reactor, so that what one had is forgotten when it dies.
 */
import { type Place, sessionRowCells } from "./Place.ts"

const totalCell = sessionRowCells - 1

/** As one reactor sees them. */
export class SessionCounts {
  readonly #cells: Int32Array
  readonly #row: number
  readonly #rows: number

  constructor({ index, of, sessions }: Place) {
    this.#cells = new Int32Array(sessions)
    this.#row = index * sessionRowCells
    this.#rows = of + 1
  }

  /** A session of an address begins here. */
  add(slot: number): void {
    Atomics.add(this.#cells, this.#row + slot, 1)
    Atomics.add(this.#cells, this.#row + totalCell, 1)
  }

  /** It has ended. */
  remove(slot: number): void {
    Atomics.sub(this.#cells, this.#row + slot, 1)
    Atomics.sub(this.#cells, this.#row + totalCell, 1)
  }

  /** Those of an address, everywhere. */
  of(slot: number): number {
    let count = 0
    for (let row = 0; row < this.#rows; row++) count += Atomics.load(this.#cells, row * sessionRowCells + slot)
    return count
  }

  /** All, everywhere. */
  get total(): number {
    return this.of(totalCell)
  }

  /** This reactor is dead, and its sessions with it. */
  forget(): void {
    this.#cells.fill(0, this.#row, this.#row + sessionRowCells)
  }
}
