/**
 * The parameter list of MODE SELECT (SPC-4 6.9, 7.5): header, block descriptor, pages. It is read wholly before
 * anything changes. What an initiator sends here is not trusted: every length is checked before it is used.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
import { SenseCode } from "../sense-codes.ts"
import type { ModePageChange, ModeValues } from "./ModeValues.ts"
import { type ModePage, modePageHeaderLength, modePagesOf } from "./mode-pages.ts"

/** What is wrong with a list: the additional sense code, and where. */
export interface ModeSelectProblem {
  readonly code: number
  /** Byte of the list; -1 none. */
  readonly byte: number
  /** Top bit of the field; -1 none. */
  readonly bit: number
}

/** The unit that the list is for. */
export interface ModeSelectUnit {
  readonly bdev: Bdev
  readonly modeValues: ModeValues
}

/** The changes that a list asks for, in its order, or what is wrong with it. */
export type ModeSelectResult = { readonly changes: ReadonlyArray<ModePageChange> } | ModeSelectProblem

const tooShort: ModeSelectProblem = { code: SenseCode.parameterListLengthError, byte: -1, bit: -1 }

const invalid = (byte: number, bit = -1): ModeSelectProblem => ({
  code: SenseCode.invalidFieldInParameterList,
  byte,
  bit
})

/** A block count of 0 or all ones says: as it is. */
const isSameCount = (count: bigint, ones: bigint, bdev: Bdev): boolean =>
  count === 0n || count === ones || count === BigInt(bdev.blockCount)

/** The descriptor must say what the disk has: its size is not for initiators to change. */
const checkDescriptor = (list: Buffer, at: number, long: boolean, bdev: Bdev): ModeSelectProblem | undefined => {
  const count = long ? list.readBigUInt64BE(at) : BigInt(list.readUInt32BE(at))
  const ones = long ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn
  if (!isSameCount(count, ones, bdev)) return invalid(at, 7)
  const sizeAt = long ? at + 12 : at + 5
  const size = long ? list.readUInt32BE(sizeAt) : list.readUIntBE(sizeAt, 3)
  return size === bdev.blockSize ? undefined : invalid(sizeAt, 7)
}

/** Where the pages begin, or what is wrong before them. `header` is 4 bytes for MODE SELECT(6), 8 for (10). */
const readHeader = (list: Buffer, header: 4 | 8, bdev: Bdev): number | ModeSelectProblem => {
  if (list.length < header) return tooShort
  const typeAt = header === 4 ? 1 : 2
  if (list[typeAt] !== 0) return invalid(typeAt, 7)
  const long = header === 8 && ((list[4] ?? 0) & 0x01) !== 0
  const lengthAt = header === 4 ? 3 : 6
  const length = header === 4 ? list.readUInt8(lengthAt) : list.readUInt16BE(lengthAt)
  if (length === 0) return header
  if (length !== (long ? 16 : 8)) return invalid(lengthAt, 7)
  if (list.length < header + length) return tooShort
  return checkDescriptor(list, header, long, bdev) ?? header + length
}

/** The page that begins at `at`: at least its header is there, and its length right. */
const findPage = (list: Buffer, at: number, bdev: Bdev): ModePage | ModeSelectProblem => {
  const first = list.readUInt8(at)
  const hasSubpage = (first & 0x40) !== 0
  if (list.length < at + (hasSubpage ? 4 : 2)) return tooShort
  const subpage = hasSubpage ? list.readUInt8(at + 1) : 0
  const page = modePagesOf(bdev).find((each) => each.code === (first & 0x3f) && each.subpage === subpage)
  if (page === undefined || (hasSubpage && subpage === 0)) return invalid(at, 5)
  const length = hasSubpage ? list.readUInt16BE(at + 2) : list.readUInt8(at + 1)
  if (length !== page.length - modePageHeaderLength(page)) return invalid(hasSubpage ? at + 2 : at + 1, 7)
  return list.length < at + page.length ? tooShort : page
}

/** The first bit that is another but cannot be. */
const checkChange = (
  list: Buffer,
  at: number,
  page: ModePage,
  { bdev, modeValues }: ModeSelectUnit
): ModeSelectProblem | undefined => {
  const before = modeValues.current(page, bdev)
  const changeable = page.changeable(bdev)
  for (let byte = modePageHeaderLength(page); byte < page.length; byte++) {
    const changed = (list[at + byte] ?? 0) ^ (before[byte] ?? 0)
    const wrong = changed & ~(changeable.get(byte) ?? 0)
    if (wrong !== 0) return invalid(at + byte, 31 - Math.clz32(wrong))
  }
  return undefined
}

/** Reads a list. `headerLength` is 4 bytes for MODE SELECT(6) and 8 for MODE SELECT(10). */
export const readModeSelect = (list: Buffer, headerLength: 4 | 8, unit: ModeSelectUnit): ModeSelectResult => {
  const begin = readHeader(list, headerLength, unit.bdev)
  if (typeof begin !== "number") return begin
  /** By page, as the last of several counts. */
  const changes = new Map<ModePage, ModePageChange>()
  for (let at = begin; at < list.length; ) {
    const page = findPage(list, at, unit.bdev)
    if ("byte" in page) return page
    const before = unit.modeValues.current(page, unit.bdev)
    const problem = checkChange(list, at, page, unit)
    if (problem !== undefined) return problem
    const bytes = Buffer.from(list.subarray(at, at + page.length))
    // A page that says what is so already changes nothing, and nobody is told.
    const header = modePageHeaderLength(page)
    if (bytes.subarray(header).equals(before.subarray(header))) changes.delete(page)
    else changes.set(page, { page, bytes })
    at += page.length
  }
  return { changes: [...changes.values()] }
}
