/**
 * Which parts of a thin disk hold data, in granules. What was never written, or has been unmapped whole, is not
 * allocated and reads as zeros. Noting a write of one granule costs one load and one compare.
 */

/** Bytes of a granule, or the next multiple of the block size. */
const granuleBytesMin = 64 * 1024

/** Granules that a disk of so many bytes has at most: bytes of its marks. */
export const granulesMax = (totalBytes: number): number => Math.ceil(totalBytes / granuleBytesMin)

/** One per thin disk. */
export class Provisioning {
  readonly granuleBytes: number
  readonly totalBytes: number
  readonly #marks: Uint8Array
  #allocatedGranules = 0
  /** Called when more or less is allocated than before. They must be quick, and must not throw. */
  readonly listeners = new Set<() => void>()

  /** `marks`: where they are, and perhaps were before; one byte for each granule, of its own if absent. */
  constructor(totalBytes: number, blockSize: number, marks?: Uint8Array) {
    this.granuleBytes = Math.ceil(granuleBytesMin / blockSize) * blockSize
    this.totalBytes = totalBytes
    this.#marks = marks ?? new Uint8Array(Math.ceil(totalBytes / this.granuleBytes))
    if (marks !== undefined) this.#allocatedGranules = marks.reduce((count, mark) => count + mark, 0)
  }

  /** Bytes of granules that hold data; never more than the disk has. */
  get allocatedBytes(): number {
    return Math.min(this.totalBytes, this.#allocatedGranules * this.granuleBytes)
  }

  /** Data is being written here. */
  note(byteOffset: number, byteLength: number): void {
    const first = Math.floor(byteOffset / this.granuleBytes)
    const last = Math.floor((byteOffset + byteLength - 1) / this.granuleBytes)
    for (let granule = first; granule <= last; granule++) if (this.#marks[granule] === 0) this.#allocate(granule)
  }

  /** Whether the granule of this byte holds data. */
  holds(byteOffset: number): boolean {
    return this.#marks[Math.floor(byteOffset / this.granuleBytes)] === 1
  }

  /** The granule of this byte holds nothing any more: the caller has made it read as zeros. */
  release(byteOffset: number): void {
    const granule = Math.floor(byteOffset / this.granuleBytes)
    if (this.#marks[granule] !== 1) return
    this.#marks[granule] = 0
    this.#allocatedGranules--
    this.#tell()
  }

  /** Where the granule of this byte ends, in bytes; the last one ends with the disk. */
  endOf(byteOffset: number): number {
    return Math.min(this.totalBytes, (Math.floor(byteOffset / this.granuleBytes) + 1) * this.granuleBytes)
  }

  #allocate(granule: number): void {
    this.#marks[granule] = 1
    this.#allocatedGranules++
    this.#tell()
  }

  #tell(): void {
    if (this.listeners.size > 0) for (const listener of this.listeners) listener()
  }
}
