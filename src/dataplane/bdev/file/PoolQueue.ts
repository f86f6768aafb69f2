/**
 * What of one file waits for a trip through the pool. Short writes into the page cache share trips: while some are
 * there, those that come wait, and go together. A file system does them one after the other anyway (its lock of the
 * file), and a trip costs three times as much as a write of 4 KiB. Everything else goes by itself, in order.
 */
import type { BdevIo } from "../Bdev.ts"
import type { AioIo } from "./AioIo.ts"
import { batchWritesMax, type TakeWriteBatch } from "./kernel-aio.ts"

/** What is as long goes by itself, in bytes: the trip is cheap beside it. */
const longBytes = 128 * 1024
/** Bytes of a page of the cache: a write that is no whole pages may have to wait for a read, and goes by itself. */
const pageBytes = 4096

/** One per open file. */
export class PoolQueue {
  readonly #descriptor: number
  readonly #takeBatch: TakeWriteBatch | undefined
  readonly #waiting: Array<AioIo> = []
  readonly #writes: Array<AioIo> = []
  /** Those of the writes that are in the pool. */
  #running: ReadonlyArray<AioIo> = []
  /** More of them may come with what has just been received. */
  #isGathering = false
  readonly #ready: () => void

  /** `takeBatch`: absent of a file whose writes do not share trips. `ready`: something that waits can go now. */
  constructor(descriptor: number, takeBatch: TakeWriteBatch | undefined, ready: () => void) {
    this.#descriptor = descriptor
    this.#takeBatch = takeBatch
    this.#ready = ready
  }

  /** Somebody waits. */
  get length(): number {
    return this.#waiting.length + this.#writes.length
  }

  /** Something can go. */
  get hasNext(): boolean {
    return this.#waiting.length > 0 || this.#canWrite
  }

  get #canWrite(): boolean {
    return this.#writes.length > 0 && this.#running.length === 0 && !this.#isGathering
  }

  /** It waits from now on. */
  add(io: AioIo): void {
    const { byteLength, byteOffset, operation } = io
    const isShort = operation === "write" && byteLength < longBytes && this.#takeBatch !== undefined
    const isShared = isShort && byteOffset % pageBytes === 0 && byteLength % pageBytes === 0
    if (!isShared) return this.addAlone(io)
    this.#writes.push(io)
    if (this.#running.length > 0 || this.#isGathering) return
    this.#isGathering = true
    queueMicrotask(this.#gathered)
  }

  readonly #gathered = (): void => {
    this.#isGathering = false
    this.#ready()
  }

  /** The same, but it shares no trip. */
  addAlone(io: AioIo): void {
    this.#waiting.push(io)
  }

  /** Takes what goes next: one, or several writes. */
  next(): ReadonlyArray<AioIo> {
    if (!this.#canWrite) return this.#waiting.splice(0, 1)
    this.#running = this.#writes.splice(0, batchWritesMax)
    return this.#running
  }

  /**
   * Does several writes in one operation. `done` gets which of them are written whole, in the same order: the others
   * are to be repeated one by one. False: this cannot be had now, and nothing was done.
   */
  writeTogether(ios: ReadonlyArray<AioIo>, done: (written: ReadonlyArray<boolean>) => void): boolean {
    const batch = this.#takeBatch?.()
    if (batch === undefined) return false
    for (const { buffer, byteLength, byteOffset, start } of ios) {
      batch.add(this.#descriptor, buffer, start, byteLength, byteOffset)
    }
    batch.submit(() => {
      const written = ios.map(({ byteLength }, index) => batch.resultOf(index) === byteLength)
      batch.give()
      done(written)
    })
    return true
  }

  /** An operation is back: if it was that which writes wait for, they may go. */
  ended(io: AioIo): void {
    if (this.#running.includes(io)) this.#running = []
  }

  /** Takes all that wait. */
  takeAll(): ReadonlyArray<AioIo> {
    return [...this.#waiting.splice(0), ...this.#writes.splice(0)]
  }

  /** Takes the one that was submitted with this. */
  takeOf(submitter: BdevIo): AioIo | undefined {
    for (const list of [this.#waiting, this.#writes]) {
      const at = list.findIndex((io) => io.submitter === submitter)
      if (at >= 0) return list.splice(at, 1)[0]
    }
    return undefined
  }
}
