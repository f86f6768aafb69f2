/**
 * What any load consists of: so many requests at a time on one connection, the next one as soon as one is answered,
 * until a moment; each one's latency counted. What requests and answers are is the subclass's business.
 */
import { connect, type Socket } from "node:net"
import type { Endpoint } from "../../../support/initiator/Wire.ts"
import type { Histogram } from "./Histogram.ts"

/** Bytes of the receive buffer that all connections of the process share. */
const receiveBytes = 256 * 1024
const received = Buffer.allocUnsafe(receiveBytes)

/** Output of all connections is put together in blocks that are never written to again. */
const blockBytes = 256 * 1024
let block = Buffer.allocUnsafe(blockBytes)
let blockUsed = 0

/** Connects with the shared receive buffer; `onBytes` must have taken what it needs when it returns. */
export const connectShared = (endpoint: Endpoint, onBytes: (bytes: Buffer, length: number) => void): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const callback = (length: number): boolean => {
      onBytes(received, length)
      return true
    }
    const socket = connect({ ...endpoint, noDelay: true, onread: { buffer: received, callback } })
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.removeListener("error", reject)
      resolve(socket)
    })
  })

/** One connection's requests. */
export abstract class Lanes {
  readonly socket: Socket
  readonly depth: number
  /** Requests that did not end well. */
  errors = 0
  readonly #histogram: Histogram
  readonly #startedAt: Float64Array
  readonly #waiting: Array<number> = []
  #until = 0
  #outstanding = 0
  /** Where in the block this connection's unsent output begins; -1 when it has none. */
  #outStart = -1
  #now = 0
  #drained: (() => void) | undefined
  #failure: Error | undefined
  #failed: ((error: Error) => void) | undefined

  constructor(socket: Socket, depth: number, histogram: Histogram) {
    this.socket = socket
    this.depth = depth
    this.#histogram = histogram
    this.#startedAt = new Float64Array(depth)
    socket.on("error", (error) => this.fail(error))
    socket.once("close", () => this.fail(new Error("the target has closed a connection of the load")))
  }

  /** Writes the request of this lane with `reserve`; false when it has to wait until an answer has come. */
  protected abstract request(lane: number): boolean

  /** Keeps all lanes busy until `until` (`performance.now()`); resolves when the last answer is there. */
  run(until: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.#until = until
    if (this.depth === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#drained = resolve
      this.#failed = reject
      this.#now = performance.now()
      for (let lane = 0; lane < this.depth; lane++) this.#start(lane)
      this.flush()
    })
  }

  /** Before a chunk of input is looked at: all that it answers has come now. */
  protected beginInput(): void {
    this.#now = performance.now()
  }

  /** A request is answered: the next one takes its place. */
  protected answered(lane: number): void {
    this.#histogram.add(this.#now - (this.#startedAt[lane] ?? 0))
    this.#outstanding--
    if (this.#now < this.#until) {
      this.#start(lane)
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        if (!this.#start(next)) break
      }
    } else {
      this.#waiting.length = 0
      if (this.#outstanding === 0) this.#drained?.()
    }
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#failed?.(this.#failure)
  }

  /** Room for `bytes` of output: where, in `output()`. */
  protected reserve(bytes: number): number {
    if (blockUsed + bytes > block.length) {
      this.flush()
      block = Buffer.allocUnsafe(Math.max(blockBytes, bytes))
      blockUsed = 0
      this.#outStart = 0
    }
    // Another connection may have written since the last flush.
    if (this.#outStart < 0) this.#outStart = blockUsed
    const at = blockUsed
    blockUsed += bytes
    return at
  }

  protected output(): Buffer {
    return block
  }

  /** Gives back what lies behind `end` of what was reserved last. */
  protected unreserve(end: number): void {
    blockUsed = end
  }

  /** Sends `bytes` as they are, behind what was reserved; nobody may change them any more. */
  protected send(bytes: Buffer): void {
    this.flush()
    this.socket.write(bytes)
  }

  /** Everything that was reserved leaves in one write. Called at the end of each chunk of input. */
  protected flush(): void {
    if (this.#outStart >= 0 && blockUsed > this.#outStart) {
      this.socket.write(block.subarray(this.#outStart, blockUsed))
    }
    this.#outStart = -1
  }

  #start(lane: number): boolean {
    if (!this.request(lane)) {
      this.#waiting.push(lane)
      return false
    }
    this.#startedAt[lane] = this.#now
    this.#outstanding++
    return true
  }
}
