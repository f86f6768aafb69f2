/** Which bytes of a read have come: a server may send them in any order, but each once, and none may be missing. */

/** Pieces that do not touch each other; servers send a reply in order, and then there is one. */
const piecesMax = 1024

/** Ranges of a reply. */
export class Coverage {
  /** Start and end of each piece, ascending. */
  readonly #bounds: Array<number> = []

  /** Nothing has come yet. */
  reset(): void {
    this.#bounds.length = 0
  }

  /** Notes `[start, end)`; false if some of it has come before, or there are too many pieces. */
  add(start: number, end: number): boolean {
    const bounds = this.#bounds
    let at = bounds.length
    while (at > 0 && (bounds[at - 2] ?? 0) > start) at -= 2
    const before = at === 0 ? -1 : (bounds[at - 1] ?? -1)
    const after = bounds[at] ?? Number.POSITIVE_INFINITY
    if (end <= start || start < before || end > after) return false
    if (start === before && end === after) bounds.splice(at - 1, 2)
    else if (start === before) bounds[at - 1] = end
    else if (end === after) bounds[at] = start
    else if (bounds.length >= 2 * piecesMax) return false
    else bounds.splice(at, 0, start, end)
    return true
  }

  /** Whether all of `[0, length)` has come. */
  isWhole(length: number): boolean {
    return this.#bounds.length === 2 && this.#bounds[0] === 0 && this.#bounds[1] === length
  }
}
