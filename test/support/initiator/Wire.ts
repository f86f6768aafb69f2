/**
 * One TCP connection to a target, PDU by PDU or byte by byte. It sends whatever it is told, cuts itself off at a chosen
 * byte, stops reading when asked, and never waits without an end.
 */
import { connect, type Socket } from "node:net"
import { type Digests, encodePdu, type Pdu, PduReader } from "./pdu.ts"

/** Milliseconds that a wait may take unless a test says otherwise: far above what a loaded machine needs. */
export const defaultWaitMillis = 20_000

/** The connection is gone; what was asked may or may not have happened. */
export class WireClosed extends Error {
  constructor(detail: string) {
    super(`the connection to the target is closed: ${detail}`)
    this.name = "WireClosed"
  }
}

/** Nothing came in time. */
export class WireTimeout extends Error {
  constructor(what: string, millis: number) {
    super(`no ${what} from the target within ${millis} ms`)
    this.name = "WireTimeout"
  }
}

/** Where a target listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  /** The address of this machine that is connected from, such as `127.0.0.2`; the system's choice if absent. */
  readonly localAddress?: string
}

/** How a connection ends when its byte budget is used up: orderly (FIN), or with a reset (RST). */
export type Cut = "end" | "reset"

/** The connection. PDUs go to `onPdu` when it is set, else they wait for `receive`. */
export class Wire {
  readonly socket: Socket
  /** Settles when both directions are closed. */
  readonly closed: Promise<void>
  /** Bytes handed to the socket so far. */
  bytesSent = 0
  bytesReceived = 0
  /** Told of everything that goes either way, for a record of it. */
  onBytes: ((isSent: boolean, bytes: Buffer) => void) | undefined
  readonly #reader = new PduReader()
  #digests: Digests = { header: false, data: false }
  #isClosed = false
  #reason = "closed by the target"
  #failure: Error | undefined
  #wake: (() => void) | undefined
  #onPdu: ((pdu: Pdu) => void) | undefined
  #onClosed: ((error: Error) => void) | undefined
  #budget = Number.POSITIVE_INFINITY
  #cut: Cut = "end"

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()))
    socket.on("error", (error) => {
      this.#reason = error.message
    })
    socket.on("data", (chunk) => {
      this.bytesReceived += chunk.length
      this.onBytes?.(false, chunk)
      this.#reader.push(chunk)
      this.#pump()
    })
    socket.once("close", () => {
      this.#isClosed = true
      this.#wake?.()
      this.#onClosed?.(this.#closedError())
    })
  }

  /** Connects, or rejects with the socket's error. */
  static connect(endpoint: Endpoint, waitMillis = defaultWaitMillis): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(endpoint)
      const timer = setTimeout(() => {
        socket.destroy()
        reject(new WireTimeout("connection", waitMillis))
      }, waitMillis)
      socket.once("error", (error) => {
        clearTimeout(timer)
        reject(error)
      })
      socket.once("connect", () => {
        clearTimeout(timer)
        resolve(new Wire(socket))
      })
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get digests(): Digests {
    return this.#digests
  }

  /** From now on both directions use these digests. */
  set digests(digests: Digests) {
    this.#digests = digests
    this.#reader.digests = digests
  }

  /** Hands every PDU that is there, and every later one, to `onPdu`, and the connection's end to `onClosed`. */
  dispatch(onPdu: (pdu: Pdu) => void, onClosed: (error: Error) => void): void {
    this.#onPdu = onPdu
    this.#onClosed = onClosed
    if (this.#isClosed) onClosed(this.#closedError())
    else this.#pump()
  }

  /** Sends a PDU; the length fields of its header are set here. */
  send(pdu: Pdu): void {
    this.socket.cork()
    for (const part of encodePdu(pdu, this.#digests)) this.sendBytes(part)
    this.socket.uncork()
  }

  /** Sends bytes as they are, up to the budget that `cutAfter` has set. */
  sendBytes(bytes: Buffer): void {
    if (this.socket.writableEnded || this.socket.destroyed) return
    const allowed = bytes.length <= this.#budget ? bytes : bytes.subarray(0, this.#budget)
    this.#budget -= allowed.length
    this.bytesSent += allowed.length
    if (allowed.length > 0) {
      this.onBytes?.(true, allowed)
      this.socket.write(allowed)
    }
    if (this.#budget <= 0) this.#cutNow()
  }

  /** Lets `bytes` more bytes out, then ends the connection. */
  cutAfter(bytes: number, cut: Cut): void {
    this.#budget = bytes
    this.#cut = cut
    if (bytes <= 0) this.#cutNow()
  }

  /** Drops the connection without a word. */
  destroy(): void {
    this.#reason = "dropped by the test"
    this.socket.destroy()
  }

  /** Stops reading: the target's output piles up on its side. */
  pause(): void {
    this.socket.pause()
  }

  /** Reads on. */
  resume(): void {
    this.socket.resume()
  }

  /** The next PDU. Rejects when the connection closes first, with what was left over named in the message. */
  async receive(waitMillis = defaultWaitMillis): Promise<Pdu> {
    const deadline = performance.now() + waitMillis
    for (;;) {
      const pdu = this.#reader.next()
      if (pdu !== undefined) return pdu
      if (this.#isClosed) throw this.#closedError()
      const left = deadline - performance.now()
      if (left <= 0) throw new WireTimeout("PDU", waitMillis)
      await this.#waitForMore(left)
    }
  }

  /** Waits until the target has closed the connection; PDUs that come before are dropped. */
  async untilClosed(waitMillis = defaultWaitMillis): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new WireTimeout("end of the connection", waitMillis)), waitMillis)
    })
    this.socket.resume()
    await Promise.race([this.closed, expired]).finally(() => clearTimeout(timer))
  }

  #cutNow(): void {
    this.#reason = "cut by the test"
    this.socket.uncork()
    // The write callback of the last bytes comes first: a reset must not overtake them inside this process.
    if (this.#cut === "end") this.socket.end()
    else this.socket.write(Buffer.alloc(0), () => this.socket.resetAndDestroy())
  }

  #waitForMore(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, millis)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  #pump(): void {
    this.#wake?.()
    if (this.#onPdu === undefined) return
    try {
      for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) this.#onPdu(pdu)
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      this.socket.destroy()
    }
  }

  #closedError(): Error {
    if (this.#failure !== undefined) return this.#failure
    const rest = this.#reader.pendingBytes
    return new WireClosed(rest === 0 ? this.#reason : `${this.#reason}; ${rest} bytes of an unfinished PDU were left`)
  }
}
