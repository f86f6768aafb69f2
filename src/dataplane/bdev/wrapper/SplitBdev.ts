/**
 * A part of its base, in blocks of its own from 0 on. Its place never changes: a base that grows leaves it as it is,
 * one that shrinks cuts it, down to nothing. Parts of one base share no block.
 */
import { type Bdev, type BdevIo, IoStatus, type RunFound } from "../Bdev.ts"
import type { SplitSpec } from "../BdevSpec.ts"
import type { Provisioning } from "../memory/Provisioning.ts"
import { WrapperBdev } from "./WrapperBdev.ts"

/** One IO at the base; pooled. */
class PartIo implements BdevIo {
  submitter: BdevIo | undefined

  private readonly owner: SplitBdev

  constructor(owner: SplitBdev) {
    this.owner = owner
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    this.owner.end(this, status, byteOffset)
  }
}

/** One part of a bdev. */
export class SplitBdev extends WrapperBdev {
  override readonly hasOwnBlocks = true
  override readonly optimalIoBoundary: number
  readonly #offsetBlocks: number
  readonly #partBlocks: number
  /** Bytes of the base before the part. */
  readonly #offset: number
  readonly #idle: Array<PartIo> = []

  constructor({ part, partBlocks }: SplitSpec, base: Bdev) {
    super("Split Disk", base)
    this.#offsetBlocks = part * partBlocks
    this.#partBlocks = partBlocks
    this.#offset = this.#offsetBlocks * base.blockSize
    // A part that begins within a stripe has its boundaries elsewhere than its block numbers say.
    const { optimalIoBoundary: boundary } = base
    this.optimalIoBoundary = boundary > 0 && this.#offsetBlocks % boundary === 0 ? boundary : 0
  }

  override get blockCount(): number {
    return Math.max(0, Math.min(this.#partBlocks, this.base.blockCount - this.#offsetBlocks))
  }

  /** What is allocated of the base is not what is allocated of a part. */
  override get provisioning(): Provisioning | undefined {
    return undefined
  }

  override mappedRun(byteOffset: number, byteLength: number, found: RunFound): void {
    this.base.mappedRun(this.#offset + byteOffset, byteLength, found)
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    if (this.#isOutside(byteOffset, byteLength)) return io.ioDone(IoStatus.failed)
    this.base.read(this.#offset + byteOffset, target, targetStart, byteLength, this.#begin(io))
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    if (this.#isOutside(byteOffset, byteLength)) return io.ioDone(IoStatus.failed)
    this.base.write(this.#offset + byteOffset, source, sourceStart, byteLength, fua, this.#begin(io))
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    if (this.#isOutside(byteOffset, byteLength)) return io.ioDone(IoStatus.failed)
    this.base.unmap(this.#offset + byteOffset, byteLength, this.#begin(io))
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    if (this.#isOutside(byteOffset, byteLength)) return io.ioDone(IoStatus.failed)
    this.base.writeZeroes(this.#offset + byteOffset, byteLength, fua, this.#begin(io))
  }

  /** All of the base: it cannot be told which writes are meant. */
  flush(io: BdevIo): void {
    this.base.flush(this.#begin(io))
  }

  close(): void {}

  /** The base has answered. */
  end(partIo: PartIo, status: IoStatus, byteOffset: number | undefined): void {
    const { submitter } = partIo
    partIo.submitter = undefined
    this.#idle.push(partIo)
    if (submitter === undefined) return
    this.atBase.delete(submitter)
    submitter.ioDone(status, byteOffset === undefined ? undefined : byteOffset - this.#offset)
  }

  #begin(submitter: BdevIo): PartIo {
    const partIo = this.#idle.pop() ?? new PartIo(this)
    partIo.submitter = submitter
    this.atBase.set(submitter, partIo)
    return partIo
  }

  /** Beyond its end the base has blocks of another part. */
  #isOutside(byteOffset: number, byteLength: number): boolean {
    return byteOffset + byteLength > this.blockCount * this.blockSize
  }
}
