/**
 * An NBD server that does what a test says: it keeps its disk in memory, answers at once unless told to hold answers
 * back, and can be killed and started again on the same socket. Shares no code with the product.
 */
import { rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import {
  ack,
  blockSizeInfo,
  contextInfo,
  dataChunk,
  errorChunk,
  errorReply,
  exportInfo,
  extentsChunk,
  greeting,
  Option,
  optionReply,
  simpleReply,
  usualFlags
} from "./server-messages.ts"

export const Type = { read: 0, write: 1, disconnect: 2, flush: 3, zeroes: 6, extents: 7 } as const

export interface ServerRequest {
  readonly flags: number
  readonly type: number
  readonly handle: bigint
  readonly offset: number
  readonly length: number
  readonly data: Buffer
  readonly socket: Socket
  /** As the disk in memory answers it, or with an error. */
  readonly answer: (error?: number) => void
}

export interface ServerSettings {
  flags: number
  blockSizes: readonly [min: number, preferred: number, max: number] | undefined
  isStructured: boolean
  /** Undefined: such an export is not there. */
  hasExport: boolean
  /** Accepts, and says nothing. */
  isMute: boolean
  /** Requests wait for `answer`. */
  holds: boolean
  /** Instead of an answer. */
  onRequest: ((request: ServerRequest) => void) | undefined
}

/** Bytes in order, taken as they come. */
class Inbox {
  #chunks: Array<Buffer> = []
  #length = 0

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** Puts chunks together only when there are enough: a long write comes in many. */
  has(length: number): boolean {
    if (this.#length < length) return false
    if ((this.#chunks[0]?.length ?? 0) < length) this.#chunks = [Buffer.concat(this.#chunks)]
    return true
  }

  peek(): Buffer {
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  take(length: number): Buffer {
    const [first = Buffer.alloc(0), ...rest] = this.#chunks
    this.#chunks = [first.subarray(length), ...rest]
    this.#length -= length
    return first.subarray(0, length)
  }
}

export class ScriptedNbdServer {
  readonly path: string
  disk: Buffer
  readonly settings: ServerSettings = {
    flags: usualFlags,
    blockSizes: [512, 4096, 32 * 1024 * 1024],
    isStructured: true,
    hasExport: true,
    isMute: false,
    holds: false,
    onRequest: undefined
  }
  /** Everything that came, in order. */
  readonly requests: Array<ServerRequest> = []
  /** Those that were not answered yet. */
  readonly held: Array<ServerRequest> = []
  readonly sockets = new Set<Socket>()
  connectionCount = 0
  #server: Server | undefined

  constructor(path: string, diskBytes: number) {
    this.path = path
    this.disk = Buffer.alloc(diskBytes)
  }

  async start(): Promise<this> {
    rmSync(this.path, { force: true })
    const server = createServer((socket) => this.#serve(socket))
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.path, resolve))
    return this
  }

  /** All connections are cut, and nobody listens; what was not answered never is. */
  async kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()))
    this.cut()
    this.held.length = 0
    await closed
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  /** Answers what waits, oldest first or newest first. */
  release(order: "oldest" | "newest" = "oldest"): void {
    const waiting = this.held.splice(0)
    for (const request of order === "oldest" ? waiting : waiting.reverse()) request.answer()
  }

  #serve(socket: Socket): void {
    this.connectionCount++
    this.sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => this.sockets.delete(socket))
    if (this.settings.isMute) return
    socket.write(greeting())
    const inbox = new Inbox()
    let take: () => boolean = () => {
      if (!inbox.has(4)) return false
      inbox.take(4)
      take = () =>
        this.#option(socket, inbox, () => {
          take = () => this.#request(socket, inbox)
        })
      return true
    }
    socket.on("data", (chunk) => {
      inbox.add(chunk)
      while (take());
    })
  }

  #option(socket: Socket, inbox: Inbox, transmit: () => void): boolean {
    if (!inbox.has(16)) return false
    const option = inbox.peek().readUInt32BE(8)
    const length = inbox.peek().readUInt32BE(12)
    if (!inbox.has(16 + length)) return false
    inbox.take(16 + length)
    const { blockSizes, flags, hasExport, isStructured } = this.settings
    if (option === Option.structuredReply) {
      socket.write(optionReply(option, isStructured ? ack : errorReply(1)))
    } else if (option === Option.setMetaContext) {
      socket.write(optionReply(option, 4, contextInfo(1, "base:allocation")))
      socket.write(optionReply(option, ack))
    } else if (option === Option.go && hasExport) {
      socket.write(optionReply(option, 3, exportInfo(this.disk.length, flags)))
      if (blockSizes !== undefined) socket.write(optionReply(option, 3, blockSizeInfo(...blockSizes)))
      socket.write(optionReply(option, ack))
      transmit()
    } else socket.write(optionReply(option, errorReply(option === Option.go ? 6 : 1)))
    return true
  }

  #request(socket: Socket, inbox: Inbox): boolean {
    if (!inbox.has(28)) return false
    const head = inbox.peek()
    const type = head.readUInt16BE(6)
    const length = head.readUInt32BE(24)
    const dataBytes = type === Type.write ? length : 0
    if (!inbox.has(28 + dataBytes)) return false
    const header = inbox.take(28)
    const request: ServerRequest = {
      flags: header.readUInt16BE(4),
      type,
      handle: header.readBigUInt64BE(8),
      offset: Number(header.readBigUInt64BE(16)),
      length,
      data: Buffer.from(inbox.take(dataBytes)),
      socket,
      answer: (error = 0) => this.#answer(request, error)
    }
    this.requests.push(request)
    const { holds, onRequest } = this.settings
    if (type === Type.disconnect) socket.end()
    else if (onRequest !== undefined) onRequest(request)
    else if (holds) this.held.push(request)
    else request.answer()
    return true
  }

  #answer({ data, handle, length, offset, socket, type }: ServerRequest, error: number): void {
    if (error !== 0 || type === Type.flush) {
      socket.write(
        this.settings.isStructured && type === Type.read ? errorChunk(handle, error) : simpleReply(handle, error)
      )
      return
    }
    if (type === Type.read) {
      const found = this.disk.subarray(offset, offset + length)
      socket.write(this.settings.isStructured ? dataChunk(handle, offset, found, true) : simpleReply(handle, 0, found))
    } else if (type === Type.extents) {
      socket.write(extentsChunk(handle, 1, [this.#extentAt(offset, length)]))
    } else {
      if (type === Type.write) data.copy(this.disk, offset)
      else this.disk.fill(0, offset, offset + length)
      socket.write(simpleReply(handle))
    }
  }

  /** Pages of 4096 bytes that hold nothing but zeros are holes. */
  #extentAt(offset: number, length: number): readonly [length: number, flags: number] {
    const isHole = (at: number): boolean => {
      const page = Math.floor(at / 4096) * 4096
      return this.disk.subarray(page, page + 4096).every((byte) => byte === 0)
    }
    const first = isHole(offset)
    let end = Math.floor(offset / 4096) * 4096 + 4096
    while (end < offset + length && isHole(end) === first) end += 4096
    return [end - offset, first ? 3 : 0]
  }
}
