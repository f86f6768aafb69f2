/**
 * Memory of RAM disks that outlives their reactors: slabs of SharedArrayBuffer, which the main thread has. A slab that
 * nobody uses any more gives its pages back to the operating system at once, and reads as zeros from then on; so it is
 * kept for the next disk of its size, as V8 frees dropped SharedArrayBuffers late.
 */
import type { MemorySource } from "../bdev/DiskMemory.ts"
import { slabBytesOf } from "../bdev/memory/MallocBdev.ts"

/** Slabs without pages that are kept. */
const freeSlabsMax = 16

/** One per process. */
export class SlabPool {
  readonly #budget: MemorySource
  readonly #release: (slab: SharedArrayBuffer) => Promise<void>
  #free: ReadonlyArray<SharedArrayBuffer> = []

  /** `release` gives the pages of a slab back; then it is zeros. */
  constructor(budget: MemorySource, release: (slab: SharedArrayBuffer) => Promise<void>) {
    this.#budget = budget
    this.#release = release
  }

  /** What disks may have together, in bytes. */
  get limit(): number {
    return this.#budget.limit
  }

  /** What is left of it. */
  get left(): number {
    return this.#budget.left
  }

  /** Zeros, for a disk of so many bytes; undefined: there is not that much memory. */
  take(diskBytes: number): SharedArrayBuffer | undefined {
    const bytes = slabBytesOf(diskBytes)
    if (!this.#budget.take(bytes)) return undefined
    const kept = this.#free.find(({ byteLength }) => byteLength === bytes)
    if (kept !== undefined) {
      this.#free = this.#free.filter((slab) => slab !== kept)
      return kept
    }
    try {
      return new SharedArrayBuffer(bytes)
    } catch {
      this.#budget.give(bytes)
      return undefined
    }
  }

  /** Nobody uses it any more, in any thread. */
  give(slab: SharedArrayBuffer): void {
    void this.#release(slab)
      .then(() => {
        this.#free = [...this.#free, slab].slice(-freeSlabsMax)
      })
      // Pages that are locked into memory stay: then the garbage collector has it.
      .catch(() => undefined)
      .finally(() => this.#budget.give(slab.byteLength))
  }
}
