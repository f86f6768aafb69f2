/** Data segments that are no disk's: text, sense data, refused headers. Few and small, so they are beside the ring. */
import type { MemoryAccount } from "../../MemoryBudget.ts"
import { takeSpare } from "./take-spare.ts"

/** What one connection may have, in bytes, each counted with what it costs to keep. */
const bytesMax = 32 * 1024
const overheadBytes = 160
/** As much is taken of the budget at once, in bytes. */
const stepBytes = 4 * 1024

/** One data segment. */
export interface Kept {
  readonly data: Uint8Array
  readonly redacted: boolean
}

/** Of one connection, by the numbers of the PDUs. The oldest goes first. */
export class KeptData {
  readonly #memory: MemoryAccount
  readonly #kept = new Map<number, Kept>()
  #used = 0
  /** Of the budget. */
  bytes = 0

  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  /** Keeps a copy of the data of a PDU, if there is room or can be made. */
  put(ordinal: number, data: Uint8Array, redacted: boolean): void {
    const cost = data.length + overheadBytes
    if (cost > bytesMax || !this.#makeRoom(cost)) return
    this.#used += cost
    this.#kept.set(ordinal, { data: Uint8Array.from(data), redacted })
  }

  /** The data of a PDU, if it is kept. */
  of(ordinal: number): Kept | undefined {
    return this.#kept.get(ordinal)
  }

  /** Gives all back. */
  drop(): void {
    this.#memory.give(this.bytes)
    this.#kept.clear()
    this.#used = 0
    this.bytes = 0
  }

  #makeRoom(cost: number): boolean {
    while (this.#used + cost > this.bytes) {
      const grows = this.bytes + stepBytes <= bytesMax && takeSpare(this.#memory, stepBytes)
      if (grows) this.bytes += stepBytes
      else if (!this.#forgetOldest()) return false
    }
    return true
  }

  #forgetOldest(): boolean {
    for (const [ordinal, { data }] of this.#kept) {
      this.#kept.delete(ordinal)
      this.#used -= data.length + overheadBytes
      return true
    }
    return false
  }
}
