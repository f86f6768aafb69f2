/**
 * Keeps the content of a RAM disk in another bdev: granules that were written to are copied there, a while later by
 * themselves, and before a flush ends. What was copied is kept over the end of the process; what a flush has confirmed,
 * over a loss of power. The memory holds everything, so that what a sync has lost is copied once more.
 *
 * A pass copies each granule at most once, from a buffer that nobody changes meanwhile, and the next begins when it has
 * ended: so no older content of a granule lands on a newer one, and no block is torn by a write that comes meanwhile.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import type { Provisioning } from "./Provisioning.ts"

/** How long after a write its granule is copied, in milliseconds: what the end of the process can cost. */
export const keepDelayMillis = 1_000
/** Bytes of one copy, or one granule. */
const copyBytesMax = 1024 * 1024

/** Of a granule. */
const Mark = {
  kept: 0,
  /** Was written to since it was copied. */
  dirty: 1,
  /** Is copied, and no flush has confirmed it. */
  copied: 2
} as const

/** A RAM disk, as its keeper reads it: at once. */
export interface KeptMemory {
  readonly provisioning: Provisioning
  readonly copyTo: (target: Buffer, byteOffset: number, byteLength: number) => void
}

/** One per disk. */
export class ContentKeeper implements BdevIo {
  readonly #memory: KeptMemory
  readonly #store: Bdev
  readonly #marks: Uint8Array
  readonly #granuleBytes: number
  readonly #buffer: Buffer
  /** Flushes that the next pass answers: it begins after they have come. */
  #waiting: Array<BdevIo> = []
  /** Those that the running one answers. */
  #answering: Array<BdevIo> = []
  #step: "idle" | "copying" | "flushing" = "idle"
  /** Granules that are being copied: the first, and the one behind the last. */
  #from = 0
  #to = 0
  #timer: NodeJS.Timeout | undefined

  /** `store` has as many bytes as the memory, and stays the caller's to close. */
  constructor(memory: KeptMemory, store: Bdev) {
    this.#memory = memory
    this.#store = store
    this.#granuleBytes = memory.provisioning.granuleBytes
    this.#marks = new Uint8Array(Math.ceil(memory.provisioning.totalBytes / this.#granuleBytes))
    this.#buffer = Buffer.alloc(Math.max(copyBytesMax, this.#granuleBytes))
  }

  /** Something was written here. */
  note(byteOffset: number, byteLength: number): void {
    const first = Math.floor(byteOffset / this.#granuleBytes)
    this.#marks.fill(Mark.dirty, first, Math.floor((byteOffset + byteLength - 1) / this.#granuleBytes) + 1)
    if (this.#timer === undefined && this.#step === "idle") this.#copySoon()
  }

  /** Everything that was noted by now is on the medium of the store when `io` ends ok. */
  flush(io: BdevIo): void {
    this.#waiting.push(io)
    if (this.#step === "idle") this.#begin()
  }

  /** Nothing is noted or flushed any more; what waits ends. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** For the store: a copy, or the flush behind all of them, is back. */
  ioDone(status: IoStatus): void {
    if (this.#step === "flushing") return this.#flushed(status)
    if (status === IoStatus.ok) return this.#copyNext()
    this.#marks.fill(Mark.dirty, this.#from, this.#to)
    this.#end(status)
  }

  #begin(): void {
    this.stop()
    this.#answering = this.#waiting
    this.#waiting = []
    this.#step = "copying"
    this.#to = 0
    this.#copyNext()
  }

  #copyNext(): void {
    this.#from = this.#marks.indexOf(Mark.dirty, this.#to)
    if (this.#from < 0) {
      if (this.#answering.length === 0) return this.#end(IoStatus.ok)
      this.#step = "flushing"
      return this.#store.flush(this)
    }
    const { provisioning } = this.#memory
    const holds = provisioning.holds(this.#from * this.#granuleBytes)
    this.#to = this.#endOfRun(holds)
    this.#marks.fill(Mark.copied, this.#from, this.#to)
    const byteOffset = this.#from * this.#granuleBytes
    const byteLength = Math.min(provisioning.totalBytes, this.#to * this.#granuleBytes) - byteOffset
    if (!holds) return this.#store.unmap(byteOffset, byteLength, this)
    this.#memory.copyTo(this.#buffer, byteOffset, byteLength)
    this.#store.write(byteOffset, this.#buffer, 0, byteLength, false, this)
  }

  /** The granule behind those that are dirty in a row, and of one kind. */
  #endOfRun(holds: boolean): number {
    const most = Math.min(this.#marks.length, this.#from + Math.floor(this.#buffer.length / this.#granuleBytes))
    let end = this.#from + 1
    while (end < most && this.#marks[end] === Mark.dirty) {
      if (this.#memory.provisioning.holds(end * this.#granuleBytes) !== holds) break
      end++
    }
    return end
  }

  /** What was copied is confirmed, or may be lost and is copied again. */
  #flushed(status: IoStatus): void {
    const mark = status === IoStatus.ok ? Mark.kept : Mark.dirty
    const marks = this.#marks
    for (let at = marks.indexOf(Mark.copied); at >= 0; at = marks.indexOf(Mark.copied, at + 1)) marks[at] = mark
    this.#end(status)
  }

  #end(status: IoStatus): void {
    this.#step = "idle"
    const answered = this.#answering
    this.#answering = []
    for (const io of answered) io.ioDone(status)
    // An answer may have begun the next pass already.
    if (this.#step !== "idle") return
    if (this.#waiting.length > 0) this.#begin()
    else if (this.#marks.includes(Mark.dirty)) this.#copySoon()
  }

  #copySoon(): void {
    this.stop()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#step === "idle") this.#begin()
    }, keepDelayMillis)
  }
}
