/**
 * A RAM disk whose content a file keeps: reads and writes are of memory, and a flush brings into the file what was
 * written since. So it has a write cache, which is the memory. Close keeps everything before it lets go. There are no
 * `syncFailures`: what a sync has lost is in the memory still, and the next flush brings it into the file.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import type { MallocSpec } from "../BdevSpec.ts"
import { ContentKeeper } from "./ContentKeeper.ts"
import { MallocBdev } from "./MallocBdev.ts"

/** An IO of memory, which ends before its call returns. */
class ImmediateIo implements BdevIo {
  status: IoStatus = IoStatus.aborted

  ioDone(status: IoStatus): void {
    this.status = status
  }
}

/** Bytes that are read at once when the content is loaded. */
const pieceBytes = 1024 * 1024
const zeros = Buffer.alloc(pieceBytes)

/** Of `MallocBdev`, with a store of the same size, which it closes. */
export class KeptMallocBdev extends MallocBdev {
  readonly #store: Bdev
  readonly #keeper: ContentKeeper
  readonly #immediate = new ImmediateIo()
  #isClosed = false
  #isLoaded = false
  #isSaved = false
  #onClosed: (() => void) | undefined

  /** Throws RangeError when the memory can't be had. It is to be loaded before anything else. */
  constructor(spec: MallocSpec, store: Bdev) {
    super(spec, true)
    this.#store = store
    const copyTo = (target: Buffer, byteOffset: number, byteLength: number): void =>
      this.read(byteOffset, target, 0, byteLength, this.#immediate)
    this.#keeper = new ContentKeeper({ provisioning: this.provisioning, copyTo }, store)
  }

  /** Fills the memory from the store, piece by piece; what is zeros takes no memory. */
  load(done: (status: IoStatus) => void): void {
    const piece = Buffer.alloc(pieceBytes)
    const total = this.blockCount * this.blockSize
    let at = 0
    const next = (): void => {
      const length = Math.min(pieceBytes, total - at)
      if (length === 0) {
        this.#isLoaded = true
        return done(IoStatus.ok)
      }
      this.#store.read(at, piece, 0, length, { ioDone: (status) => loaded(status, length) })
    }
    const loaded = (status: IoStatus, length: number): void => {
      if (status !== IoStatus.ok) return done(status)
      if (piece.compare(zeros, 0, length, 0, length) !== 0) {
        super.write(at, piece, 0, length, false, this.#immediate)
      }
      at += length
      next()
    }
    next()
  }

  override write(
    byteOffset: number,
    source: Buffer,
    sourceStart: number,
    byteLength: number,
    fua: boolean,
    io: BdevIo
  ): void {
    super.write(byteOffset, source, sourceStart, byteLength, false, this.#immediate)
    this.#end(byteOffset, byteLength, fua, io)
  }

  override unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    super.unmap(byteOffset, byteLength, this.#immediate)
    this.#end(byteOffset, byteLength, false, io)
  }

  override writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    super.unmap(byteOffset, byteLength, this.#immediate)
    this.#end(byteOffset, byteLength, fua, io)
  }

  override flush(io: BdevIo): void {
    if (this.#isClosed) io.ioDone(IoStatus.aborted)
    else this.#keeper.flush(io)
  }

  /** Its last flush is under way. */
  get isSaving(): boolean {
    return this.#isClosed && !this.#isSaved
  }

  /** The memory is given back when the store has the content and is closed. */
  override close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const end = (): void => {
      this.#isSaved = true
      this.#keeper.stop()
      this.#store.close()
      super.close()
      const closed = (): void => this.#onClosed?.()
      if (this.#store.whenClosed === undefined) closed()
      else this.#store.whenClosed(closed)
    }
    // A flush that waited may have to be answered first: the last one comes behind it.
    if (this.#isLoaded) this.#keeper.flush({ ioDone: end })
    else end()
  }

  whenClosed(then: () => void): void {
    this.#onClosed = then
  }

  async discard(): Promise<void> {
    await this.#store.discard?.()
  }

  #end(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    const { status } = this.#immediate
    if (status !== IoStatus.ok) return io.ioDone(status)
    this.#keeper.note(byteOffset, byteLength)
    if (fua) this.flush(io)
    else io.ioDone(IoStatus.ok)
  }
}
