/** What the CDBs of block commands have in common: where their LBA is, and whether the medium has it. */
import type { LogicalUnit } from "../LogicalUnit.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

const two32 = 0x1_0000_0000

/** RDPROTECT, WRPROTECT, VRPROTECT or ORPROTECT in byte 1: without protection information only 000b is allowed. */
export const protectMask = 0xe0

/**
 * LBA of a 16-byte CDB, as a double. It is exact below 2^53, and from there on only rounded to another value that is
 * not below 2^53, while a bdev has fewer blocks: so `inRange` is right for every LBA.
 */
export const lba16 = (cdb: Buffer): number => cdb.readUInt32BE(2) * two32 + cdb.readUInt32BE(6)

/** LBA and transfer length against the medium; false when the task has been ended with 5/21/00. */
export const inRange = (task: ScsiTask, unit: LogicalUnit, lba: number, blocks: number): boolean => {
  const { blockCount } = unit.bdev
  // An LBA just behind the medium is refused even with nothing to transfer (SBC-3 4.5, as tgt does).
  if (lba < blockCount && blocks <= blockCount - lba) return true
  task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalBlockAddressOutOfRange)
  return false
}
