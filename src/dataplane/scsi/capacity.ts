/** READ CAPACITY(10) and (16) (SBC-3 5.15, 5.16). */
import type { Nexus } from "./Nexus.ts"
import { ServiceActionIn16 } from "./opcodes.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

/** 8 bytes. A last LBA that does not fit is FFFFFFFFh: ask with the longer command. */
export const readCapacity10 = (task: ScsiTask, nexus: Nexus): void => {
  const { cdb } = task
  const partialMediumIndicator = (cdb.readUInt8(8) & 0x01) !== 0
  // Obsolete in SBC-3; before, an LBA had a meaning only with PMI, and no other meaning is safe to guess.
  if (!partialMediumIndicator && cdb.readUInt32BE(2) !== 0) {
    task.invalidField(2)
    return
  }
  const { bdev } = nexus.unit
  const data = task.parameterData
  data.writeUInt32BE(Math.min(bdev.blockCount - 1, 0xffffffff), 0)
  data.writeUInt32BE(bdev.blockSize, 4)
  task.sendParameters(8, 8)
}

/** LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT: 0 also where the ratio is no power of two, which it can't express. */
const physicalBlockExponent = (blockSize: number, physicalBlockSize: number): number => {
  const exponent = Math.log2(physicalBlockSize / blockSize)
  return Number.isInteger(exponent) && exponent >= 0 && exponent <= 15 ? exponent : 0
}

/** 32 bytes: no protection information (PROT_EN), fully provisioned (LBPME), block 0 aligned. */
export const readCapacity16 = (task: ScsiTask, nexus: Nexus): void => {
  const { bdev } = nexus.unit
  const data = task.parameterData
  data.fill(0, 0, 32)
  data.writeBigUInt64BE(BigInt(bdev.blockCount - 1), 0)
  data.writeUInt32BE(bdev.blockSize, 8)
  data[13] = physicalBlockExponent(bdev.blockSize, bdev.physicalBlockSize)
  task.sendParameters(32, task.cdb.readUInt32BE(10))
}

/**
 * SERVICE ACTION IN(16). An unknown service action is 5/20/00, as tgt and SPDK answer: initiators take that for "not
 * there", and 5/24/00 for a mistake of theirs.
 */
export const serviceActionIn16 = (task: ScsiTask, nexus: Nexus): void => {
  if ((task.cdb.readUInt8(1) & 0x1f) === ServiceActionIn16.readCapacity16) readCapacity16(task, nexus)
  else task.checkCondition(SenseKey.illegalRequest, SenseCode.invalidCommandOperationCode)
}
