/** A bdev that is as its base: for tests of stacks, and of what SPDK scripts set up. */
import type { Bdev, BdevIo } from "../Bdev.ts"
import { WrapperBdev } from "./WrapperBdev.ts"

/** Hands every IO on as it is, so that it adds nothing to what one costs. */
export class PassthruBdev extends WrapperBdev {
  constructor(base: Bdev) {
    super("passthru", base)
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.base.read(byteOffset, target, targetStart, byteLength, io)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.base.write(byteOffset, source, sourceStart, byteLength, fua, io)
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.base.unmap(byteOffset, byteLength, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.base.writeZeroes(byteOffset, byteLength, fua, io)
  }

  flush(io: BdevIo): void {
    this.base.flush(io)
  }

  override cancel(io: BdevIo): void {
    this.base.cancel?.(io)
  }

  /** What the base has is the base's to end. */
  close(): void {}
}
