/** The changes of an overlay in memory, which goes with the process. Bounded: a granule too many is no space. */
import { type BdevIo, IoStatus } from "../Bdev.ts"
import { Granule, GranuleMap } from "./GranuleMap.ts"
import type { OverlayStore } from "./OverlayStore.ts"

/** Undefined when the operating system has no memory for it, which Node tells by a RangeError. */
const allocateZeros = (bytes: number): Buffer | undefined => {
  try {
    return Buffer.alloc(bytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** All IO ends before its call returns. */
export class MemoryStore implements OverlayStore {
  readonly map = new GranuleMap()
  readonly granuleBytes: number
  readonly memoryBytes: number
  readonly writeCache = false
  readonly syncFailures = 0
  readonly isKept = true
  readonly #granulesMax: number
  readonly #allocate: (bytes: number) => Buffer | undefined
  readonly #content = new Map<number, Buffer>()
  #isClosed = false

  /** `allocating` is another way to allocate, for tests. */
  constructor(granuleBytes: number, maxBytes: number, allocating = allocateZeros) {
    this.granuleBytes = granuleBytes
    this.#allocate = allocating
    this.memoryBytes = maxBytes
    this.#granulesMax = Math.floor(maxBytes / granuleBytes)
  }

  /** Bytes that changes have now. */
  get usedBytes(): number {
    return this.#content.size * this.granuleBytes
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    if (this.#isClosed) return io.ioDone(IoStatus.aborted)
    this.#each(byteOffset, byteLength, (granule, start, length, done) => {
      const content = this.#content.get(granule)
      if (content === undefined) target.fill(0, targetStart + done, targetStart + done + length)
      else content.copy(target, targetStart + done, start, start + length)
      return true
    })
    io.ioDone(IoStatus.ok)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, io: BdevIo): void {
    if (this.#isClosed) return io.ioDone(IoStatus.aborted)
    let written = 0
    const isWhole = this.#each(byteOffset, byteLength, (granule, start, length, done) => {
      const content = this.#contentOf(granule)
      if (content === undefined) return false
      source.copy(content, start, sourceStart + done, sourceStart + done + length)
      written = done + length
      return true
    })
    if (isWhole) io.ioDone(IoStatus.ok)
    else if (this.#content.size < this.#granulesMax) io.ioDone(IoStatus.noMemory)
    else io.ioDone(IoStatus.noSpace, byteOffset + written)
  }

  mark(first: number, end: number, state: Granule, io: BdevIo): void {
    for (let granule = first; granule < end; granule++) {
      this.map.set(granule, state)
      if (state !== Granule.own) this.#content.delete(granule)
    }
    io.ioDone(IoStatus.ok)
  }

  abandon(first: number, end: number): void {
    for (let granule = first; granule < end; granule++) {
      if (this.map.at(granule) !== Granule.own) this.#content.delete(granule)
    }
  }

  recordSize(_blockCount: number, io: BdevIo): void {
    io.ioDone(IoStatus.ok)
  }

  flush(io: BdevIo): void {
    io.ioDone(IoStatus.ok)
  }

  cancel(): void {}

  close(): void {
    this.#isClosed = true
    this.#content.clear()
  }

  discard(): void {
    this.close()
  }

  whenClosed(then: () => void): void {
    then()
  }

  #contentOf(granule: number): Buffer | undefined {
    const known = this.#content.get(granule)
    if (known !== undefined || this.#content.size >= this.#granulesMax) return known
    const content = this.#allocate(this.granuleBytes)
    if (content !== undefined) this.#content.set(granule, content)
    return content
  }

  /** Piece by piece of each granule, until `use` gives false. */
  #each(
    byteOffset: number,
    byteLength: number,
    use: (granule: number, start: number, length: number, done: number) => boolean
  ): boolean {
    const { granuleBytes } = this
    for (let done = 0; done < byteLength; ) {
      const at = byteOffset + done
      const start = at % granuleBytes
      const length = Math.min(byteLength - done, granuleBytes - start)
      if (!use(Math.floor(at / granuleBytes), start, length, done)) return false
      done += length
    }
    return true
  }
}
