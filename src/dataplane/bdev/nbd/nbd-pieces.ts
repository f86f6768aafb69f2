/** IO on an NBD disk that takes more than one request, one after the other; the first that fails ends it. */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"

/** IO that stands for another one. */
export interface StandIn extends BdevIo {
  readonly submitter: BdevIo
}

/** Whether `io` is `submitter`, or stands for it. */
export const isFor = (io: BdevIo | undefined, submitter: BdevIo): boolean =>
  io === submitter || ((io instanceof Pieces || io instanceof WriteThenFlush) && isFor(io.submitter, submitter))

/** Submits `[byteOffset, byteOffset + byteLength)` of something that is longer. */
type SubmitPiece = (byteOffset: number, byteLength: number, io: BdevIo) => void

/** What is longer than a request may be, in requests that are not. */
export class Pieces implements StandIn {
  readonly submitter: BdevIo
  readonly #submit: SubmitPiece
  readonly #pieceBytes: number
  readonly #end: number
  #at: number

  constructor(byteOffset: number, byteLength: number, pieceBytes: number, submitter: BdevIo, submit: SubmitPiece) {
    this.submitter = submitter
    this.#at = byteOffset
    this.#end = byteOffset + byteLength
    this.#pieceBytes = pieceBytes
    this.#submit = submit
  }

  /** Submits the next piece, or ends. */
  next(): void {
    const length = Math.min(this.#pieceBytes, this.#end - this.#at)
    if (length <= 0) return this.submitter.ioDone(IoStatus.ok)
    const at = this.#at
    this.#at += length
    this.#submit(at, length, this)
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    if (status === IoStatus.ok) this.next()
    else this.submitter.ioDone(status, byteOffset)
  }
}

/** A write that has to be on the medium, at a server that knows no FUA. */
export class WriteThenFlush implements StandIn {
  readonly submitter: BdevIo
  readonly #bdev: Pick<Bdev, "flush">
  #isFlushing = false

  constructor(bdev: Pick<Bdev, "flush">, submitter: BdevIo) {
    this.submitter = submitter
    this.#bdev = bdev
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    if (status !== IoStatus.ok || this.#isFlushing) return this.submitter.ioDone(status, byteOffset)
    this.#isFlushing = true
    this.#bdev.flush(this)
  }
}
