/**
 * MODE SENSE(6) and (10) (SPC-4 6.11, 6.12): the caching, control and informational exceptions pages. Nothing in them
 * can be changed, so that the changeable values are zeros and the default ones the current ones; saved ones there are
 * none.
 */

import type { Bdev } from "../../bdev/Bdev.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

const allPages = 0x3f
const allSubpages = 0xff

/** PAGE CONTROL values (SPC-4 table 164). */
const changeableValues = 1
const savedValues = 3

/** Page code, length of the whole page, and its current values; bytes that are not written are zero. */
interface ModePage {
  readonly code: number
  readonly length: number
  readonly write: (target: Buffer, at: number, bdev: Bdev) => void
}

/** Ascending, as 3Fh gives them. */
const pages: ReadonlyArray<ModePage> = [
  {
    // Caching (SBC-3 6.5.5): WCE says the truth, so that hosts flush where it matters and only there.
    code: 0x08,
    length: 20,
    write: (target, at, bdev) => {
      target[at + 2] = bdev.writeCache ? 0x04 : 0x00
    }
  },
  {
    // Control (SPC-4 7.5.8): queue algorithm modifier 1h, commands may be reordered; SWP only by the device.
    code: 0x0a,
    length: 12,
    write: (target, at) => {
      target[at + 3] = 0x10
    }
  },
  {
    // Informational exceptions control (SBC-3 6.5.8): DEXCPT, there are none to report.
    code: 0x1c,
    length: 12,
    write: (target, at) => {
      target[at + 2] = 0x08
    }
  }
]

/** DEVICE-SPECIFIC PARAMETER (SBC-3 6.5.1): WP and DPOFUA. */
const deviceSpecific = (nexus: Nexus): number => (nexus.writeProtected ? 0x80 : 0) | 0x10

/** 8 bytes (SBC-3 6.5.2.2); a disk with more blocks than fit says FFFFFFFFh. */
const writeShortDescriptor = (data: Buffer, at: number, bdev: Bdev): number => {
  data.writeUInt32BE(Math.min(bdev.blockCount, 0xffffffff), at)
  data.writeUInt32BE(bdev.blockSize, at + 4)
  return at + 8
}

/** 16 bytes (SBC-3 6.5.2.3). */
const writeLongDescriptor = (data: Buffer, at: number, bdev: Bdev): number => {
  data.writeBigUInt64BE(BigInt(bdev.blockCount), at)
  data.writeUInt32BE(bdev.blockSize, at + 12)
  return at + 16
}

/** The pages asked for, written from `at`; the end, or undefined when the unit has no such page or subpage. */
const writePages = (task: ScsiTask, at: number, bdev: Bdev): number | undefined => {
  const control = task.cdb.readUInt8(2) >> 6
  const code = task.cdb.readUInt8(2) & 0x3f
  const subpage = task.cdb.readUInt8(3)
  if (subpage !== 0 && subpage !== allSubpages) return undefined
  const data = task.parameterData
  let end = at
  for (const page of pages) {
    if (code !== page.code && code !== allPages) continue
    data[end] = page.code
    data[end + 1] = page.length - 2
    if (control !== changeableValues) page.write(data, end, bdev)
    end += page.length
  }
  return end > at ? end : undefined
}

/** False when the task has been ended: saved values, or a page that is not there. */
const finish = (task: ScsiTask, end: number | undefined): end is number => {
  if (end !== undefined) return true
  const known = pages.some((page) => page.code === (task.cdb.readUInt8(2) & 0x3f))
  task.invalidField(known ? 3 : 2, known ? 7 : 5)
  return false
}

const refusesSaved = (task: ScsiTask): boolean => {
  if (task.cdb.readUInt8(2) >> 6 !== savedValues) return false
  task.checkCondition(SenseKey.illegalRequest, SenseCode.savingParametersNotSupported)
  return true
}

const disablesDescriptors = (cdb: Buffer): boolean => (cdb.readUInt8(1) & 0x08) !== 0

/** 4-byte header, short block descriptor unless DBD, pages. */
export const modeSense6 = (task: ScsiTask, nexus: Nexus): void => {
  if (refusesSaved(task)) return
  const { bdev } = nexus.unit
  const data = task.parameterData
  data.fill(0)
  const headerEnd = 4
  const descriptorEnd = disablesDescriptors(task.cdb) ? headerEnd : writeShortDescriptor(data, headerEnd, bdev)
  const end = writePages(task, descriptorEnd, bdev)
  if (!finish(task, end)) return
  data[0] = end - 1
  data[2] = deviceSpecific(nexus)
  data[3] = descriptorEnd - headerEnd
  task.sendParameters(end, task.cdb.readUInt8(4))
}

/** 8-byte header, short or (LLBAA) long block descriptor unless DBD, pages. */
export const modeSense10 = (task: ScsiTask, nexus: Nexus): void => {
  if (refusesSaved(task)) return
  const { bdev } = nexus.unit
  const data = task.parameterData
  data.fill(0)
  const headerEnd = 8
  const long = (task.cdb.readUInt8(1) & 0x10) !== 0
  let descriptorEnd = headerEnd
  if (!disablesDescriptors(task.cdb)) {
    descriptorEnd = long ? writeLongDescriptor(data, headerEnd, bdev) : writeShortDescriptor(data, headerEnd, bdev)
  }
  const end = writePages(task, descriptorEnd, bdev)
  if (!finish(task, end)) return
  data.writeUInt16BE(end - 2, 0)
  data[3] = deviceSpecific(nexus)
  data[4] = long && descriptorEnd > headerEnd ? 0x01 : 0x00
  data.writeUInt16BE(descriptorEnd - headerEnd, 6)
  task.sendParameters(end, task.cdb.readUInt16BE(7))
}

/** MODE SENSE. */
export const modeSenseCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "MODE SENSE(6)",
    opcode: 0x1a,
    usage: "1a 08 ff ff ff 00",
    clause: "SPC-4 6.13",
    prepare: modeSense6,
    reservation: "read",
    usesMedium: false
  },
  {
    name: "MODE SENSE(10)",
    opcode: 0x5a,
    usage: "5a 18 ff ff 000000 ffff 00",
    clause: "SPC-4 6.14",
    prepare: modeSense10,
    reservation: "read",
    usesMedium: false
  }
]
