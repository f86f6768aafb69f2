/**
 * Cuts the byte stream of a connection into PDUs. A header that lies whole in the received chunk is read in place; a
 * split one is gathered first. Data segments are handed on piece by piece as they arrive, padding is dropped.
 *
 * The reader trusts nothing: the handler bounds the lengths that a header declares, and closes the connection for a
 * header it refuses.
 */
import { ahsBytesOf, bhsBytes, dataSegmentBytesOf, paddingOf } from "./pdu/bhs.ts"

/** What a connection does with the pieces of a PDU. All calls are synchronous and in order. */
export interface PduHandler {
  /** A whole basic header segment, valid during this call only. False: nothing more is to be read (yet). */
  readonly header: (b: Buffer, at: number, dataBytes: number, ahsBytes: number) => boolean
  /** A piece of the data segment, valid during this call only. */
  readonly data: (b: Buffer, start: number, end: number) => void
  /** The PDU is complete. False: nothing more is to be read (yet); what is left of the chunk is kept. */
  readonly end: () => boolean
}

const Phase = { Header: 0, AdditionalHeader: 1, Data: 2, Padding: 3 } as const
type Phase = (typeof Phase)[keyof typeof Phase]

/** One per connection. */
export class PduReader {
  readonly #handler: PduHandler
  readonly #scratch = Buffer.alloc(bhsBytes)
  #gathered = 0
  #phase: Phase = Phase.Header
  #left = 0
  #dataBytes = 0
  /** What was received but not read, because the handler asked to stop. */
  #kept: Buffer | undefined

  constructor(handler: PduHandler) {
    this.#handler = handler
  }

  /** Whether the stream stands between two PDUs. */
  get between(): boolean {
    return this.#phase === Phase.Header && this.#gathered === 0 && this.#kept === undefined
  }

  /** Reads a received chunk, which is the caller's again afterwards. False: the handler asked to stop. */
  push(chunk: Buffer, length: number): boolean {
    if (this.#kept !== undefined) {
      this.#kept = Buffer.concat([this.#kept, chunk.subarray(0, length)])
      return false
    }
    const stoppedAt = this.#read(chunk, length)
    if (stoppedAt < 0) return true
    if (stoppedAt < length) this.#kept = Buffer.from(chunk.subarray(stoppedAt, length))
    return false
  }

  /** Goes on with what was kept. False: the handler asked to stop again. */
  resume(): boolean {
    const kept = this.#kept
    if (kept === undefined) return true
    this.#kept = undefined
    return this.push(kept, kept.length)
  }

  /** The offset where the handler asked to stop, or -1 when all was read. */
  #read(chunk: Buffer, length: number): number {
    let at = 0
    while (at < length) {
      if (this.#phase === Phase.Header) {
        if (this.#gathered === 0 && length - at >= bhsBytes) {
          at += bhsBytes
          if (!this.#begin(chunk, at - bhsBytes)) return at
          continue
        }
        const taken = Math.min(bhsBytes - this.#gathered, length - at)
        chunk.copy(this.#scratch, this.#gathered, at, at + taken)
        this.#gathered += taken
        at += taken
        if (this.#gathered < bhsBytes) return -1
        this.#gathered = 0
        if (!this.#begin(this.#scratch, 0)) return at
        continue
      }
      const taken = Math.min(this.#left, length - at)
      if (this.#phase === Phase.Data) this.#handler.data(chunk, at, at + taken)
      this.#left -= taken
      at += taken
      if (this.#left === 0 && !this.#next()) return at
    }
    return -1
  }

  #begin(b: Buffer, at: number): boolean {
    const dataBytes = dataSegmentBytesOf(b, at)
    const ahsBytes = ahsBytesOf(b, at)
    this.#dataBytes = dataBytes
    if (!this.#handler.header(b, at, dataBytes, ahsBytes)) return false
    this.#phase = Phase.AdditionalHeader
    this.#left = ahsBytes
    return ahsBytes > 0 || this.#next()
  }

  /** The phase is over: goes to the next that has bytes, or ends the PDU. */
  #next(): boolean {
    if (this.#phase === Phase.AdditionalHeader) {
      this.#phase = Phase.Data
      this.#left = this.#dataBytes
      if (this.#left > 0) return true
    }
    if (this.#phase === Phase.Data) {
      this.#phase = Phase.Padding
      this.#left = paddingOf(this.#dataBytes)
      if (this.#left > 0) return true
    }
    this.#phase = Phase.Header
    return this.#handler.end()
  }
}
