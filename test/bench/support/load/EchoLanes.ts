/** Requests of so many bytes, answered by so many bytes: what TCP costs, whatever is said over it. */
import type { Endpoint } from "../../../support/initiator/Wire.ts"
import type { Histogram } from "./Histogram.ts"
import { connectShared, Lanes } from "./Lanes.ts"

/** Bytes of a message in each direction. */
export interface EchoSizes {
  readonly requestBytes: number
  readonly responseBytes: number
}

/** Larger requests are not copied together. */
const copiedMax = 16 * 1024

/** A connection to an echo process. Answers come in the order of the requests. */
export class EchoLanes extends Lanes {
  readonly #sizes: EchoSizes
  readonly #request: Buffer
  /** Lanes in the order of their requests, as a ring. */
  readonly #order: Int32Array
  #asked = 0
  #served = 0
  #missing: number

  private constructor(
    socket: ConstructorParameters<typeof Lanes>[0],
    depth: number,
    histogram: Histogram,
    sizes: EchoSizes
  ) {
    super(socket, depth, histogram)
    this.#sizes = sizes
    this.#request = Buffer.alloc(sizes.requestBytes, 1)
    this.#missing = sizes.responseBytes
    this.#order = new Int32Array(Math.max(1, depth))
  }

  static async open(endpoint: Endpoint, depth: number, histogram: Histogram, sizes: EchoSizes): Promise<EchoLanes> {
    let lanes: EchoLanes | undefined
    const socket = await connectShared(endpoint, (_, length) => lanes?.onBytes(length))
    lanes = new EchoLanes(socket, depth, histogram, sizes)
    return lanes
  }

  onBytes(length: number): void {
    this.beginInput()
    this.#missing -= length
    while (this.#missing <= 0) {
      this.#missing += this.#sizes.responseBytes
      this.answered(this.#order[this.#served++ % this.depth] ?? 0)
    }
    this.flush()
  }

  protected request(lane: number): boolean {
    this.#order[this.#asked++ % this.depth] = lane
    if (this.#request.length > copiedMax) this.send(this.#request)
    else {
      const at = this.reserve(this.#request.length)
      this.#request.copy(this.output(), at)
    }
    return true
  }
}
