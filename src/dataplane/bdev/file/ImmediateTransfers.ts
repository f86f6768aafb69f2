/**
 * Reads and writes of one file that are over when they return. What cannot be had at once, or not whole, is left to the
 * pool, which does all of it again and finds out why.
 */
import type { AioIo } from "./AioIo.ts"
import { type FileShortcuts, isUnsupported } from "./file-shortcuts.ts"
import type { TurnBudget } from "./TurnBudget.ts"

/** Longer IO is the pool's, in bytes: its trip is cheap beside the copying, which another core does meanwhile. */
export const immediateBytesMax = 256 * 1024

/**
 * With so many operations of a file in the pool its device is busy, or hangs. Then nothing is tried any more: a read
 * that the cache does not hold begins to read ahead before it says so.
 */
export const busyOperations = 4

/** One per open file. */
export class ImmediateTransfers {
  readonly #descriptor: number
  readonly #budget: TurnBudget
  readonly #operationsMax: number
  #read: FileShortcuts["read"]
  #write: FileShortcuts["write"]

  constructor(descriptor: number, { inMemory, read, write }: FileShortcuts, budget: TurnBudget) {
    this.#descriptor = descriptor
    this.#budget = budget
    this.#operationsMax = inMemory ? Number.POSITIVE_INFINITY : busyOperations
    this.#read = read
    this.#write = write
  }

  /** Whether the read or write is done, all of it; `operations` of the file are in the pool. */
  tryNow({ buffer, byteLength, byteOffset, operation, start }: AioIo, operations: number): boolean {
    const transfer = operation === "read" ? this.#read : operation === "write" ? this.#write : undefined
    if (transfer === undefined || byteLength > immediateBytesMax || operations >= this.#operationsMax) return false
    if (!this.#budget.take(byteLength)) return false
    const result = transfer(this.#descriptor, buffer, start, byteLength, byteOffset)
    if (isUnsupported(result)) this.#forget(operation)
    return result === byteLength
  }

  #forget(operation: AioIo["operation"]): void {
    if (operation === "read") this.#read = undefined
    else this.#write = undefined
  }
}
