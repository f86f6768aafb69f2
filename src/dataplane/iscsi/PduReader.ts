/**
 * Cuts the byte stream of a connection into PDUs. A header that lies whole in the received chunk is read in place; a
 * split one is gathered first. Data segments are handed on piece by piece as they arrive, padding is dropped.
 *
 * The reader trusts nothing: the handler bounds the lengths that a header declares, and closes the connection for a
 * header it refuses. With a header digest nothing of a header is looked at before all of it is there and its digest is
 * right, but the length of its additional segments, which is bounded by its form.
 */
import { ahsBytesMax, ahsBytesOf, bhsAt, bhsBytes, dataSegmentBytesOf, paddingOf } from "./pdu/bhs.ts"
import { crc32cOf, digestBytes, digestOf } from "./pdu/crc32c.ts"

/** Which digests a connection uses, both ways (RFC 7143 section 13.1). */
export interface Digests {
  readonly header: boolean
  readonly data: boolean
}

/** What a connection does with the pieces of a PDU. All calls are synchronous and in order. */
export interface PduHandler {
  /** A whole basic header segment, valid during this call only. False: nothing more is to be read (yet). */
  readonly header: (b: Buffer, at: number, dataBytes: number, ahsBytes: number) => boolean
  /** Asked when `header` gives false: whether the PDU is to be begun again by `resume`. */
  readonly isPostponed: () => boolean
  /** A piece of the data segment, valid during this call only. */
  readonly data: (b: Buffer, start: number, end: number) => void
  /** The PDU is complete. False: nothing more is to be read (yet); what is left of the chunk is kept. */
  readonly end: () => boolean
  /** A header, here with its additional segments, is not what was sent: nothing more is read. */
  readonly badHeader: (b: Buffer, at: number) => void
  /** In place of `end`: the data segment is not what was sent; the header was this. */
  readonly badData: (header: Buffer) => boolean
}

const Phase = { Header: 0, AdditionalHeader: 1, Data: 2, Padding: 3, DataDigest: 4 } as const
type Phase = (typeof Phase)[keyof typeof Phase]

const nothing = Buffer.alloc(0)

/** One per connection. */
export class PduReader {
  readonly #handler: PduHandler
  /** A header that comes in pieces; with a header digest all that this covers, and the digest. */
  #scratch = Buffer.alloc(bhsBytes)
  #gathered = 0
  /** The header in the scratch is whole and to be begun again. */
  #postponed = false
  /** Neither of the digests is in use. */
  #plain = true
  #headerDigest = false
  #dataDigest = false
  /** Bytes without which there is no whole header. */
  #headBytesMin = bhsBytes
  /** With a data digest: the header of the PDU whose data is read, and the CRC and the digest of what has come. */
  readonly #header = Buffer.alloc(bhsBytes)
  readonly #receivedDigest = Buffer.alloc(digestBytes)
  #crc = 0
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
    return this.#phase === Phase.Header && this.#gathered === 0 && this.#kept === undefined && !this.#postponed
  }

  /** The next PDU and all after it have these digests. */
  useDigests(digests: Digests): void {
    this.#plain = !digests.header && !digests.data
    this.#headerDigest = digests.header
    this.#dataDigest = digests.data
    if (!digests.header) return
    this.#headBytesMin = bhsBytes + digestBytes
    this.#scratch = Buffer.alloc(bhsBytes + ahsBytesMax + digestBytes)
  }

  /** Reads a received chunk, which is the caller's again afterwards. False: the handler asked to stop. */
  push(chunk: Buffer, length: number): boolean {
    if (this.#kept !== undefined || this.#postponed) {
      this.#kept = Buffer.concat([this.#kept ?? nothing, chunk.subarray(0, length)])
      return false
    }
    const stoppedAt = this.#read(chunk, length)
    if (stoppedAt < 0) return true
    if (stoppedAt < length) this.#kept = Buffer.from(chunk.subarray(stoppedAt, length))
    return false
  }

  /** Goes on with what was kept. False: the handler asked to stop again. */
  resume(): boolean {
    if (this.#postponed) {
      this.#postponed = false
      if (!this.#begin(this.#scratch, 0)) return false
    }
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
        const headBytes = this.#gathered > 0 ? 0 : this.#headBytesIn(chunk, at, length)
        if (headBytes > 0) {
          at += headBytes
          if (!this.#begin(chunk, at - headBytes)) return at
          continue
        }
        at += this.#gather(chunk, at, length)
        if (this.#gathered < this.#headBytes(this.#scratch, 0, this.#gathered)) continue
        this.#gathered = 0
        if (!this.#begin(this.#scratch, 0)) return at
        continue
      }
      const taken = Math.min(this.#left, length - at)
      if (this.#phase === Phase.Data) this.#handler.data(chunk, at, at + taken)
      if (!this.#plain) this.#cover(chunk, at, at + taken)
      this.#left -= taken
      at += taken
      if (this.#left === 0 && !this.#next()) return at
    }
    return -1
  }

  /** Length of the header that lies whole in the chunk, with all that a header digest covers; 0 if none does. */
  #headBytesIn(chunk: Buffer, at: number, length: number): number {
    if (length - at < this.#headBytesMin) return 0
    if (!this.#headerDigest) return bhsBytes
    const headBytes = this.#headBytes(chunk, at, bhsBytes)
    return length - at < headBytes ? 0 : headBytes
  }

  /** Length of what is read at once, as far as the bytes that are there tell it. */
  #headBytes(b: Buffer, at: number, known: number): number {
    if (!this.#headerDigest || known <= bhsAt.totalAhsLength) return this.#headBytesMin
    return this.#headBytesMin + ahsBytesOf(b, at)
  }

  /** Sets bytes of a split header aside: how many. */
  #gather(chunk: Buffer, at: number, length: number): number {
    const wanted = this.#headBytes(this.#scratch, 0, this.#gathered)
    const taken = Math.min(wanted - this.#gathered, length - at)
    chunk.copy(this.#scratch, this.#gathered, at, at + taken)
    this.#gathered += taken
    return taken
  }

  #begin(b: Buffer, at: number): boolean {
    const dataBytes = dataSegmentBytesOf(b, at)
    const ahsBytes = ahsBytesOf(b, at)
    if (!this.#plain && !this.#beginDigests(b, at, at + bhsBytes + ahsBytes)) return false
    this.#dataBytes = dataBytes
    if (!this.#handler.header(b, at, dataBytes, ahsBytes)) {
      if (this.#handler.isPostponed()) this.#postpone(b, at)
      return false
    }
    this.#phase = Phase.AdditionalHeader
    this.#left = this.#headerDigest ? 0 : ahsBytes
    return this.#left > 0 || this.#next()
  }

  /** Checks the digest of a header, which stands at `end`, and prepares for that of data. */
  #beginDigests(b: Buffer, at: number, end: number): boolean {
    if (this.#headerDigest && crc32cOf(b, at, end) !== digestOf(b, end)) {
      this.#handler.badHeader(b, at)
      return false
    }
    if (this.#dataDigest) b.copy(this.#header, 0, at, at + bhsBytes)
    this.#crc = 0
    return true
  }

  #postpone(b: Buffer, at: number): void {
    this.#postponed = true
    if (b !== this.#scratch) b.copy(this.#scratch, 0, at, at + this.#headBytes(b, at, bhsBytes))
  }

  /** Goes into the data digest, or is it. */
  #cover(b: Buffer, start: number, end: number): void {
    if (!this.#dataDigest) return
    if (this.#phase === Phase.DataDigest) b.copy(this.#receivedDigest, digestBytes - this.#left, start, end)
    else if (this.#phase !== Phase.AdditionalHeader) this.#crc = crc32cOf(b, start, end, this.#crc)
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
    if (this.#dataDigest && this.#dataBytes > 0) return this.#nextOfDigest()
    this.#phase = Phase.Header
    return this.#handler.end()
  }

  /** A data segment with a digest is complete, or the digest is. */
  #nextOfDigest(): boolean {
    if (this.#phase === Phase.Padding) {
      this.#phase = Phase.DataDigest
      this.#left = digestBytes
      return true
    }
    this.#phase = Phase.Header
    return digestOf(this.#receivedDigest, 0) === this.#crc ? this.#handler.end() : this.#handler.badData(this.#header)
  }
}
