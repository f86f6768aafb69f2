/**
 * Where the content of an overlay is, granule by granule: with the base, with the overlay, or nowhere, as zeros. One
 * byte per granule, in segments that are there only once something of them has changed: 16 MiB for a whole TiB of
 * granules of 64 KiB.
 */

/** States of a granule; also what they are on disk. */
export const Granule = {
  /** The base has it. */
  base: 0,
  /** The overlay has it, whole. */
  own: 1,
  /** It reads as zeros, and nobody keeps it. */
  zeros: 2
} as const
export type Granule = (typeof Granule)[keyof typeof Granule]

/** Granules of a segment: what fits into a page of a file's map, see `overlay-pages.ts`. */
export const granulesPerSegment = 4032

/** One per store. */
export class GranuleMap {
  readonly #segments = new Map<number, Uint8Array>()

  at(granule: number): Granule {
    const states = this.#segments.get(Math.floor(granule / granulesPerSegment))
    const state = states?.[granule % granulesPerSegment]
    return state === Granule.own || state === Granule.zeros ? state : Granule.base
  }

  /** Whether it was another before. */
  set(granule: number, state: Granule): boolean {
    if (this.at(granule) === state) return false
    this.#segmentAt(Math.floor(granule / granulesPerSegment))[granule % granulesPerSegment] = state
    return true
  }

  /** The first granule from `first` on that is not as `first` is; `end` if all up to there are. */
  runEnd(first: number, end: number): number {
    const state = this.at(first)
    let granule = first + 1
    while (granule < end && this.at(granule) === state) granule++
    return granule
  }

  /** The states of a segment; undefined if all of it is with the base. */
  segment(index: number): Uint8Array | undefined {
    return this.#segments.get(index)
  }

  /** All states of a segment, as they were stored. */
  load(index: number, states: Uint8Array): void {
    this.#segmentAt(index).set(states)
  }

  #segmentAt(index: number): Uint8Array {
    const known = this.#segments.get(index)
    if (known !== undefined) return known
    const states = new Uint8Array(granulesPerSegment)
    this.#segments.set(index, states)
    return states
  }
}
