/**
 * A RAM disk: one ArrayBuffer. The operating system gives its pages when they are first written, and `close` gives them
 * back at once (`transfer(0)`) instead of leaving them to the garbage collector. Or it is on a slab that is somebody
 * else's, and has what the slab holds: its content, and behind that a byte for each granule, whether it holds data.
 *
 * It is the medium, not a cache in front of one: `writeCache` is false and a flush has nothing to do. See
 * `KeptMallocBdev` for one that is.
 *
 * `Buffer.copy` cuts the start of its source to 32 bits (measured on Node 24.21: a copy from 5 GiB reads at 1 GiB). So
 * a disk is addressed through views of 1 GiB, and one beyond 4 GiB, or of large blocks, does not show its `memory`.
 */
import { type Bdev, type BdevIo, IoStatus, type RunFound } from "../Bdev.ts"
import type { MallocSpec } from "../BdevSpec.ts"
import { granulesMax, Provisioning } from "./Provisioning.ts"

/** Bytes of one view; a power of two, so that an offset splits cheaply. */
const viewBytes = 2 ** 30
/** Largest disk that callers may copy from themselves, in bytes. */
const sharedMemoryBytesMax = 2 ** 32
/** And its largest block: writers keep a whole one aside per command, beside the buffers that are bounded. */
const sharedBlockBytesMax = 16 * 1024

/** Bytes of the slab that a disk of so many bytes needs. */
export const slabBytesOf = (bytes: number): number => bytes + granulesMax(bytes)

/** A RAM disk; all IO ends before its call returns. */
export class MallocBdev implements Bdev {
  readonly productName = "Malloc disk"
  readonly blockSize: number
  readonly physicalBlockSize: number
  readonly optimalIoBoundary: number
  readonly blockCount: number
  readonly writeCache: boolean
  readonly atomicWrites: boolean
  readonly readOnly = false
  readonly removable: boolean
  memory: Buffer | undefined
  readonly thin = true
  readonly provisioning: Provisioning

  private readonly zeroBlock: Buffer
  private readonly storage: ArrayBuffer | SharedArrayBuffer
  private views: ReadonlyArray<Buffer>

  /**
   * Throws RangeError when the memory can't be had. `isCache`: it is one, in front of what keeps its content. `slab`:
   * what it is on, of at least `slabBytesOf` its bytes.
   */
  constructor(spec: MallocSpec, isCache = false, slab?: SharedArrayBuffer) {
    this.writeCache = isCache
    this.atomicWrites = !isCache
    this.blockSize = spec.blockSize
    this.physicalBlockSize = spec.physicalBlockSize || spec.blockSize
    this.optimalIoBoundary = spec.optimalIoBoundary
    this.blockCount = spec.blockCount
    this.removable = spec.removable ?? false
    const bytes = spec.blockCount * spec.blockSize
    const storage = slab ?? new ArrayBuffer(bytes)
    this.storage = storage
    this.zeroBlock = Buffer.alloc(spec.blockSize)
    const marks = slab === undefined ? undefined : new Uint8Array(slab, bytes, granulesMax(bytes))
    this.provisioning = new Provisioning(bytes, spec.blockSize, marks)
    const isShown = !isCache && bytes <= sharedMemoryBytesMax && spec.blockSize <= sharedBlockBytesMax
    this.memory = isShown ? Buffer.from(storage, 0, bytes) : undefined
    this.views = Array.from({ length: Math.ceil(bytes / viewBytes) }, (_, index) =>
      Buffer.from(storage, index * viewBytes, Math.min(viewBytes, bytes - index * viewBytes))
    )
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    let done = 0
    while (done < byteLength) {
      const at = byteOffset + done
      const start = at % viewBytes
      const length = Math.min(byteLength - done, viewBytes - start)
      const view = this.views[Math.floor(at / viewBytes)]
      // A view is shorter than that beyond the end of the disk, and empty after `close`.
      if (view === undefined || view.length < start + length) break
      view.copy(target, targetStart + done, start, start + length)
      done += length
    }
    io.ioDone(done < byteLength ? IoStatus.failed : IoStatus.ok)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, _fua: boolean, io: BdevIo): void {
    let done = 0
    this.provisioning.note(byteOffset, byteLength)
    while (done < byteLength) {
      const at = byteOffset + done
      const start = at % viewBytes
      const length = Math.min(byteLength - done, viewBytes - start)
      const view = this.views[Math.floor(at / viewBytes)]
      if (view === undefined || view.length < start + length) break
      source.copy(view, start, sourceStart + done, sourceStart + done + length)
      done += length
    }
    io.ioDone(done < byteLength ? IoStatus.failed : IoStatus.ok)
  }

  /** A granule that holds nothing is not touched: its pages stay with the operating system. */
  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    const { provisioning } = this
    if ((this.views[0]?.length ?? 0) === 0) return io.ioDone(IoStatus.failed)
    const end = byteOffset + byteLength
    for (let at = byteOffset; at < end; ) {
      const granuleEnd = provisioning.endOf(at)
      const pieceEnd = Math.min(end, granuleEnd)
      if (provisioning.holds(at)) {
        this.clear(at, pieceEnd)
        if (at % provisioning.granuleBytes === 0 && pieceEnd === granuleEnd) provisioning.release(at)
      }
      at = pieceEnd
    }
    io.ioDone(IoStatus.ok)
  }

  writeZeroes(byteOffset: number, byteLength: number, _fua: boolean, io: BdevIo): void {
    this.unmap(byteOffset, byteLength, io)
  }

  /** To the block: one that holds zeros counts as unmapped, whoever has written them (SBC-3 4.7.3.3). */
  mappedRun(byteOffset: number, byteLength: number, found: RunFound): void {
    const isMapped = this.isMapped(byteOffset)
    const end = byteOffset + byteLength
    let at = byteOffset
    while (at < end && this.isMapped(at) === isMapped) {
      at = this.provisioning.holds(at) ? at + this.blockSize : this.provisioning.endOf(at)
    }
    const run = Math.min(at, end) - byteOffset
    found(isMapped ? run : -run)
  }

  private isMapped(byteOffset: number): boolean {
    if (!this.provisioning.holds(byteOffset)) return false
    const { blockSize } = this
    const start = byteOffset % viewBytes
    const view = this.views[Math.floor(byteOffset / viewBytes)]
    // A block that two views share counts as mapped: there is one at most, every GiB, and only of odd sizes.
    if (view === undefined || view.length < start + blockSize) return true
    return view.compare(this.zeroBlock, 0, blockSize, start, start + blockSize) !== 0
  }

  private clear(start: number, end: number): void {
    for (let at = start; at < end; ) {
      const from = at % viewBytes
      const to = Math.min(viewBytes, from + end - at)
      this.views[Math.floor(at / viewBytes)]?.fill(0, from, to)
      at += to - from
    }
  }

  flush(io: BdevIo): void {
    io.ioDone(IoStatus.ok)
  }

  close(): void {
    if (this.storage instanceof ArrayBuffer) this.storage.transfer(0)
    else {
      // Its owner may give the slab to another disk.
      this.views = []
      this.memory = undefined
    }
  }
}
