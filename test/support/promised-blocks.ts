/**
 * Blocks whose every write has a stamp, and what each may hold after its target has ended in whatever way: no write
 * that is older than the last one promised, and no mixture of two.
 */

/** Bytes that a stamp fills. */
export const stampedBytes = 512

/** The content of one block: stamp and block number, over and over; stamp 0 are zeros. */
export const stampedBlock = (stamp: number, block: number): Buffer => {
  const data = Buffer.alloc(stampedBytes)
  if (stamp > 0) for (let at = 0; at < stampedBytes; at += 8) data.writeUInt32BE(block, data.writeUInt32BE(stamp, at))
  return data
}

/** The content of some blocks in a row. */
export const stampedBlocks = (stamp: number, first: number, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => stampedBlock(stamp, first + at)))

/** One per disk. Writes that are under way at the same time must not overlap. */
export class PromisedBlocks {
  /** Stamps of the writes of each block, in their order. */
  readonly #versions: ReadonlyArray<Array<number>>
  /** Places in `versions`: the last that has ended, that is promised, that a failed sync may lose. */
  readonly #ended: Array<number>
  readonly #promised: Array<number>
  readonly #suspect: Array<number>

  /** All zeros. */
  constructor(blocks: number) {
    this.#versions = Array.from({ length: blocks }, () => [0])
    this.#ended = new Array<number>(blocks).fill(0)
    this.#promised = new Array<number>(blocks).fill(0)
    this.#suspect = new Array<number>(blocks).fill(-1)
  }

  submitted(first: number, count: number, stamp: number): void {
    for (let at = first; at < first + count; at++) this.#versions[at]?.push(stamp)
  }

  /** A write was answered with success; `promised`: that alone says that it is kept. */
  ended(first: number, count: number, promised: boolean): void {
    for (let at = first; at < first + count; at++) {
      this.#ended[at] = (this.#versions[at]?.length ?? 0) - 1
      if (promised) this.#promised[at] = this.#ended[at] ?? 0
    }
  }

  /** What a flush that begins now has to keep. */
  atFlush(): ReadonlyArray<number> {
    return [...this.#ended]
  }

  /** A flush was answered with success. */
  flushed(ended: ReadonlyArray<number>): void {
    for (const [at, place] of ended.entries()) {
      if (place > (this.#suspect[at] ?? 0)) this.#promised[at] = Math.max(this.#promised[at] ?? 0, place)
    }
  }

  /** A sync has failed: what had ended by now, and was not promised before, may be lost for good. */
  syncFailed(): void {
    for (const [at, place] of this.#ended.entries()) this.#suspect[at] = place
  }

  /** The target has begun again, with this content: what it had not kept by then is nobody's business any more. */
  startFrom(content: Buffer): void {
    for (const [at, versions] of this.#versions.entries()) {
      versions.splice(0, versions.length, content.readUInt32BE(at * stampedBytes))
      this.#ended[at] = 0
      this.#promised[at] = 0
      this.#suspect[at] = -1
    }
  }

  /** What is wrong with this content, or undefined. */
  problemOf(content: Buffer): string | undefined {
    for (const [at, versions] of this.#versions.entries()) {
      const start = at * stampedBytes
      const stamp = content.readUInt32BE(start)
      const end = start + stampedBytes
      const repeats = content.compare(content, start, end - 8, start + 8, end) === 0
      if (!repeats || content.readUInt32BE(start + 4) !== (stamp === 0 ? 0 : at)) {
        return `block ${at} is torn: it begins with write ${stamp}`
      }
      const promised = this.#promised[at] ?? 0
      if (versions.lastIndexOf(stamp) < promised) {
        return `block ${at} is of write ${stamp}; write ${versions[promised]} was promised`
      }
    }
    return undefined
  }
}
