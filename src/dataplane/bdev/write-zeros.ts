/** Zeros for disks that know no shorter way than to write them. */
import { type Bdev, type BdevIo, IoStatus } from "./Bdev.ts"

/** Bytes of one write; whole blocks of any size up to it. */
const pieceBytes = 1024 * 1024

const zeros = Buffer.alloc(pieceBytes)

/** Writes piece by piece; the next begins when the one before has ended. */
class ZeroWrites implements BdevIo {
  readonly #bdev: Bdev
  readonly #fua: boolean
  readonly #io: BdevIo
  readonly #pieceBytes: number
  #at: number
  readonly #end: number

  constructor(bdev: Bdev, byteOffset: number, byteLength: number, fua: boolean, io: BdevIo) {
    this.#bdev = bdev
    this.#at = byteOffset
    this.#end = byteOffset + byteLength
    this.#fua = fua
    this.#io = io
    this.#pieceBytes = Math.floor(pieceBytes / bdev.blockSize) * bdev.blockSize
  }

  next(): void {
    const length = Math.min(this.#pieceBytes, this.#end - this.#at)
    if (length <= 0) return this.#io.ioDone(IoStatus.ok)
    this.#bdev.write(this.#at, zeros, 0, length, this.#fua, this)
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    if (status !== IoStatus.ok) return this.#io.ioDone(status, byteOffset)
    this.#at += this.#pieceBytes
    this.next()
  }
}

/**
 * Writes zeros by writes of at most 1 MiB, one after the other; `io` ends with the last, or with the first that fails.
 * For bdevs that answer later: one that answers at once would go ever deeper.
 */
export const writeZerosTo = (bdev: Bdev, byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void =>
  new ZeroWrites(bdev, byteOffset, byteLength, fua, io).next()
