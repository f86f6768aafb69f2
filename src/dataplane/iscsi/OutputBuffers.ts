/**
 * The output buffers of a reactor, kept for reuse: allocating a megabyte for every burst of responses would cost more
 * than sending it.
 */
import { outputBufferBytes, outputBuffersKept, smallOutputBufferBytes } from "../limits.ts"

/** A pool of equal buffers. Buffers come back unzeroed: every byte is written before it is sent. */
export class OutputBuffers {
  readonly #free: Array<Buffer> = []

  /** A buffer of `outputBufferBytes`. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(outputBufferBytes)
  }

  /** A buffer of `smallOutputBufferBytes`, for a connection that is not worth more. */
  takeSmall(): Buffer {
    return Buffer.allocUnsafeSlow(smallOutputBufferBytes)
  }

  /** Gives a buffer back that nobody reads any more; small ones are not kept. */
  give(buffer: Buffer): void {
    if (buffer.length === outputBufferBytes && this.#free.length < outputBuffersKept) this.#free.push(buffer)
  }
}
