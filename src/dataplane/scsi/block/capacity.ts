/** READ CAPACITY(10) and (16) (SBC-3 5.15, 5.16). */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"

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

/** LBPME and LBPRZ: blocks can be unmapped, and read as zeros then. */
const thinFlags = 0xc0

/** 32 bytes: no protection information (PROT_EN), block 0 aligned. */
export const readCapacity16 = (task: ScsiTask, nexus: Nexus): void => {
  const { bdev } = nexus.unit
  const data = task.parameterData
  data.fill(0, 0, 32)
  data.writeBigUInt64BE(BigInt(bdev.blockCount - 1), 0)
  data.writeUInt32BE(bdev.blockSize, 8)
  data[13] = physicalBlockExponent(bdev.blockSize, bdev.physicalBlockSize)
  if (bdev.thin) data[14] = thinFlags
  task.sendParameters(32, task.cdb.readUInt32BE(10))
}

/** READ CAPACITY. */
export const capacityCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "READ CAPACITY(10)",
    opcode: 0x25,
    usage: "25 00 ffffffff 0000 01 00",
    clause: "SBC-3 5.15",
    prepare: readCapacity10,
    reservation: "allowed",
    usesMedium: false,
    needsMedium: true,
    whileSanitizing: true
  },
  {
    name: "READ CAPACITY(16)",
    opcode: 0x9e,
    serviceAction: 0x10,
    usage: "9e 10 0000000000000000 ffffffff 00 00",
    clause: "SBC-3 5.16",
    prepare: readCapacity16,
    reservation: "allowed",
    usesMedium: false,
    needsMedium: true,
    whileSanitizing: true
  }
]
