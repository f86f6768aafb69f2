/**
 * READ and WRITE of 6, 10, 12 and 16 bytes (SBC-3 5.8 to 5.12, 5.32 to 5.36), SYNCHRONIZE CACHE (5.25, 5.26) and START
 * STOP UNIT (5.24). The hot path: fields are read in place, nothing is allocated.
 *
 * A 64-bit LBA is taken as a double. It is exact below 2^53, and from there on only rounded to another value that is
 * not below 2^53, while a bdev has fewer blocks: so the range check is right for every LBA.
 */
import type { LogicalUnit } from "./LogicalUnit.ts"
import type { Nexus } from "./Nexus.ts"
import { ScsiAction, type ScsiTask } from "./ScsiTask.ts"
import { ScsiStatus } from "./scsi-status.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

const two32 = 0x1_0000_0000

const protectMask = 0xe0
const fuaMask = 0x08

const lba16 = (cdb: Buffer): number => cdb.readUInt32BE(2) * two32 + cdb.readUInt32BE(6)

/** LBA and transfer length against the medium; false when the task has been ended with 5/21/00. */
const inRange = (task: ScsiTask, unit: LogicalUnit, lba: number, blocks: number): boolean => {
  const { blockCount } = unit.bdev
  // An LBA just behind the medium is refused even with nothing to transfer (SBC-3 4.5, as tgt does).
  if (lba < blockCount && blocks <= blockCount - lba) return true
  task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalBlockAddressOutOfRange)
  return false
}

/** The part that all forms share; `lengthByte` is where the transfer length is, for the field pointer. */
const transfer = (
  task: ScsiTask,
  nexus: Nexus,
  action: typeof ScsiAction.read | typeof ScsiAction.write,
  flags: number,
  lba: number,
  blocks: number,
  lengthByte: number
): void => {
  const { unit } = nexus
  if ((flags & protectMask) !== 0) {
    task.invalidField(1, 7)
    return
  }
  if (!inRange(task, unit, lba, blocks)) return
  if (blocks > unit.maxTransferBlocks) {
    task.invalidField(lengthByte)
    return
  }
  const write = action === ScsiAction.write
  if (write && nexus.writeProtected) {
    task.checkCondition(SenseKey.dataProtect, SenseCode.writeProtected)
    return
  }
  if (blocks === 0) {
    task.good()
    return
  }
  const bytes = blocks * unit.bdev.blockSize
  task.action = action
  task.status = ScsiStatus.good
  task.byteOffset = lba * unit.bdev.blockSize
  task.byteLength = bytes
  task.fua = (flags & fuaMask) !== 0
}

/** 21 bits of LBA; a length of 0 means 256 blocks; no flags (SBC-3 5.8). */
const transfer6 = (task: ScsiTask, nexus: Nexus, action: typeof ScsiAction.read | typeof ScsiAction.write): void => {
  const { cdb } = task
  transfer(task, nexus, action, 0, cdb.readUInt32BE(0) & 0x1fffff, cdb.readUInt8(4) || 256, 4)
}

const transfer10 = (task: ScsiTask, nexus: Nexus, action: typeof ScsiAction.read | typeof ScsiAction.write): void => {
  const { cdb } = task
  transfer(task, nexus, action, cdb.readUInt8(1), cdb.readUInt32BE(2), cdb.readUInt16BE(7), 7)
}

const transfer12 = (task: ScsiTask, nexus: Nexus, action: typeof ScsiAction.read | typeof ScsiAction.write): void => {
  const { cdb } = task
  transfer(task, nexus, action, cdb.readUInt8(1), cdb.readUInt32BE(2), cdb.readUInt32BE(6), 6)
}

const transfer16 = (task: ScsiTask, nexus: Nexus, action: typeof ScsiAction.read | typeof ScsiAction.write): void => {
  const { cdb } = task
  transfer(task, nexus, action, cdb.readUInt8(1), lba16(cdb), cdb.readUInt32BE(10), 10)
}

/** READ(6), SBC-3 5.8. */
export const read6 = (task: ScsiTask, nexus: Nexus): void => transfer6(task, nexus, ScsiAction.read)
/** READ(10), SBC-3 5.9. */
export const read10 = (task: ScsiTask, nexus: Nexus): void => transfer10(task, nexus, ScsiAction.read)
/** READ(12), SBC-3 5.10. */
export const read12 = (task: ScsiTask, nexus: Nexus): void => transfer12(task, nexus, ScsiAction.read)
/** READ(16), SBC-3 5.11. */
export const read16 = (task: ScsiTask, nexus: Nexus): void => transfer16(task, nexus, ScsiAction.read)
/** WRITE(6), SBC-3 5.32. */
export const write6 = (task: ScsiTask, nexus: Nexus): void => transfer6(task, nexus, ScsiAction.write)
/** WRITE(10), SBC-3 5.33. */
export const write10 = (task: ScsiTask, nexus: Nexus): void => transfer10(task, nexus, ScsiAction.write)
/** WRITE(12), SBC-3 5.34. */
export const write12 = (task: ScsiTask, nexus: Nexus): void => transfer12(task, nexus, ScsiAction.write)
/** WRITE(16), SBC-3 5.35. */
export const write16 = (task: ScsiTask, nexus: Nexus): void => transfer16(task, nexus, ScsiAction.write)

/** Fails once when a sync has failed that another initiator was told of: this one's writes may be lost with it. */
const flush = (task: ScsiTask, nexus: Nexus, immediate: boolean): void => {
  if (nexus.takeLostWrites()) {
    task.checkCondition(SenseKey.mediumError, SenseCode.writeError)
    return
  }
  task.action = ScsiAction.flush
  task.status = ScsiStatus.good
  task.immediate = immediate
}

/** The whole cache is flushed whatever the range is, which SBC-3 5.25 allows; the range must still exist. */
export const synchronizeCache10 = (task: ScsiTask, nexus: Nexus): void => {
  const { cdb } = task
  if (!inRange(task, nexus.unit, cdb.readUInt32BE(2), cdb.readUInt16BE(7))) return
  flush(task, nexus, (cdb.readUInt8(1) & 0x02) !== 0)
}

/** As SYNCHRONIZE CACHE(10), with a 64-bit LBA. */
export const synchronizeCache16 = (task: ScsiTask, nexus: Nexus): void => {
  const { cdb } = task
  if (!inRange(task, nexus.unit, lba16(cdb), cdb.readUInt32BE(10))) return
  flush(task, nexus, (cdb.readUInt8(1) & 0x02) !== 0)
}

/**
 * Start and stop are taken and change nothing, because a disk that other initiators use does not stop for one. A stop
 * flushes first, as it must. Power conditions and ejecting are refused: there is neither.
 */
export const startStopUnit = (task: ScsiTask, nexus: Nexus): void => {
  const flags = task.cdb.readUInt8(4)
  if ((task.cdb.readUInt8(3) & 0x0f) !== 0) task.invalidField(3, 3)
  else if ((flags & 0xf0) !== 0) task.invalidField(4, 7)
  else if ((flags & 0x02) !== 0) task.invalidField(4, 1)
  else if ((flags & 0x05) === 0) flush(task, nexus, (task.cdb.readUInt8(1) & 0x01) !== 0)
  else task.good()
}
