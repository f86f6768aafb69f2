/**
 * Output that waits for the end of the chunk, in order, in several places: buffers that are full, and memory that was
 * lent, with the headers before it. Nothing is allocated per piece.
 */

/** Whose a piece is. */
export const PieceKind = {
  /** Of an output buffer that is full: whoever has sent it gives it back. */
  Full: 0,
  /** Of the output buffer that more is written into. */
  Open: 1,
  /** Somebody else's, who changes it once it is sent. */
  Lent: 2
} as const
export type PieceKind = (typeof PieceKind)[keyof typeof PieceKind]

const nothing = Buffer.alloc(0)

/** One per connection. */
export class OutputPieces {
  readonly #buffers: Array<Buffer> = []
  readonly #starts: Array<number> = []
  readonly #ends: Array<number> = []
  readonly #kinds: Array<PieceKind> = []
  /** How many of them are lent. */
  lent = 0

  get count(): number {
    return this.#buffers.length
  }

  /** Adds `[start, end)` of a buffer. */
  add(buffer: Buffer, start: number, end: number, kind: PieceKind): void {
    this.#buffers.push(buffer)
    this.#starts.push(start)
    this.#ends.push(end)
    this.#kinds.push(kind)
    if (kind === PieceKind.Lent) this.lent++
  }

  bufferOf(index: number): Buffer {
    return this.#buffers[index] ?? nothing
  }

  startOf(index: number): number {
    return this.#starts[index] ?? 0
  }

  endOf(index: number): number {
    return this.#ends[index] ?? 0
  }

  kindOf(index: number): PieceKind {
    return this.#kinds[index] ?? PieceKind.Open
  }

  bytesOf(index: number): number {
    return this.endOf(index) - this.startOf(index)
  }

  /** The first `bytes` of a piece have been sent. */
  advance(index: number, bytes: number): void {
    this.#starts[index] = this.startOf(index) + bytes
  }

  /** Forgets the first ones. */
  drop(count: number): void {
    if (count === 0) return
    if (count === this.count) return this.clear()
    this.#buffers.splice(0, count)
    this.#starts.splice(0, count)
    this.#ends.splice(0, count)
    for (const kind of this.#kinds.splice(0, count)) if (kind === PieceKind.Lent) this.lent--
  }

  /** Forgets all. */
  clear(): void {
    this.#buffers.length = 0
    this.#starts.length = 0
    this.#ends.length = 0
    this.#kinds.length = 0
    this.lent = 0
  }
}
