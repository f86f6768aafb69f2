/**
 * Buffers of one size, kept for reuse and counted in a budget from their allocation until they are dropped. A few are
 * kept, and those that nobody has needed for a while go. Buffers come back unzeroed.
 */
import type { MemoryAccount } from "../MemoryBudget.ts"

/** A new buffer; undefined when the operating system has no memory for it, which Node tells by a RangeError. */
const allocate = (bytes: number): Buffer | undefined => {
  try {
    return Buffer.allocUnsafeSlow(bytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** One per size. */
export class BufferPool {
  /** Of each buffer. */
  readonly bufferBytes: number
  readonly #keptMax: number
  readonly #memory: MemoryAccount
  readonly #allocate: (bytes: number) => Buffer | undefined
  readonly #free: Array<Buffer> = []
  /** The fewest that were free at once since the last `trim`. */
  #unneeded = 0

  /** `allocating` is another way to allocate, for tests. */
  constructor(bufferBytes: number, keptMax: number, memory: MemoryAccount, allocating = allocate) {
    this.bufferBytes = bufferBytes
    this.#keptMax = keptMax
    this.#memory = memory
    this.#allocate = allocating
  }

  /** Bytes of buffers that wait to be used again. */
  get keptBytes(): number {
    return this.#free.length * this.bufferBytes
  }

  /** Undefined: there is no memory for it. */
  take(): Buffer | undefined {
    const free = this.#free
    const kept = free.pop()
    if (kept !== undefined) {
      if (free.length < this.#unneeded) this.#unneeded = free.length
      return kept
    }
    return this.#memory.take(this.bufferBytes) ? this.#allocated() : undefined
  }

  /** Beyond the limit, if it has to be; undefined when the operating system has none. */
  takeAnyway(): Buffer | undefined {
    const taken = this.take()
    if (taken !== undefined) return taken
    this.#memory.takeAnyway(this.bufferBytes)
    return this.#allocated()
  }

  /** Takes back a buffer of this size that nobody uses any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#keptMax) this.#free.push(buffer)
    else this.#memory.give(this.bufferBytes)
  }

  /** A buffer that somebody may still use is left to the garbage collector. */
  abandon(): void {
    this.#memory.give(this.bufferBytes)
  }

  /** Drops those that nobody has needed since it was called last. */
  trim(): void {
    this.#dropped(this.#free.splice(0, this.#unneeded).length)
    this.#unneeded = this.#free.length
  }

  /** Drops all that are free. */
  drop(): void {
    this.#dropped(this.#free.splice(0).length)
    this.#unneeded = 0
  }

  #dropped(count: number): void {
    for (let dropped = 0; dropped < count; dropped++) this.#memory.give(this.bufferBytes)
  }

  #allocated(): Buffer | undefined {
    const buffer = this.#allocate(this.bufferBytes)
    if (buffer === undefined) this.#memory.give(this.bufferBytes)
    return buffer
  }
}
