/**
 * The end of a medium command: the bdev's answer becomes a SCSI status. The transport calls it once per task whose
 * action went to the bdev; for disks with `memory` it may skip it, because `prepare` has set GOOD already. Operations
 * call it for an IO that ends them.
 */
import { IoStatus } from "../bdev/Bdev.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import { ScsiStatus } from "./scsi-status.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

/** The LBA that was read or written in vain, if it is one of the command's own. */
const failedBlock = ({ byteLength, byteOffset }: ScsiTask, failedAt: number | undefined, blockSize: number): number =>
  // A host takes everything before it as done: a driver that is wrong about it must not make it believe too much.
  failedAt !== undefined && failedAt >= byteOffset && failedAt < byteOffset + byteLength
    ? Math.floor(failedAt / blockSize)
    : -1

/** Sense key and additional sense code of an IO that failed. */
const senseOf = (status: IoStatus, reading: boolean): readonly [SenseKey, SenseCode] => {
  switch (status) {
    case IoStatus.aborted:
      return [SenseKey.abortedCommand, SenseCode.none]
    case IoStatus.noSpace:
      return [SenseKey.dataProtect, SenseCode.spaceAllocationFailedWriteProtect]
    case IoStatus.mediumError:
      return [SenseKey.mediumError, reading ? SenseCode.unrecoveredReadError : SenseCode.writeError]
    case IoStatus.notReady:
      return [SenseKey.notReady, SenseCode.logicalUnitNotReady]
    case IoStatus.writeProtected:
      return [SenseKey.dataProtect, SenseCode.writeProtected]
    default:
      return [SenseKey.hardwareError, SenseCode.internalTargetFailure]
  }
}

/**
 * Sets `task.status` and sense data from how the IO ended. A MEDIUM ERROR has in INFORMATION the first LBA that was not
 * read or written, where that is known: `failedAt`, a byte of the medium. Aborted is ABORTED COMMAND, and a shortage
 * BUSY: both are repeated by initiators. No room for a write is what a thin disk reports (SBC-3 4.7.3.6).
 */
export const completeIo = (
  task: ScsiTask,
  status: IoStatus,
  reading: boolean,
  failedAt: number | undefined,
  blockSize: number
): void => {
  if (status === IoStatus.ok) return
  if (status === IoStatus.noMemory) return task.endWith(ScsiStatus.busy)
  const [key, code] = senseOf(status, reading)
  task.checkCondition(key, code)
  if (key === SenseKey.mediumError) task.information = failedBlock(task, failedAt, blockSize)
}

/** Ends a task of a LUN that is being removed, at whatever point its data transfer is (5/25/00). */
export const endRemoved = (task: ScsiTask): void =>
  task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalUnitNotSupported)
