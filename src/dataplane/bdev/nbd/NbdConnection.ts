/**
 * One connection to an NBD server: the socket, the handshake, and requests that are out. It ends once, by `lost`, for
 * whatever reason; requests that have no reply by then are its owner's again (`takeRequests`), untouched from then on.
 *
 * Requests of one turn of the event loop leave in one write. The buffer of a write is the socket's until it is sent: a
 * reply that comes before waits for that. (Of an honest server it may be heard of earlier than of the end of sending.)
 */
import type { Socket } from "node:net"
import { type NbdExport, NbdNegotiation } from "./NbdNegotiation.ts"
import { NbdReplyReader } from "./NbdReplyReader.ts"
import type { NbdRequest } from "./NbdRequest.ts"
import type { NbdTransport } from "./NbdTransport.ts"
import { NbdCommand, REQUEST_HEADER_BYTES, writeRequestHeader } from "./nbd-protocol.ts"

/** Requests that a connection has out at once; the rest waits. qemu looks at 16 at a time, nbdkit at as many. */
export const requestsPerConnectionMax = 64
/** From the first attempt to connect to the end of the handshake, in milliseconds. */
const handshakeMillis = 10_000
/** How long replies are waited for when the bdev is closed, in milliseconds. */
const closeMillis = 5_000
/** How long a server has to take note of a goodbye, in milliseconds. */
const goodbyeMillis = 1_000

/** Who uses a connection. */
export interface ConnectionOwner {
  /** The handshake is done: requests can be sent. */
  readonly agreed: (connection: NbdConnection, of: NbdExport) => void
  /** A request has its reply, and is the owner's again. */
  readonly answered: (connection: NbdConnection, request: NbdRequest, error: number) => void
  /** It is over. `code` is an errno name, `detail` goes on a sentence about the server. */
  readonly lost: (connection: NbdConnection, code: string, detail: string) => void
}

type Phase = "connecting" | "agreed" | "closing" | "lost"

/** From the first attempt to its end. */
export class NbdConnection {
  owner: ConnectionOwner
  /** Of its disk, when it could send first: writes that were answered. Its server may know nothing of them. */
  writesBefore = 0
  readonly #places: Array<NbdRequest | undefined> = []
  /** Places that the next requests take. */
  readonly #free: Array<number> = []
  readonly #transport: NbdTransport
  readonly #negotiation: NbdNegotiation
  #reader: NbdReplyReader | undefined
  #socket: Socket | undefined
  #phase: Phase = "connecting"
  #timer: NodeJS.Timeout | undefined
  #outCount = 0
  #generation = 0
  /** Bytes that were given to the socket. */
  #sent = 0
  #isCorked = false
  /** Replies to what is not sent yet. */
  readonly #early: Array<{ readonly request: NbdRequest; readonly error: number }> = []
  /** When the server last said something, or had nothing to say, in milliseconds. */
  #heardAt = 0

  constructor(transport: NbdTransport, exportName: string, owner: ConnectionOwner) {
    this.owner = owner
    this.#transport = transport
    this.#negotiation = new NbdNegotiation(
      {
        send: (bytes) => this.#socket?.write(bytes),
        startTls: () => this.#startTls(),
        agreed: (of) => this.#agreed(of),
        failed: (code, detail) => this.#lose(code, detail)
      },
      { exportName, tls: transport.tls }
    )
  }

  /** Requests without a reply. */
  get outCount(): number {
    return this.#outCount
  }

  /** Milliseconds since the server has said anything, if it has something to answer; else 0. */
  silentMillis(now: number): number {
    if (this.#outCount === 0) this.#heardAt = now
    return now - this.#heardAt
  }

  /** Begins; `agreed` or `lost` follows, later. */
  open(): void {
    this.#timer = setTimeout(() => this.#lose("ETIMEDOUT", "does not answer"), handshakeMillis)
    this.#transport.connect(
      (socket) => this.#use(socket),
      (chunk, length) => this.#received(chunk, length),
      (code, detail) => this.#lose(code, detail)
    )
  }

  /** Sends a request. Only with fewer out than `requestsPerConnectionMax`, after `agreed`. */
  send(request: NbdRequest): void {
    const socket = this.#socket
    if (socket === undefined) return
    const place = this.#free.pop() ?? this.#places.length
    this.#places[place] = request
    if (this.#outCount++ === 0) this.#heardAt = performance.now()
    this.#generation = (this.#generation + 1) % 2 ** 32
    request.expectReply()
    request.sentCount++
    request.place = place
    request.generation = this.#generation
    const { buffer, byteLength, byteOffset, command, flags, header, start } = request
    writeRequestHeader(header, flags, command, this.#generation, place, byteOffset, byteLength)
    this.#cork(socket)
    socket.write(header)
    this.#sent += header.length
    if (command === NbdCommand.write) {
      socket.write(buffer.subarray(start, start + byteLength), this.#flushed)
      this.#sent += byteLength
    }
    request.sentEnd = this.#sent
  }

  /** The requests that have no reply, in the order in which they were sent. For the owner of one that is lost. */
  takeRequests(): ReadonlyArray<NbdRequest> {
    const answered = this.#early.splice(0).map(({ request }) => request)
    const out = [...this.#places.filter((request) => request !== undefined), ...answered]
    this.#places.length = 0
    this.#free.length = 0
    this.#outCount = 0
    return out.toSorted((a, b) => a.sentEnd - b.sentEnd)
  }

  /** No more requests follow; it says goodbye when all that are out have replies, or after 5 s without. */
  close(): void {
    if (this.#phase === "connecting") return this.#lose("ECANCELED", "is not needed any more")
    if (this.#phase !== "agreed") return
    this.#phase = "closing"
    this.#timer = setTimeout(() => this.#lose("ECANCELED", "has not answered in time"), closeMillis)
    if (this.#outCount === 0) this.#sayGoodbye()
  }

  /** Ends it at once. */
  cut(code: string, detail: string): void {
    this.#lose(code, detail)
  }

  #cork(socket: Socket): void {
    if (this.#isCorked) return
    this.#isCorked = true
    socket.cork()
    process.nextTick(this.#uncork)
  }

  readonly #uncork = (): void => {
    this.#isCorked = false
    this.#socket?.uncork()
  }

  #use(socket: Socket): void {
    this.#socket = socket
    if (this.#phase === "lost") socket.destroy()
  }

  #startTls(): void {
    this.#transport.startTls(
      (socket) => {
        this.#use(socket)
        this.#negotiation.tlsReady()
      },
      (chunk, length) => this.#received(chunk, length),
      (code, detail) => this.#lose(code, detail)
    )
  }

  #agreed(of: NbdExport): void {
    clearTimeout(this.#timer)
    this.#phase = "agreed"
    this.#reader = new NbdReplyReader(
      {
        find: (generation, place) => this.#find(generation, place),
        answered: (request, error) => this.#answered(request, error),
        violated: (detail) => this.#lose("EPROTO", detail)
      },
      of
    )
    this.owner.agreed(this, of)
  }

  #received(chunk: Buffer, length: number): void {
    if (this.#phase === "lost") return
    this.#heardAt = performance.now()
    if (this.#reader === undefined) this.#negotiation.receive(chunk, 0, length)
    else this.#reader.receive(chunk, 0, length)
  }

  #find(generation: number, place: number): NbdRequest | undefined {
    const request = this.#places[place]
    return request?.generation === generation ? request : undefined
  }

  #isSent({ sentEnd }: NbdRequest): boolean {
    return sentEnd <= this.#sent - (this.#socket?.writableLength ?? 0)
  }

  #answered(request: NbdRequest, error: number): void {
    this.#places[request.place] = undefined
    this.#free.push(request.place)
    if (this.#isSent(request)) this.#end(request, error)
    else this.#early.push({ request, error })
  }

  /** Some of what was written is sent. */
  readonly #flushed = (): void => {
    while (this.#early[0] !== undefined && this.#isSent(this.#early[0].request)) {
      const { error, request } = this.#early[0]
      this.#early.shift()
      this.#end(request, error)
    }
  }

  #end(request: NbdRequest, error: number): void {
    this.#outCount--
    this.owner.answered(this, request, error)
    if (this.#phase === "closing" && this.#outCount === 0) this.#sayGoodbye()
  }

  #sayGoodbye(): void {
    const header = Buffer.alloc(REQUEST_HEADER_BYTES)
    writeRequestHeader(header, 0, NbdCommand.disconnect, 0, 0, 0, 0)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lose("ECANCELED", "is not needed any more"), goodbyeMillis)
    this.#socket?.end(header)
  }

  #lose(code: string, detail: string): void {
    if (this.#phase === "lost") return
    this.#phase = "lost"
    clearTimeout(this.#timer)
    this.#reader?.stop()
    this.#transport.destroy()
    this.#socket?.destroy()
    this.owner.lost(this, code, detail)
  }
}
