/**
 * Gathers PDUs that do not move disk data: their header and data segment are kept until they are complete. The caller
 * has bounded the length.
 */
import { bhsBytes } from "./pdu/bhs.ts"

const nothing = Buffer.alloc(0)

/** One per connection and phase; holds one PDU at a time. */
export class ControlPdu {
  readonly header = Buffer.alloc(bhsBytes)
  #data: Buffer = nothing
  #gathered = 0

  /** A PDU begins. */
  begin(b: Buffer, at: number, dataBytes: number): void {
    b.copy(this.header, 0, at, at + bhsBytes)
    this.#data = dataBytes === 0 ? nothing : Buffer.alloc(dataBytes)
    this.#gathered = 0
  }

  /** Takes a piece of the data segment. */
  append(b: Buffer, start: number, end: number): void {
    this.#gathered += b.copy(this.#data, this.#gathered, start, end)
  }

  /** The data segment, once it is complete. The caller may keep it. */
  takeData(): Buffer {
    const data = this.#data
    this.#data = nothing
    return data
  }
}
