/**
 * The output buffers of a reactor, kept for reuse: allocating a megabyte for every burst of responses would cost more
 * than sending it.
 *
 * An answer that has begun must be sent, so there is always a buffer, if need be beyond the budget. When that happens,
 * memory `isScarce`: buffers are small, and a connection that has something unsent is not read any further. So what
 * goes beyond the budget is bounded by the answers to one command for each connection.
 */
import { outputBufferBytes, outputBuffersKept, smallOutputBufferBytes, smallOutputBuffersKept } from "../limits.ts"
import { type MemoryAccount, MemoryBudget } from "../MemoryBudget.ts"
import { BufferPool } from "./BufferPool.ts"

/** The operating system has no memory for the answer to a command. */
export class OutOfMemory extends Error {
  constructor(bytes: number) {
    super(`the operating system has no memory for ${bytes} bytes of output`)
    this.name = "OutOfMemory"
  }
}

/** One per reactor. Every byte of a buffer is written before it is sent. */
export class OutputBuffers {
  readonly #memory: MemoryAccount
  readonly #large: BufferPool
  readonly #small: BufferPool
  /** Whether there is less memory than answers need. */
  isScarce = false
  /** Called when there is no memory for a buffer: drops what is kept elsewhere and not used. */
  reclaim = (): void => {}

  /** `memory` is what they are counted in. */
  constructor(memory: MemoryAccount = MemoryBudget.sized(Number.POSITIVE_INFINITY).account("output")) {
    this.#memory = memory
    this.#large = new BufferPool(outputBufferBytes, outputBuffersKept, memory)
    this.#small = new BufferPool(smallOutputBufferBytes, smallOutputBuffersKept, memory)
  }

  /** Bytes of buffers that wait to be used again. */
  get keptBytes(): number {
    return this.#large.keptBytes + this.#small.keptBytes
  }

  /** Bytes of all buffers. */
  get usedBytes(): number {
    return this.#memory.used
  }

  /** A buffer of `outputBufferBytes`; of less, but at least `needed` bytes, while memory is scarce. */
  take(needed = outputBufferBytes): Buffer {
    if (!this.isScarce) {
      const buffer = this.#large.take() ?? this.#takeReclaimed()
      if (buffer !== undefined) return buffer
      this.isScarce = true
    }
    if (needed <= smallOutputBufferBytes) return this.takeSmall()
    const buffer = this.#large.takeAnyway()
    if (buffer === undefined) throw new OutOfMemory(outputBufferBytes)
    return buffer
  }

  #takeReclaimed(): Buffer | undefined {
    this.reclaim()
    return this.#large.take()
  }

  /** A buffer of `smallOutputBufferBytes`, for a connection that is not worth more. */
  takeSmall(): Buffer {
    const buffer = this.#small.takeAnyway()
    if (buffer === undefined) throw new OutOfMemory(smallOutputBufferBytes)
    return buffer
  }

  /** Gives a buffer back that nobody reads any more. */
  give(buffer: Buffer): void {
    if (this.isScarce) this.abandon(buffer)
    else this.#poolOf(buffer).give(buffer)
  }

  /** A buffer that a socket may still read from is left to the garbage collector. */
  abandon(buffer: Buffer): void {
    this.#poolOf(buffer).abandon()
    this.#lookAgain()
  }

  /** Called every few seconds: what nobody has needed since goes. */
  trim(): void {
    this.#large.trim()
    this.#small.trim()
    this.#lookAgain()
  }

  /** Drops all that are kept. */
  drop(): void {
    this.#large.drop()
    this.#small.drop()
  }

  /** What other reactors have given back counts, too. */
  #lookAgain(): void {
    if (this.isScarce && this.#memory.left >= outputBufferBytes) this.isScarce = false
  }

  #poolOf(buffer: Buffer): BufferPool {
    return buffer.length === outputBufferBytes ? this.#large : this.#small
  }
}
