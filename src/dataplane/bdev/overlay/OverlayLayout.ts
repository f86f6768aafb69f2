/**
 * Where things are in an overlay's file, which is sparse: a granule for the head, then segments, each with a granule
 * for its map (four pages: two places of the map of this boot, two of the map on the medium) and its granules of
 * content, in the order of the disk. So the file grows with what is changed, and with the disk.
 */
import { granulesPerSegment } from "./GranuleMap.ts"
import { pageBytes } from "./overlay-pages.ts"

/** Of one size of granules. */
export class OverlayLayout {
  readonly #granuleBytes: number
  readonly #segmentBytes: number

  constructor(granuleBytes: number) {
    this.#granuleBytes = granuleBytes
    this.#segmentBytes = granuleBytes * (granulesPerSegment + 1)
  }

  /** Of the head, in one of its two places. */
  headAt(place: number): number {
    return place * pageBytes
  }

  /** Of a segment's map of this boot, in one of its two places. */
  bootMapAt(segment: number, place: number): number {
    return this.mapsAt(segment) + place * pageBytes
  }

  /** Of a segment's map on the medium, in one of its two places. */
  mediumMapAt(segment: number, place: number): number {
    return this.mapsAt(segment) + (2 + place) * pageBytes
  }

  /** Of the four pages of a segment. */
  mapsAt(segment: number): number {
    return this.#granuleBytes + segment * this.#segmentBytes
  }

  /** Where a byte of the disk is, and how many bytes from there on are behind one another, at most `byteLength`. */
  contentAt(byteOffset: number, byteLength: number): { readonly at: number; readonly byteLength: number } {
    const bytesPerSegment = this.#granuleBytes * granulesPerSegment
    const segment = Math.floor(byteOffset / bytesPerSegment)
    const within = byteOffset - segment * bytesPerSegment
    const at = this.mapsAt(segment) + this.#granuleBytes + within
    return { at, byteLength: Math.min(byteLength, bytesPerSegment - within) }
  }

  /** Where a byte of a file's content is on the disk. */
  diskOffsetOf(at: number): number {
    const segment = Math.floor((at - this.#granuleBytes) / this.#segmentBytes)
    return segment * this.#granuleBytes * granulesPerSegment + at - this.mapsAt(segment) - this.#granuleBytes
  }

  /** Segments that a file of this size can have something of. */
  segmentsIn(fileBytes: number): number {
    return Math.max(0, Math.ceil((fileBytes - this.#granuleBytes) / this.#segmentBytes))
  }
}
