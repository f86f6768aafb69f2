/**
 * Reads what a server answers: simple replies, and replies in chunks. Data goes to the buffer of its read as it comes.
 *
 * The bytes are a stranger's. Nothing is believed of them: a handle that is not out, a length that does not fit its
 * request, data twice, or not at all, ends the connection by `violated`, once; what is kept of a reply is bounded.
 */

import type { NbdRequest } from "./NbdRequest.ts"
import {
  CHUNK_DONE,
  ChunkType,
  EXPORT_NAME_BYTES_MAX,
  NBD_SIMPLE_REPLY_MAGIC,
  NBD_STRUCTURED_REPLY_MAGIC,
  NbdCommand
} from "./nbd-protocol.ts"

/** Who has sent the requests. */
export interface ReplyPort {
  /** The request that a handle names, if its reply is awaited. */
  readonly find: (generation: number, place: number) => NbdRequest | undefined
  /** The reply is complete: `error` is 0, or what went wrong. The request may be used again. */
  readonly answered: (request: NbdRequest, error: number) => void
  readonly violated: (detail: string) => void
}

/** How this connection was negotiated. */
export interface ReplyForm {
  readonly isStructured: boolean
  readonly allocationContext: number | undefined
}

const simpleBytes = 16
const chunkBytes = 20
/** Bytes of a chunk that is no data: an error with the longest text, or extents. */
const smallBytesMax = EXPORT_NAME_BYTES_MAX + 14
/** Errors of one reply. */
const errorsMax = 64

const isError = (type: number): boolean => type >= ChunkType.error

/** Of one connection. */
export class NbdReplyReader {
  readonly #port: ReplyPort
  readonly #form: ReplyForm
  /** A header, or what follows it of a chunk that is no data. */
  readonly #small = Buffer.alloc(smallBytesMax)
  #have = 0
  #need = simpleBytes
  /** The payload of a chunk is gathered, not a header. */
  #isPayload = false
  #request: NbdRequest | undefined
  #chunkType = 0
  #isDone = false
  #payloadBytes = 0
  /** Data that is still to come, and where it goes. */
  #dataLeft = 0
  #dataAt = 0
  #isStopped = false

  constructor(port: ReplyPort, form: ReplyForm) {
    this.#port = port
    this.#form = form
  }

  /** Nothing that comes is looked at any more, and no buffer is touched. */
  stop(): void {
    this.#isStopped = true
    this.#request = undefined
  }

  /** More bytes: `chunk[start, end)`. */
  receive(chunk: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && !this.#isStopped)
      at = this.#dataLeft > 0 ? this.#data(chunk, at, end) : this.#gather(chunk, at, end)
  }

  #data(chunk: Buffer, at: number, end: number): number {
    const length = Math.min(end - at, this.#dataLeft)
    this.#request?.buffer.set(chunk.subarray(at, at + length), this.#dataAt)
    this.#dataAt += length
    this.#dataLeft -= length
    if (this.#dataLeft === 0) this.#chunkEnded()
    return at + length
  }

  #gather(chunk: Buffer, at: number, end: number): number {
    const length = Math.min(end - at, this.#need - this.#have)
    chunk.copy(this.#small, this.#have, at, at + length)
    this.#have += length
    if (this.#have === this.#need) {
      if (this.#isPayload) this.#payload()
      else this.#header()
    }
    return at + length
  }

  #header(): void {
    const small = this.#small
    const magic = small.readUInt32BE(0)
    if (magic === NBD_SIMPLE_REPLY_MAGIC) return this.#simple()
    if (magic !== NBD_STRUCTURED_REPLY_MAGIC || !this.#form.isStructured) return this.#violate("sends no reply")
    if (this.#have < chunkBytes) {
      this.#need = chunkBytes
      return
    }
    const request = this.#port.find(small.readUInt32BE(8), small.readUInt32BE(12))
    if (request === undefined) return this.#violate("answers a request that it does not have")
    this.#request = request
    this.#isDone = (small.readUInt16BE(4) & CHUNK_DONE) !== 0
    this.#chunkType = small.readUInt16BE(6)
    this.#payloadBytes = small.readUInt32BE(16)
    this.#chunk(request)
  }

  #simple(): void {
    const error = this.#small.readUInt32BE(4)
    const request = this.#port.find(this.#small.readUInt32BE(8), this.#small.readUInt32BE(12))
    if (request === undefined) return this.#violate("answers a request that it does not have")
    this.#request = request
    this.#isDone = true
    const isRead = request.command === NbdCommand.read
    if (request.command === NbdCommand.blockStatus || (isRead && this.#form.isStructured)) {
      return this.#violate("answers by a simple reply what needs chunks")
    }
    request.error = error
    if (!isRead || error !== 0) return this.#chunkEnded()
    request.coverage.add(0, request.byteLength)
    this.#expectData(request.start, request.byteLength)
  }

  /** What kind of payload follows, and how much of it. */
  #chunk(request: NbdRequest): void {
    const bytes = this.#payloadBytes
    const isRead = request.command === NbdCommand.read
    switch (this.#chunkType) {
      case ChunkType.none:
        if (bytes !== 0 || !this.#isDone) return this.#violate("sends an empty chunk that is none")
        return this.#chunkEnded()
      case ChunkType.offsetData:
        if (!isRead || bytes < 9 || bytes - 8 > request.byteLength) return this.#violate("sends data nobody asked for")
        return this.#expectPayload(8)
      case ChunkType.offsetHole:
        if (!isRead || bytes !== 12) return this.#violate("sends a hole nobody asked for")
        return this.#expectPayload(12)
      case ChunkType.blockStatus: {
        const isExpected = request.command === NbdCommand.blockStatus && request.extentBytes === 0
        if (!isExpected || bytes < 12 || bytes % 8 !== 4 || bytes > smallBytesMax) {
          return this.#violate("sends extents nobody asked for")
        }
        return this.#expectPayload(bytes)
      }
      default:
        if (!isError(this.#chunkType) || bytes < 6 || bytes > smallBytesMax) {
          return this.#violate("sends a chunk of no known kind")
        }
        return this.#expectPayload(bytes)
    }
  }

  #expectPayload(bytes: number): void {
    this.#isPayload = true
    this.#have = 0
    this.#need = bytes
  }

  #expectData(at: number, bytes: number): void {
    this.#dataAt = at
    this.#dataLeft = bytes
  }

  #payload(): void {
    const request = this.#request
    if (request === undefined) return
    switch (this.#chunkType) {
      case ChunkType.offsetData:
      case ChunkType.offsetHole:
        return this.#range(request)
      case ChunkType.blockStatus:
        return this.#extent(request)
      default:
        return this.#error(request)
    }
  }

  #range(request: NbdRequest): void {
    const small = this.#small
    const isHole = this.#chunkType === ChunkType.offsetHole
    const from = small.readUInt32BE(0) * 2 ** 32 + small.readUInt32BE(4) - request.byteOffset
    const bytes = isHole ? small.readUInt32BE(8) : this.#payloadBytes - 8
    // A number beyond 2^53 is not exact, but beyond any request, too.
    if (from < 0 || from + bytes > request.byteLength || !request.coverage.add(from, from + bytes)) {
      return this.#violate("sends data outside of a request, or twice")
    }
    if (!isHole) return this.#expectData(request.start + from, bytes)
    request.buffer.fill(0, request.start + from, request.start + from + bytes)
    this.#chunkEnded()
  }

  /** Only the first extent counts: no more were asked for. */
  #extent(request: NbdRequest): void {
    const bytes = this.#small.readUInt32BE(4)
    if (this.#small.readUInt32BE(0) !== this.#form.allocationContext || bytes === 0) {
      return this.#violate("sends extents of no meaning")
    }
    request.extentBytes = Math.min(bytes, request.byteLength)
    request.extentFlags = this.#small.readUInt32BE(8)
    this.#chunkEnded()
  }

  #error(request: NbdRequest): void {
    const small = this.#small
    const error = small.readUInt32BE(0)
    const tail = 6 + small.readUInt16BE(4)
    const hasOffset = this.#chunkType === ChunkType.errorOffset
    if (error === 0 || tail + (hasOffset ? 8 : 0) > this.#payloadBytes || ++request.errorCount > errorsMax) {
      return this.#violate("sends an error that is none")
    }
    if (request.error === 0) {
      request.error = error
      const at = hasOffset ? small.readUInt32BE(tail) * 2 ** 32 + small.readUInt32BE(tail + 4) : -1
      const isInside = at >= request.byteOffset && at < request.byteOffset + request.byteLength
      request.errorOffset = isInside ? at : undefined
    }
    this.#chunkEnded()
  }

  #chunkEnded(): void {
    const request = this.#request
    this.#request = undefined
    this.#isPayload = false
    this.#have = 0
    this.#need = simpleBytes
    if (request === undefined || !this.#isDone) return
    const isMissing =
      (request.command === NbdCommand.read && !request.coverage.isWhole(request.byteLength)) ||
      (request.command === NbdCommand.blockStatus && request.extentBytes === 0)
    if (request.error === 0 && isMissing) return this.#violate("leaves out data of a read")
    this.#port.answered(request, request.error)
  }

  #violate(detail: string): void {
    this.stop()
    this.#port.violated(detail)
  }
}
