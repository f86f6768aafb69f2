/**
 * Writes to a socket past Node: one writev(2) of what lies in several places. It takes a third of the time that
 * `socket.write` takes for the same, and sends memory that is not to be kept, such as a RAM disk's.
 *
 * What the kernel takes at once is all that this is for. The rest goes through Node's socket, which waits for room, and
 * which also is who finds out what is wrong with a connection: here an error is no more than nothing taken.
 */
import type { Socket } from "node:net"
import { endianness } from "node:os"
import { type Libc, libc } from "../../host/libc.ts"
import { descriptorOf } from "./receive-socket.ts"

/** Pieces of one write: IOV_MAX of Linux. */
export const directPiecesMax = 1024
/** `struct iovec` in words: address (low, high), length (low, high). */
const vectorWords = 4
const two32 = 2 ** 32
/** Machines whose pointers have 64 bits, low bytes first. */
const architectures: ReadonlyArray<string> = ["x64", "arm64", "riscv64", "loong64"]

/** What all connections of a thread share, as each write ends before the next begins. */
class Vectors {
  readonly #libc: Libc
  readonly #words = new Uint32Array(directPiecesMax * vectorWords)
  readonly #address: number
  readonly #addresses = new WeakMap<Buffer, number>()
  #count = 0

  constructor(calls: Libc) {
    this.#libc = calls
    this.#address = calls.addressOf(Buffer.from(this.#words.buffer))
  }

  /** Adds a piece. It must be in memory that does not move: not of Node's pool of small buffers. */
  add(buffer: Buffer, start: number, end: number): void {
    if (start > end || end > buffer.length || this.#count === directPiecesMax) {
      // What was added before is another connection's by the next write.
      this.#count = 0
      throw new RangeError("no such piece")
    }
    const address = this.#addressOf(buffer) + start
    const at = this.#count++ * vectorWords
    this.#words[at] = address % two32
    this.#words[at + 1] = address / two32
    this.#words[at + 2] = end - start
  }

  /** Writes all that was added: bytes that the kernel has taken. */
  write(descriptor: number): number {
    const count = this.#count
    this.#count = 0
    return Math.max(0, this.#libc.writeVectors(descriptor, this.#address, count))
  }

  #addressOf(buffer: Buffer): number {
    const known = this.#addresses.get(buffer)
    if (known !== undefined) return known
    const address = this.#libc.addressOf(buffer)
    this.#addresses.set(buffer, address)
    return address
  }
}

let shared: Vectors | undefined

const vectors = (): Vectors | undefined => {
  if (shared !== undefined) return shared
  const calls = architectures.includes(process.arch) && endianness() === "LE" ? libc() : "unknown architecture"
  if (typeof calls !== "string") shared = new Vectors(calls)
  return shared
}

/** One per connection. */
export class DirectWrite {
  readonly #socket: Socket
  readonly #descriptor: number
  readonly #vectors: Vectors

  /** Undefined where there is no such thing: without the package koffi, or for what is no socket of the kernel. */
  static of(socket: Socket): DirectWrite | undefined {
    const descriptor = descriptorOf(socket)
    const pieces = descriptor === undefined ? undefined : vectors()
    return descriptor === undefined || pieces === undefined ? undefined : new DirectWrite(socket, descriptor, pieces)
  }

  private constructor(socket: Socket, descriptor: number, pieces: Vectors) {
    this.#socket = socket
    this.#descriptor = descriptor
    this.#vectors = pieces
  }

  /** Whether it may be used now: nothing waits in the socket, and its descriptor is still its own. */
  get isFree(): boolean {
    return this.#socket.writable && this.#socket.writableLength === 0
  }

  /** Adds a piece to what the next `write` writes; `directPiecesMax` at most. */
  add(buffer: Buffer, start: number, end: number): void {
    this.#vectors.add(buffer, start, end)
  }

  /** Writes what was added, to be called while `isFree`: how many bytes the kernel has taken. */
  write(): number {
    return this.#vectors.write(this.#descriptor)
  }
}
