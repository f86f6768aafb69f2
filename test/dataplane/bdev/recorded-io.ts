/** A bdev IO that writes down how it ended, and a bdev definition to start from. */
import { type Bdev, type BdevIo, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { MallocSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"

/** Notes every answer, so that a second one can't go unseen. */
export class RecordedIo implements BdevIo {
  readonly answers: Array<IoStatus> = []
  /** Where it failed, as the bdev says. */
  failedAt: number | undefined
  /** Resolves with the first answer. */
  readonly answered: Promise<IoStatus>
  private readonly resolve: (status: IoStatus) => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<IoStatus>()
    this.answered = promise
    this.resolve = resolve
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    this.failedAt = byteOffset
    this.answers.push(status)
    this.resolve(status)
  }
}

/** One that must not be answered with anything but ok, at once. */
export const okIo: BdevIo = {
  ioDone(status) {
    if (status !== IoStatus.ok) throw new Error(`the IO ended with status ${status}`)
  }
}

/** The run from here on, of a disk that answers at once. */
export const runAt = (bdev: Bdev, byteOffset: number, byteLength: number): number => {
  let run = 0
  bdev.mappedRun(byteOffset, byteLength, (found) => {
    run = found
  })
  return run
}

/** A small RAM disk: 64 blocks of 512 bytes, unless told otherwise. */
export const mallocSpec = (changes: Partial<MallocSpec> = {}): MallocSpec => ({
  _tag: "Malloc",
  blockCount: 64,
  blockSize: 512,
  physicalBlockSize: 0,
  optimalIoBoundary: 0,
  ...changes
})
