/** A disk of any size with nothing behind it, for tests of speed and of size. */
import { type BdevIo, IoStatus, type ResizableBdev, type RunFound } from "../Bdev.ts"
import type { NullSpec } from "../BdevSpec.ts"

/** Reads give zeros, writes are forgotten; all IO ends before its call returns. */
export class NullBdev implements ResizableBdev {
  readonly productName = "Null disk"
  readonly blockSize: number
  readonly physicalBlockSize: number
  readonly optimalIoBoundary = 0
  blockCount: number
  readonly writeCache = false
  readonly atomicWrites = true
  readonly readOnly = false
  readonly removable: boolean
  readonly memory = undefined
  readonly thin = true

  constructor(spec: NullSpec) {
    this.blockSize = spec.blockSize
    this.physicalBlockSize = spec.physicalBlockSize || spec.blockSize
    this.blockCount = spec.blockCount
    this.removable = spec.removable ?? false
  }

  resize(blockCount: number): void {
    this.blockCount = blockCount
  }

  read(_byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    target.fill(0, targetStart, targetStart + byteLength)
    io.ioDone(IoStatus.ok)
  }

  write(
    _byteOffset: number,
    _source: Buffer,
    _sourceStart: number,
    _byteLength: number,
    _fua: boolean,
    io: BdevIo
  ): void {
    io.ioDone(IoStatus.ok)
  }

  unmap(_byteOffset: number, _byteLength: number, io: BdevIo): void {
    io.ioDone(IoStatus.ok)
  }

  writeZeroes(_byteOffset: number, _byteLength: number, _fua: boolean, io: BdevIo): void {
    io.ioDone(IoStatus.ok)
  }

  /** Nothing is ever mapped. */
  mappedRun(_byteOffset: number, byteLength: number, found: RunFound): void {
    found(-byteLength)
  }

  flush(io: BdevIo): void {
    io.ioDone(IoStatus.ok)
  }

  close(): void {}
}
