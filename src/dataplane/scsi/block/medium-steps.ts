/**
 * What operations on blocks do step by step. A step is bounded, so that the event loop is never held up for long, and
 * before each it is asked whether somebody still waits and whether the disk still has the blocks. A disk that does its
 * IO on this thread, before the call returns, gets smaller steps than one that does it elsewhere.
 */
import { type Bdev, type BdevIo, IoStatus, isFailure } from "../../bdev/Bdev.ts"
import { completeIo } from "../complete-io.ts"
import type { OperationRun } from "../ScsiOperation.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

/** Bytes that one step reads or writes. */
export const transferStepBytes = 4 * 1024 * 1024
/** Bytes that one step unmaps or fills with zeros. */
export const zeroStepBytes = 16 * 1024 * 1024
/** Bytes of one step that is done on this thread: a tenth of a millisecond, or three where memory is written first. */
const memoryStepBytes = 1024 * 1024

/** Ends an operation with GOOD. */
export const endGood = (run: OperationRun): void => {
  run.task.status = ScsiStatus.good
  run.end()
}

/** Whether what the operation writes must be on the medium before it is answered: FUA, or no write cache (WCE 0). */
export const writesThrough = ({ nexus, task }: OperationRun): boolean => task.fua || nexus.unit.modeValues.writeThrough

/** Ends an operation whose IO has failed; at a byte of the medium, if that is known. */
const endFailed = (run: OperationRun, status: IoStatus, reading: boolean, byteOffset?: number): void => {
  completeIo(run.task, status, reading, byteOffset, run.nexus.unit.bdev.blockSize)
  run.end(status)
}

/** Flushes, then goes on; a flush that fails ends the operation. */
export const flushThen = (run: OperationRun, then: () => void): void => {
  const { nexus } = run
  const flushed = (status: IoStatus): void => {
    if (status === IoStatus.ok) return then()
    if (isFailure(status)) nexus.takeLostWrites()
    endFailed(run, status, false)
  }
  nexus.unit.bdev.flush(run.io(flushed))
}

/** Ends with GOOD what has written and knows no FUA: without a write cache after one flush of all of it. */
export const endWritten = (run: OperationRun): void => {
  if (run.nexus.unit.modeValues.writeThrough) flushThen(run, () => endGood(run))
  else endGood(run)
}

/** Ends an operation that finds no buffer now. */
export const endBusy = (run: OperationRun): void => endFailed(run, IoStatus.noMemory, true)

/** Ends an operation with MISCOMPARE; `offset` is that of the first byte that differs, in what was compared. */
export const endMiscompare = (run: OperationRun, offset: number): void => {
  run.task.checkCondition(SenseKey.miscompare, SenseCode.miscompareDuringVerify)
  run.task.information = offset
  run.end()
}

/** Ends an operation whose data are not as long as its CDB says, with a pointer to the field that says so. */
export const endWrongLength = (run: OperationRun, lengthByte: number): void => {
  run.task.invalidField(lengthByte)
  run.end()
}

/** One range of the medium, and how it is gone through. */
export interface Steps {
  readonly byteOffset: number
  readonly byteLength: number
  /** At most; whole blocks come of it. */
  readonly stepBytes: number
  /** All of it is one step, whoever does it: a part of it must not be there alone. */
  readonly isWhole?: boolean
  /** Whether a failure is one of reading. */
  readonly reading: boolean
  /** Submits the IO of one step; `done` bytes are behind it. */
  readonly submit: (bdev: Bdev, byteOffset: number, byteLength: number, io: BdevIo, done: number) => void
  /** Called when a step has ended well. False: the operation has been ended. */
  readonly check?: (done: number, byteLength: number) => boolean
}

/** Takes the steps, one after the other, others' IO in between; then calls `then`, unless it had to end the run. */
export const takeSteps = (run: OperationRun, steps: Steps, then: () => void): void => {
  const { byteLength, byteOffset, reading } = steps
  const { unit } = run.nexus
  const { blockSize } = unit.bdev
  let done = 0
  // Until the disk has shown that it does it elsewhere.
  let isOnThisThread = true
  const nextLength = (): number => {
    const bytes =
      isOnThisThread && steps.isWhole !== true ? Math.min(steps.stepBytes, memoryStepBytes) : steps.stepBytes
    return Math.min(Math.max(blockSize, bytes - (bytes % blockSize)), byteLength - done)
  }
  const next = (): void => {
    const { bdev } = unit
    const length = nextLength()
    if (run.aborted) return endFailed(run, IoStatus.aborted, reading)
    if (byteOffset + done + length > bdev.blockCount * blockSize) {
      run.task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalBlockAddressOutOfRange)
      return run.end()
    }
    let isSubmitting = true
    const ended = (status: IoStatus, failedAt?: number): void => {
      isOnThisThread = isSubmitting
      if (status !== IoStatus.ok) return endFailed(run, status, reading, failedAt)
      if (steps.check?.(done, length) === false) return
      done += length
      if (done < byteLength) go()
      else then()
    }
    steps.submit(bdev, byteOffset + done, length, run.io(ended), done)
    isSubmitting = false
  }
  const go = (): void => run.soon(isOnThisThread ? nextLength() : 0, next)
  if (byteLength > 0) go()
  else then()
}
