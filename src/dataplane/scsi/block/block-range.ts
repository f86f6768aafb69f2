/** What the CDBs of block commands have in common: where their fields are, and whether the medium has the blocks. */
import type { LogicalUnit } from "../LogicalUnit.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

const two32 = 0x1_0000_0000

/** RDPROTECT, WRPROTECT, VRPROTECT or ORPROTECT in byte 1: without protection information only 000b is allowed. */
export const protectMask = 0xe0
/** FUA in byte 1. */
export const fuaMask = 0x08

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

/** False when the task has been ended because of a write protected medium. */
export const mayWrite = (task: ScsiTask, nexus: Nexus): boolean => {
  if (!nexus.writeProtected) return true
  task.checkCondition(SenseKey.dataProtect, SenseCode.writeProtected)
  return false
}

/** False when the task has been ended because it asks for protection information. */
export const unprotected = (task: ScsiTask): boolean => {
  if ((task.cdb.readUInt8(1) & protectMask) === 0) return true
  task.invalidField(1, 7)
  return false
}

/** False when the task has been ended because the command is not one of the unit's. */
export const offered = (task: ScsiTask, isOffered: boolean): boolean => {
  if (!isOffered) task.checkCondition(SenseKey.illegalRequest, SenseCode.invalidCommandOperationCode)
  return isOffered
}

/** LBA and number of blocks, and which byte the number is in. */
export interface BlockFields {
  readonly lba: number
  readonly blocks: number
  readonly lengthByte: number
}

/** Of a CDB by its length: 10, 12 or 16 bytes, with a 32-bit number of blocks in the longer ones. */
export const blockFields = (cdb: Buffer): BlockFields => {
  const group = cdb.readUInt8(0) >> 5
  if (group === 4) return { lba: lba16(cdb), blocks: cdb.readUInt32BE(10), lengthByte: 10 }
  if (group === 5) return { lba: cdb.readUInt32BE(2), blocks: cdb.readUInt32BE(6), lengthByte: 6 }
  return { lba: cdb.readUInt32BE(2), blocks: cdb.readUInt16BE(7), lengthByte: 7 }
}
