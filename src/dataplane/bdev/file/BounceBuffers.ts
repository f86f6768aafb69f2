/**
 * Memory for O_DIRECT, whose addresses have to be multiples of the device's block. Node's buffers are not aligned; a
 * WebAssembly memory begins at a page. Data is copied between the two.
 */

/** Bytes of one buffer, and so of one operation: longer IO takes several. */
export const bounceBytes = 1024 * 1024

/** Bytes of a WebAssembly page. */
const wasmPageBytes = 65_536

/** Of the runtime; the types of Node do not have it. */
declare const WebAssembly: {
  readonly Memory: new (size: {
    readonly initial: number
    readonly maximum: number
  }) => { readonly buffer: ArrayBuffer }
}

/** A number of buffers, taken from the operating system when the first is. One that was never used costs nothing. */
export class BounceBuffers {
  readonly #count: number
  #free: Array<Buffer> | undefined

  constructor(count: number) {
    this.#count = count
  }

  /** Never more than there are: the caller has one operation for each. */
  take(): Buffer {
    this.#free ??= this.#allocate()
    const buffer = this.#free.pop()
    if (buffer === undefined) throw new RangeError(`more than ${this.#count} aligned buffers are used at once`)
    return buffer
  }

  /** The one that was used last is the next: what is not needed stays with the operating system. */
  give(buffer: Buffer): void {
    this.#free?.push(buffer)
  }

  #allocate(): Array<Buffer> {
    const pages = (this.#count * bounceBytes) / wasmPageBytes
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages })
    return Array.from({ length: this.#count }, (_, index) => Buffer.from(buffer, index * bounceBytes, bounceBytes))
  }
}
