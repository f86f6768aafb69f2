/**
 * A bdev on top of another: it has the base's geometry, also when that changes. It never shows the base's `memory`,
 * because copies around it would miss what the wrapper is for. Closing it leaves the base open.
 */
import type { Bdev, BdevIo, RunFound } from "../Bdev.ts"
import type { Provisioning } from "../memory/Provisioning.ts"

/** What the wrappers share. */
export abstract class WrapperBdev implements Bdev {
  readonly productName: string
  readonly blockSize: number
  readonly physicalBlockSize: number
  readonly optimalIoBoundary: number
  readonly writeCache: boolean
  readonly atomicWrites: boolean
  readonly readOnly: boolean
  readonly removable: boolean
  readonly memory = undefined
  /** Its blocks are not those of the base. */
  readonly hasOwnBlocks: boolean = false

  /** The reactor puts rate limits between the two, and takes them away again. */
  base: Bdev
  /** The wrapper's own IO, by the one that it stands for, while the base has it. */
  protected readonly atBase = new Map<BdevIo, BdevIo>()

  constructor(productName: string, base: Bdev) {
    this.productName = productName
    this.blockSize = base.blockSize
    this.physicalBlockSize = base.physicalBlockSize
    this.optimalIoBoundary = base.optimalIoBoundary
    this.writeCache = base.writeCache
    this.atomicWrites = base.atomicWrites ?? false
    this.readOnly = base.readOnly
    this.removable = base.removable ?? false
    this.base = base
  }

  get blockCount(): number {
    return this.base.blockCount
  }

  /** What waits further down ends. What the wrapper itself holds, by a fault or a latency, stays held. */
  cancel(io: BdevIo): void {
    const own = this.atBase.get(io)
    if (own !== undefined) this.base.cancel?.(own)
  }

  get syncFailures(): number {
    return this.base.syncFailures ?? 0
  }

  get thin(): boolean {
    return this.base.thin
  }

  get unmapGranuleBytes(): number | undefined {
    return this.base.unmapGranuleBytes
  }

  get provisioning(): Provisioning | undefined {
    return this.base.provisioning
  }

  mappedRun(byteOffset: number, byteLength: number, found: RunFound): void {
    this.base.mappedRun(byteOffset, byteLength, found)
  }

  abstract read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void
  abstract write(
    byteOffset: number,
    source: Buffer,
    sourceStart: number,
    byteLength: number,
    fua: boolean,
    io: BdevIo
  ): void
  abstract unmap(byteOffset: number, byteLength: number, io: BdevIo): void
  abstract writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void
  abstract flush(io: BdevIo): void
  abstract close(): void
}

/** Whether `bdev` is `base`, or stacked on it however high. */
export const isStackedOn = (bdev: Bdev, base: Bdev): boolean => {
  let at = bdev
  while (at !== base && at instanceof WrapperBdev) at = at.base
  return at === base
}

/**
 * The bdev of a stack that has the medium: whose blocks are changed by a write, and have the same numbers as those of
 * `bdev`. Below it may be more: the whole of a part, or what an overlay leaves as it is.
 */
export const mediumOf = (bdev: Bdev): Bdev => {
  let at = bdev
  while (at instanceof WrapperBdev && !at.hasOwnBlocks) at = at.base
  return at
}
