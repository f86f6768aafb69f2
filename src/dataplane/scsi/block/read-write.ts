/**
 * READ and WRITE of 10, 12 and 16 bytes (SBC-3 5.11 to 5.13, 5.33 to 5.35), and of 6, which SBC-3 has no more (SBC-2
 * 5.5, 5.24). The hot path: fields are read in place, nothing is allocated.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import { ScsiAction, type ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { fuaMask, inRange, lba16, protectMask } from "./block-range.ts"

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

/** 21 bits of LBA; a length of 0 means 256 blocks; no flags (SBC-2 5.5). */
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

/** READ(6), SBC-2 5.5. */
export const read6 = (task: ScsiTask, nexus: Nexus): void => transfer6(task, nexus, ScsiAction.read)
/** READ(10), SBC-3 5.11. */
export const read10 = (task: ScsiTask, nexus: Nexus): void => transfer10(task, nexus, ScsiAction.read)
/** READ(12), SBC-3 5.12. */
const read12 = (task: ScsiTask, nexus: Nexus): void => transfer12(task, nexus, ScsiAction.read)
/** READ(16), SBC-3 5.13. */
export const read16 = (task: ScsiTask, nexus: Nexus): void => transfer16(task, nexus, ScsiAction.read)
/** WRITE(6), SBC-2 5.24. */
const write6 = (task: ScsiTask, nexus: Nexus): void => transfer6(task, nexus, ScsiAction.write)
/** WRITE(10), SBC-3 5.33. */
export const write10 = (task: ScsiTask, nexus: Nexus): void => transfer10(task, nexus, ScsiAction.write)
/** WRITE(12), SBC-3 5.34. */
const write12 = (task: ScsiTask, nexus: Nexus): void => transfer12(task, nexus, ScsiAction.write)
/** WRITE(16), SBC-3 5.35. */
export const write16 = (task: ScsiTask, nexus: Nexus): void => transfer16(task, nexus, ScsiAction.write)

/** READ and WRITE. */
export const readWriteCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "READ(6)",
    opcode: 0x08,
    usage: "08 1f ff ff ff 00",
    clause: "SBC-2 5.5",
    prepare: read6,
    reservation: "read",
    usesMedium: true
  },
  {
    name: "WRITE(6)",
    opcode: 0x0a,
    usage: "0a 1f ff ff ff 00",
    clause: "SBC-2 5.24",
    prepare: write6,
    reservation: "write",
    usesMedium: true
  },
  {
    name: "READ(10)",
    opcode: 0x28,
    usage: "28 18 ffffffff 00 ffff 00",
    clause: "SBC-3 5.11",
    prepare: read10,
    reservation: "read",
    usesMedium: true
  },
  {
    name: "WRITE(10)",
    opcode: 0x2a,
    usage: "2a 18 ffffffff 00 ffff 00",
    clause: "SBC-3 5.33",
    prepare: write10,
    reservation: "write",
    usesMedium: true
  },
  {
    name: "READ(16)",
    opcode: 0x88,
    usage: "88 18 ffffffffffffffff ffffffff 00 00",
    clause: "SBC-3 5.13",
    prepare: read16,
    reservation: "read",
    usesMedium: true
  },
  {
    name: "WRITE(16)",
    opcode: 0x8a,
    usage: "8a 18 ffffffffffffffff ffffffff 00 00",
    clause: "SBC-3 5.35",
    prepare: write16,
    reservation: "write",
    usesMedium: true
  },
  {
    name: "READ(12)",
    opcode: 0xa8,
    usage: "a8 18 ffffffff ffffffff 00 00",
    clause: "SBC-3 5.12",
    prepare: read12,
    reservation: "read",
    usesMedium: true
  },
  {
    name: "WRITE(12)",
    opcode: 0xaa,
    usage: "aa 18 ffffffff ffffffff 00 00",
    clause: "SBC-3 5.34",
    prepare: write12,
    reservation: "write",
    usesMedium: true
  }
]
