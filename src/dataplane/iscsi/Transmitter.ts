/**
 * Output of one connection. PDUs are written into output buffers and leave in one socket write per chunk of input, not
 * per PDU: that is worth a factor of three to five.
 *
 * A buffer that the kernel has taken whole is reused at once. What it has not taken belongs to the socket until the
 * next `drain`; meanwhile the rest of the buffer is filled, so that many small answers to a slow reader hold one
 * buffer.
 */
import type { Socket } from "node:net"
import { unsentBytesMax, unsentFlushesMax, unsentTextBytesMax } from "../limits.ts"
import { DirectWrite, directPiecesMax } from "./DirectWrite.ts"
import type { OutputBuffers } from "./OutputBuffers.ts"
import { OutputPieces, PieceKind } from "./OutputPieces.ts"
import type { Digests } from "./PduReader.ts"
import { bhsBytes, paddingOf } from "./pdu/bhs.ts"
import { crc32cOf, digestBytes, putDigest } from "./pdu/crc32c.ts"

/** Where responses of a connection are gathered and sent. */
export class Transmitter {
  readonly #socket: Socket
  readonly #buffers: OutputBuffers
  readonly #direct: DirectWrite | undefined
  /** What waits for the flush before what is in the current buffer. */
  readonly #pieces = new OutputPieces()
  /** Buffers that the socket still reads from. */
  readonly #inSocket: Array<Buffer> = []
  #current: Buffer | undefined
  /** What lies before it is the socket's. */
  #start = 0
  #end = 0
  #pendingBytes = 0
  /** Flushes since the socket last had nothing to send. */
  #waitingFlushes = 0
  #closed = false
  /** Neither of the digests is in use. */
  #plain = true
  #headerDigest = false
  #dataDigest = false
  #unsentMax: number = unsentBytesMax
  /** Of a header with its digest, if there is one, in bytes: where the data of a PDU begins. */
  #headBytes: number = bhsBytes
  /** Handed to the socket, all in all. */
  sentBytes = 0

  constructor(socket: Socket, buffers: OutputBuffers, direct: DirectWrite | null | undefined = DirectWrite.of(socket)) {
    this.#socket = socket
    this.#buffers = buffers
    this.#direct = direct ?? undefined
  }

  /** The buffer that the last `reserve` reserved in. */
  get buffer(): Buffer {
    if (this.#current === undefined) this.#current = this.#take(0)
    return this.#current
  }

  /** From now on for text alone (RFC 7143 section 6.3), or for the data of a session, too: what may be unsent. */
  set textOnly(textOnly: boolean) {
    this.#unsentMax = textOnly ? unsentTextBytesMax : unsentBytesMax
  }

  /** The next PDU and all after it get these digests. */
  useDigests({ data, header }: Digests): void {
    this.#plain = !header && !data
    this.#headerDigest = header
    this.#dataDigest = data
    this.#headBytes = bhsBytes + (header ? digestBytes : 0)
  }

  /**
   * Room for one PDU with `dataBytes` of data: the offset of its header in `buffer`. The caller writes the header
   * there, the data at `dataAt` of it, and calls `endPdu` before it returns.
   */
  beginPdu(dataBytes: number): number {
    const digest = this.#dataDigest && dataBytes > 0 ? digestBytes : 0
    return this.reserve(this.#headBytes + dataBytes + paddingOf(dataBytes) + digest)
  }

  /** Where the data belongs of the PDU whose header is at `at`. */
  dataAt(at: number): number {
    return at + this.#headBytes
  }

  /** Header and data of a PDU are written: adds padding and digests. */
  endPdu(at: number, dataBytes: number): void {
    const padding = paddingOf(dataBytes)
    const start = at + this.#headBytes
    const end = start + dataBytes
    if (padding > 0) this.buffer.fill(0, end, end + padding)
    if (this.#plain) return
    if (this.#headerDigest) putDigest(this.buffer, at + bhsBytes, crc32cOf(this.buffer, at, at + bhsBytes))
    if (this.#dataDigest && dataBytes > 0) {
      putDigest(this.buffer, end + padding, crc32cOf(this.buffer, start, end + padding))
    }
  }

  /** Room for `length` bytes: its offset in `buffer`. The caller fills all of it before it returns. */
  reserve(length: number): number {
    if (this.#current === undefined) this.#current = this.#take(length)
    if (this.#end + length > this.#current.length) {
      this.#pieces.add(this.#current, this.#start, this.#end, PieceKind.Full)
      this.#current = this.#take(length)
      this.#start = 0
      this.#end = 0
    }
    const at = this.#end
    this.#end += length
    this.#pendingBytes += length
    return at
  }

  #take(length: number): Buffer {
    return this.#unsentMax === unsentBytesMax ? this.#buffers.take(length) : this.#buffers.takeSmall()
  }

  /**
   * Whether so much is unsent that no further command may be taken. What has only been written does not count, but is
   * sent first: a socket that takes it at once has no `drain` that would tell of it later.
   */
  get overLimit(): boolean {
    if (!this.#isOverLimit()) return false
    this.flush()
    return this.#isOverLimit()
  }

  #isOverLimit(): boolean {
    const bytes = this.unsentBytes
    if (this.#buffers.isScarce && bytes > 0) return true
    return bytes > this.#unsentMax || this.#waitingFlushes > unsentFlushesMax
  }

  /** Written all in all, sent or not. */
  get writtenBytes(): number {
    return this.sentBytes + this.#pendingBytes
  }

  /** What was written and the kernel has not taken, in bytes. */
  get unsentBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength
  }

  /** Whether there is something to flush. */
  get pending(): boolean {
    return this.#pendingBytes > 0
  }

  /** Whether memory may be lent now, to be sent from where it is. */
  get takesLoans(): boolean {
    return this.#pieces.count < directPiecesMax - 2 && this.#direct?.isFree === true
  }

  /** Room for the header of a PDU whose data is lent, while `takesLoans`: its offset in `buffer`. */
  beginLoan(): number {
    return this.reserve(this.#headBytes)
  }

  /**
   * The header at `at` is written. `[start, end)` of memory is its data, whole words. That stays as it is until `repay`
   * or `flush`, which the caller calls before anything can change it: within the chunk.
   */
  lend(at: number, memory: Buffer, start: number, end: number): void {
    if (this.#headerDigest) putDigest(this.buffer, at + bhsBytes, crc32cOf(this.buffer, at, at + bhsBytes))
    if (this.#current !== undefined && this.#end > this.#start) {
      this.#pieces.add(this.#current, this.#start, this.#end, PieceKind.Open)
      this.#start = this.#end
    }
    this.#pieces.add(memory, start, end, PieceKind.Lent)
    this.#pendingBytes += end - start
    if (!this.#dataDigest) return
    const digestAt = this.reserve(digestBytes)
    putDigest(this.buffer, digestAt, crc32cOf(memory, start, end))
  }

  /** What was lent may change from now on. */
  repay(): void {
    if (this.#pieces.lent > 0) this.flush()
  }

  /** Hands all that was written to the kernel, or to the socket. */
  flush(): void {
    if (this.#pendingBytes === 0 || this.#closed) return
    this.sentBytes += this.#pendingBytes
    if (this.#direct?.isFree === true) this.#writeDirectly(this.#direct)
    if (this.#pendingBytes > 0) {
      if (this.#pieces.lent > 0) this.#copyPieces()
      this.#writeToSocket()
    }
    this.recycle()
  }

  /** Leaves what the kernel does not take at once. */
  #writeDirectly(direct: DirectWrite): void {
    const pieces = this.#pieces
    const count = Math.min(pieces.count, directPiecesMax - 1)
    for (let i = 0; i < count; i++) direct.add(pieces.bufferOf(i), pieces.startOf(i), pieces.endOf(i))
    if (count === pieces.count && this.#current !== undefined) direct.add(this.#current, this.#start, this.#end)
    let taken = direct.write()
    this.#pendingBytes -= taken
    let whole = 0
    for (; whole < count && taken >= pieces.bytesOf(whole); whole++) {
      taken -= pieces.bytesOf(whole)
      if (pieces.kindOf(whole) === PieceKind.Full) this.#buffers.give(pieces.bufferOf(whole))
    }
    pieces.drop(whole)
    if (pieces.count > 0) pieces.advance(0, taken)
    else this.#start += taken
  }

  /** What is left is copied into buffers of our own. */
  #copyPieces(): void {
    const pieces = this.#pieces
    if (this.#current !== undefined) pieces.add(this.#current, this.#start, this.#end, PieceKind.Full)
    this.#current = undefined
    this.#start = 0
    this.#end = 0
    this.#pendingBytes = 0
    const { count } = pieces
    for (let i = 0; i < count; i++) {
      const at = this.reserve(pieces.bytesOf(i))
      pieces.bufferOf(i).copy(this.buffer, at, pieces.startOf(i), pieces.endOf(i))
    }
    for (let i = 0; i < count; i++) if (pieces.kindOf(i) === PieceKind.Full) this.#buffers.give(pieces.bufferOf(i))
    pieces.drop(count)
  }

  #writeToSocket(): void {
    this.#pendingBytes = 0
    this.#waitingFlushes++
    const socket = this.#socket
    const pieces = this.#pieces
    const current = this.#current
    if (pieces.count > 0) socket.cork()
    for (let i = 0; i < pieces.count; i++) {
      if (pieces.bytesOf(i) > 0) socket.write(pieces.bufferOf(i).subarray(pieces.startOf(i), pieces.endOf(i)))
      this.#inSocket.push(pieces.bufferOf(i))
    }
    pieces.clear()
    if (current !== undefined && this.#end > this.#start) {
      socket.write(current.subarray(this.#start, this.#end))
      this.#start = this.#end
    }
    if (socket.writableCorked > 0) socket.uncork()
  }

  /** Takes back the buffers, once the kernel has all of them. Called after a flush and on `drain`. */
  recycle(): void {
    if (this.#socket.writableLength !== 0) return
    this.#waitingFlushes = 0
    for (let buffer = this.#inSocket.pop(); buffer !== undefined; buffer = this.#inSocket.pop()) {
      this.#buffers.give(buffer)
    }
    if (this.#current === undefined || this.#end > this.#start) return
    this.#buffers.give(this.#current)
    this.#current = undefined
    this.#start = 0
    this.#end = 0
  }

  /**
   * Gives back what is not in the socket's hands. Buffers that it may still read from are left to the garbage
   * collector: a destroyed socket does not say when it lets go.
   */
  close(): void {
    this.#closed = true
    this.#pendingBytes = 0
    const pieces = this.#pieces
    if (this.#current !== undefined) this.#leave(this.#current, this.#start)
    for (let i = 0; i < pieces.count; i++) {
      if (pieces.kindOf(i) === PieceKind.Full) this.#leave(pieces.bufferOf(i), pieces.startOf(i))
    }
    for (const buffer of this.#inSocket) this.#buffers.abandon(buffer)
    this.#current = undefined
    this.#start = 0
    this.#end = 0
    pieces.clear()
    this.#inSocket.length = 0
  }

  /** What lies before `start` is the socket's. */
  #leave(buffer: Buffer, start: number): void {
    if (start === 0) this.#buffers.give(buffer)
    else this.#buffers.abandon(buffer)
  }
}
