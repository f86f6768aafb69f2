/**
 * The end of a medium command: the bdev's answer becomes a SCSI status. The transport calls it once per task whose
 * action went to the bdev; for disks with `memory` it may skip it, because `prepare` has set GOOD already. Operations
 * call it for an IO that ends them.
 */
import { IoStatus } from "../bdev/Bdev.ts"
import { ScsiAction, type ScsiTask } from "./ScsiTask.ts"
import { ScsiStatus } from "./scsi-status.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

/**
 * Sets `task.status` (and sense) from how the IO ended. A failed IO is a MEDIUM ERROR without INFORMATION: which block
 * failed is not known, and Linux takes everything before the block named there as good. Aborted is ABORTED COMMAND, and
 * a shortage BUSY: both are repeated by initiators. No room for a write is what a thin disk reports (SBC-3 4.7.3.6).
 */
export const completeIo = (
  task: ScsiTask,
  status: IoStatus,
  reading: boolean = task.action === ScsiAction.read
): void => {
  if (status === IoStatus.ok) return
  if (status === IoStatus.noMemory) {
    task.endWith(ScsiStatus.busy)
  } else if (status === IoStatus.aborted) {
    task.checkCondition(SenseKey.abortedCommand, SenseCode.none)
  } else if (status === IoStatus.noSpace) {
    task.checkCondition(SenseKey.dataProtect, SenseCode.spaceAllocationFailedWriteProtect)
  } else if (reading) {
    task.checkCondition(SenseKey.mediumError, SenseCode.unrecoveredReadError)
  } else {
    task.checkCondition(SenseKey.mediumError, SenseCode.writeError)
  }
}

/** Ends a task of a LUN that is being removed, at whatever point its data transfer is (5/25/00). */
export const endRemoved = (task: ScsiTask): void =>
  task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalUnitNotSupported)
