/**
 * Comparing what a bdev holds with what it should: the one way in which that is done. Blocks of a RAM disk are looked
 * at where they are, those of any other are read first.
 */
import { type Bdev, type BdevIo, IoStatus } from "./Bdev.ts"
import { firstDifference } from "./first-difference.ts"

/** What the blocks should hold. */
export interface ExpectedBlocks {
  readonly data: Buffer
  /** Bytes after which the data begin again; undefined if they do not. */
  readonly period?: number
}

/** Of one range; step by step, `fetch` and then `difference`. */
export class BlockComparison {
  readonly #expected: ExpectedBlocks
  readonly #scratch: Buffer | undefined
  #held: Buffer | undefined
  #heldAt = 0

  /** `scratch` holds one step of a bdev that shows no memory; it is not needed for one that does. */
  constructor(expected: ExpectedBlocks, scratch: Buffer | undefined) {
    this.#expected = expected
    this.#scratch = scratch
  }

  /** Whether a scratch buffer is needed. */
  static needsScratch(bdev: Bdev): boolean {
    return bdev.memory === undefined
  }

  /** Gets the blocks of a step; `io` ends when they can be compared. */
  fetch(bdev: Bdev, byteOffset: number, byteLength: number, io: BdevIo): void {
    const { memory } = bdev
    this.#held = memory ?? this.#scratch
    this.#heldAt = memory === undefined ? 0 : byteOffset
    if (this.#held === undefined || this.#held.length < this.#heldAt + byteLength) io.ioDone(IoStatus.noMemory)
    else if (memory !== undefined) io.ioDone(IoStatus.ok)
    else bdev.read(byteOffset, this.#held, 0, byteLength, io)
  }

  /** Of the step that was fetched, `done` bytes behind the beginning of all: the first byte that differs; or -1. */
  difference(done: number, byteLength: number): number {
    const { data, period } = this.#expected
    const held = this.#held
    if (held === undefined) return 0
    const at = this.#heldAt
    if (period === undefined) {
      const found = firstDifference(data, done, held, at, byteLength)
      return found < 0 ? found : done + found
    }
    for (let start = 0; start < byteLength; start += period) {
      const found = firstDifference(data, 0, held, at + start, period)
      if (found >= 0) return done + start + found
    }
    return -1
  }
}
