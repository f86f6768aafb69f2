/**
 * MODE SENSE(6) and (10) (SPC-4 6.13, 6.14): header, block descriptor and the pages of `mode-pages.ts`. There are no
 * saved values.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { LogicalUnit } from "../LogicalUnit.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { type ModePage, modePagesOf, writeModePageHeader } from "./mode-pages.ts"

const allPages = 0x3f
const allSubpages = 0xff

/** PAGE CONTROL values (SPC-4 table 164). */
const changeableValues = 1
const defaultValues = 2
const savedValues = 3

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

/** The pages that a PAGE CODE and SUBPAGE CODE ask for (SPC-4 table 165); none: there is no such page. */
const pagesOf = (code: number, subpage: number, bdev: Bdev): ReadonlyArray<ModePage> => {
  if (code === allPages && subpage !== 0 && subpage !== allSubpages) return []
  return modePagesOf(bdev).filter(
    (page) => (code === allPages || page.code === code) && (subpage === allSubpages || page.subpage === subpage)
  )
}

const writePage = (data: Buffer, at: number, page: ModePage, pageControl: number, unit: LogicalUnit): void => {
  if (pageControl === changeableValues) {
    writeModePageHeader(page, data, at)
    for (const [byte, mask] of page.changeable(unit.bdev)) data[at + byte] = mask
    return
  }
  const { bdev, modeValues } = unit
  const values = pageControl === defaultValues ? modeValues.defaults(page, bdev) : modeValues.current(page, bdev)
  values.copy(data, at)
}

/** The pages asked for, written from `at`; their end, or undefined when the task has been ended. */
const writePages = (task: ScsiTask, at: number, unit: LogicalUnit): number | undefined => {
  const pageControl = task.cdb.readUInt8(2) >> 6
  const code = task.cdb.readUInt8(2) & 0x3f
  if (pageControl === savedValues) {
    task.checkCondition(SenseKey.illegalRequest, SenseCode.savingParametersNotSupported)
    return undefined
  }
  const asked = pagesOf(code, task.cdb.readUInt8(3), unit.bdev)
  if (asked.length === 0) {
    const known = code === allPages || modePagesOf(unit.bdev).some((page) => page.code === code)
    task.invalidField(known ? 3 : 2, known ? 7 : 5)
    return undefined
  }
  let end = at
  for (const page of asked) {
    writePage(task.parameterData, end, page, pageControl, unit)
    end += page.length
  }
  return end
}

const disablesDescriptors = (cdb: Buffer): boolean => (cdb.readUInt8(1) & 0x08) !== 0

/** 4-byte header, short block descriptor unless DBD, pages. */
const modeSense6 = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const data = task.parameterData
  data.fill(0)
  const headerEnd = 4
  const descriptorEnd = disablesDescriptors(task.cdb) ? headerEnd : writeShortDescriptor(data, headerEnd, unit.bdev)
  const end = writePages(task, descriptorEnd, unit)
  if (end === undefined) return
  data[0] = end - 1
  data[2] = deviceSpecific(nexus)
  data[3] = descriptorEnd - headerEnd
  task.sendParameters(end, task.cdb.readUInt8(4))
}

/** 8-byte header, short or (LLBAA) long block descriptor unless DBD, pages. */
const modeSense10 = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const data = task.parameterData
  data.fill(0)
  const headerEnd = 8
  const long = (task.cdb.readUInt8(1) & 0x10) !== 0
  let descriptorEnd = headerEnd
  if (!disablesDescriptors(task.cdb)) {
    const write = long ? writeLongDescriptor : writeShortDescriptor
    descriptorEnd = write(data, headerEnd, unit.bdev)
  }
  const end = writePages(task, descriptorEnd, unit)
  if (end === undefined) return
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
    usesMedium: false,
    whileSanitizing: true
  },
  {
    name: "MODE SENSE(10)",
    opcode: 0x5a,
    usage: "5a 18 ff ff 000000 ffff 00",
    clause: "SPC-4 6.14",
    prepare: modeSense10,
    reservation: "read",
    usesMedium: false,
    whileSanitizing: true
  }
]
