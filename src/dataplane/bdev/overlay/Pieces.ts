/** Several IOs that are one to somebody: it ends when all have, with the first that failed. */
import { type BdevIo, IoStatus } from "../Bdev.ts"

class Piece implements BdevIo {
  readonly #of: Pieces

  constructor(of: Pieces) {
    this.#of = of
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    this.#of.ended(this, status, byteOffset)
  }
}

/** One is used once: `next` for each IO, then `begun`. */
export class Pieces {
  readonly #done: (status: IoStatus, byteOffset: number | undefined) => void
  readonly #out = new Set<Piece>()
  #isBegun = false
  #status: IoStatus = IoStatus.ok
  #byteOffset: number | undefined

  /** `done` is called once, after `begun`. */
  constructor(done: (status: IoStatus, byteOffset: number | undefined) => void) {
    this.#done = done
  }

  /** Those that have not ended. */
  get out(): Iterable<BdevIo> {
    return this.#out
  }

  /** For one more IO. */
  next(): BdevIo {
    const piece = new Piece(this)
    this.#out.add(piece)
    return piece
  }

  /** No more come. */
  begun(): void {
    this.#isBegun = true
    this.#settle()
  }

  /** For `Piece`. */
  ended(piece: Piece, status: IoStatus, byteOffset: number | undefined): void {
    this.#out.delete(piece)
    const isWorse = status !== IoStatus.ok && (this.#status === IoStatus.ok || this.#status === IoStatus.aborted)
    if (isWorse) {
      this.#status = status
      this.#byteOffset = byteOffset
    }
    this.#settle()
  }

  #settle(): void {
    if (this.#isBegun && this.#out.size === 0) this.#done(this.#status, this.#byteOffset)
  }
}
