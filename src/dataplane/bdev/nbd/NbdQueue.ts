/** Requests of an NBD disk that no connection has: in order, and bounded in number and bytes. */
import type { BdevIo, IoStatus } from "../Bdev.ts"
import type { NbdRequest } from "./NbdRequest.ts"
import { isFor } from "./nbd-pieces.ts"
import { NbdCommand } from "./nbd-protocol.ts"

/** What may wait; more than that is refused, and initiators try again. */
const waitingMax = { requests: 1024, bytes: 64 * 1024 * 1024 }

/** Of one disk. */
export class NbdQueue {
  readonly #waiting: Array<NbdRequest> = []
  readonly #finish: (request: NbdRequest, status: IoStatus) => void
  #bytes = 0

  /** `finish` answers who waits for a request. */
  constructor(finish: (request: NbdRequest, status: IoStatus) => void) {
    this.#finish = finish
  }

  get length(): number {
    return this.#waiting.length
  }

  /** False if there are too many. */
  add(request: NbdRequest): boolean {
    const isFull = this.#waiting.length >= waitingMax.requests || this.#bytes > waitingMax.bytes
    if (isFull) return false
    this.#waiting.push(request)
    this.#bytes += request.buffer.length === 0 ? 0 : request.byteLength
    return true
  }

  /** The one that comes next. */
  get first(): NbdRequest | undefined {
    return this.#waiting[0]
  }

  /** The first, which is the caller's now. */
  next(): NbdRequest | undefined {
    const request = this.#waiting.shift()
    if (request !== undefined && request.buffer.length > 0) this.#bytes -= request.byteLength
    return request
  }

  /** What was sent in vain comes before everything else, whatever waits already. */
  putBack(requests: ReadonlyArray<NbdRequest>): void {
    this.#waiting.unshift(...requests)
    for (const { buffer, byteLength } of requests) if (buffer.length > 0) this.#bytes += byteLength
  }

  /** Ends what waits for `io`. */
  end(io: BdevIo, status: IoStatus): void {
    this.#endThose(({ submitter }) => isFor(submitter, io), status)
  }

  /** Ends the flushes. */
  endFlushes(status: IoStatus): void {
    this.#endThose(({ command }) => command === NbdCommand.flush, status)
  }

  /** Ends all. */
  endAll(status: IoStatus): void {
    this.#endThose(() => true, status)
  }

  /** Who is answered may submit the next: all are taken out first. */
  #endThose(which: (request: NbdRequest) => boolean, status: IoStatus): void {
    const ended = this.#waiting.filter(which)
    if (ended.length === 0) return
    const kept = this.#waiting.filter((request) => !ended.includes(request))
    this.#waiting.length = 0
    this.#bytes = 0
    this.putBack(kept)
    for (const request of ended) this.#finish(request, status)
  }
}
