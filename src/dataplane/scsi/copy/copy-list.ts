/**
 * The parameter list of EXTENDED COPY(LID1) (SPC-4 6.5): a header, CSCD descriptors that say which disks, and segment
 * descriptors that say which blocks. Only what a copy from disk to disk needs is there: CSCD descriptors of type E4h
 * (identification) and segments of type 02h (block device to block device).
 *
 * | byte  | header                                                    |
 * | ----- | --------------------------------------------------------- |
 * | 0     | LIST IDENTIFIER                                           |
 * | 1     | STR (bit 5), LIST ID USAGE (bits 4-3), PRIORITY           |
 * | 2-3   | CSCD DESCRIPTOR LIST LENGTH                               |
 * | 8-11  | SEGMENT DESCRIPTOR LIST LENGTH                            |
 * | 12-15 | INLINE DATA LENGTH                                        |
 *
 * | byte  | CSCD descriptor E4h                                       |
 * | ----- | --------------------------------------------------------- |
 * | 1     | peripheral device type (bits 4-0)                         |
 * | 4     | CODE SET (bits 3-0)                                       |
 * | 5     | ASSOCIATION (bits 5-4), DESIGNATOR TYPE (bits 3-0)        |
 * | 7     | DESIGNATOR LENGTH                                         |
 * | 8-27  | DESIGNATOR                                                |
 * | 29-31 | DISK BLOCK LENGTH                                         |
 *
 * | byte  | segment descriptor 02h                                    |
 * | ----- | --------------------------------------------------------- |
 * | 1     | DC (bit 1), CAT (bit 0)                                   |
 * | 2-3   | DESCRIPTOR LENGTH, 0018h                                  |
 * | 4-5   | source CSCD descriptor id                                 |
 * | 6-7   | destination CSCD descriptor id                            |
 * | 10-11 | BLOCK DEVICE NUMBER OF BLOCKS                             |
 * | 12-19 | source LBA                                                |
 * | 20-27 | destination LBA                                           |
 */
import { SenseCode } from "../sense-codes.ts"
import {
  cscdDescriptorBytes,
  cscdDescriptorsMax,
  descriptorListBytesMax,
  listHeaderBytes,
  segmentDescriptorBytes,
  segmentDescriptorsMax
} from "./copy-limits.ts"

/** LIST ID USAGE (SPC-4 6.4.3.2): what happens to results, and whether the list identifier means anything. */
export const ListIdUsage = {
  /** Results are kept until they are asked for. */
  hold: 0,
  reserved: 1,
  /** Results need not be kept. */
  discard: 2,
  /** There is no list identifier. */
  none: 3
} as const

/** A disk that is copied from or to. */
export interface CscdDescriptor {
  readonly peripheralDeviceType: number
  readonly codeSet: number
  /** 0: of the logical unit. */
  readonly association: number
  readonly designatorType: number
  readonly designator: Buffer
  /** Bytes of a logical block, as the initiator believes. */
  readonly blockLength: number
  /** Where the descriptor begins in the list. */
  readonly listByte: number
}

/** Blocks that are to be copied. Addresses beyond 2^53 are rounded to others that no disk has either. */
export interface CopySegment {
  /** Indexes of CSCD descriptors, as they came. */
  readonly source: number
  readonly destination: number
  /** DC: `blocks` counts blocks of the destination. */
  readonly countsDestinationBlocks: boolean
  readonly blocks: number
  readonly sourceLba: number
  readonly destinationLba: number
}

/** A list that can be carried out, as far as the list alone decides that. */
export interface CopyList {
  readonly _tag: "CopyList"
  readonly listIdentifier: number
  /** See `ListIdUsage`. */
  readonly listIdUsage: number
  readonly cscds: ReadonlyArray<CscdDescriptor>
  readonly segments: ReadonlyArray<CopySegment>
}

/** A list that is refused with ILLEGAL REQUEST. */
export interface CopyListError {
  readonly _tag: "CopyListError"
  readonly code: SenseCode
  /** Byte of the list that is wrong, and the top bit of the field in it; -1 none. */
  readonly byte: number
  readonly bit: number
}

const refused = (code: SenseCode, byte = -1, bit = -1): CopyListError => ({ _tag: "CopyListError", code, byte, bit })

const isError = (parsed: object): parsed is CopyListError => "_tag" in parsed && parsed._tag === "CopyListError"

/** Descriptor type code of an identified disk. */
export const cscdType = 0xe4
/** Descriptor type code of a segment from block device to block device. */
export const segmentType = 0x02
const designatorBytesMax = 20

const two32 = 0x1_0000_0000

const addressAt = (list: Buffer, at: number): number => list.readUInt32BE(at) * two32 + list.readUInt32BE(at + 4)

/** A part of the list: the place of its first byte and the one behind its last. */
interface Range {
  readonly start: number
  readonly end: number
}

const parseCscd = (list: Buffer, at: number): CscdDescriptor | CopyListError => {
  if (list.readUInt8(at) !== cscdType) return refused(SenseCode.unsupportedCopyTargetDescriptor, at)
  const length = list.readUInt8(at + 7)
  if (length > designatorBytesMax) return refused(SenseCode.invalidFieldInParameterList, at + 7)
  return {
    peripheralDeviceType: list.readUInt8(at + 1) & 0x1f,
    codeSet: list.readUInt8(at + 4) & 0x0f,
    association: (list.readUInt8(at + 5) >> 4) & 0x03,
    designatorType: list.readUInt8(at + 5) & 0x0f,
    // The list's memory is another command's by the time that this is looked at.
    designator: Buffer.from(list.subarray(at + 8, at + 8 + length)),
    blockLength: list.readUInt32BE(at + 28) & 0xffffff,
    listByte: at
  }
}

const parseCscds = (list: Buffer, { start, end }: Range): ReadonlyArray<CscdDescriptor> | CopyListError => {
  if ((end - start) % cscdDescriptorBytes !== 0) return refused(SenseCode.invalidFieldInParameterList, 2)
  if (end - start > cscdDescriptorsMax * cscdDescriptorBytes) return refused(SenseCode.tooManyCopyTargets, 2)
  const cscds: Array<CscdDescriptor> = []
  for (let at = start; at < end; at += cscdDescriptorBytes) {
    const parsed = parseCscd(list, at)
    if (isError(parsed)) return parsed
    cscds.push(parsed)
  }
  return cscds
}

const parseSegment = (list: Buffer, at: number, end: number): CopySegment | CopyListError => {
  if (list.readUInt8(at) !== segmentType) return refused(SenseCode.unsupportedCopySegment, at)
  if (end - at < segmentDescriptorBytes) return refused(SenseCode.parameterListLengthError)
  if (list.readUInt16BE(at + 2) !== segmentDescriptorBytes - 4) {
    return refused(SenseCode.invalidFieldInParameterList, at + 2)
  }
  return {
    source: list.readUInt16BE(at + 4),
    destination: list.readUInt16BE(at + 6),
    countsDestinationBlocks: (list.readUInt8(at + 1) & 0x02) !== 0,
    blocks: list.readUInt16BE(at + 10),
    sourceLba: addressAt(list, at + 12),
    destinationLba: addressAt(list, at + 20)
  }
}

const parseSegments = (list: Buffer, { start, end }: Range): ReadonlyArray<CopySegment> | CopyListError => {
  const segments: Array<CopySegment> = []
  for (let at = start; at < end; at += segmentDescriptorBytes) {
    if (segments.length === segmentDescriptorsMax) return refused(SenseCode.tooManyCopySegments, 8)
    const parsed = parseSegment(list, at, end)
    if (isError(parsed)) return parsed
    segments.push(parsed)
  }
  return segments
}

const checkListIdentifier = (list: Buffer): CopyListError | undefined => {
  const usage = (list.readUInt8(1) >> 3) & 0x03
  if (usage === ListIdUsage.reserved) return refused(SenseCode.invalidFieldInParameterList, 1, 4)
  if (usage === ListIdUsage.none && list.readUInt8(0) !== 0) return refused(SenseCode.invalidFieldInParameterList, 0)
  return undefined
}

/** Reads a whole parameter list, of whatever bytes; never throws. What comes behind the last descriptor is ignored. */
export const parseCopyList = (list: Buffer): CopyList | CopyListError => {
  if (list.length < listHeaderBytes) return refused(SenseCode.parameterListLengthError)
  const cscdBytes = list.readUInt16BE(2)
  const segmentBytes = list.readUInt32BE(8)
  const inlineBytes = list.readUInt32BE(12)
  const cscdRange = { start: listHeaderBytes, end: listHeaderBytes + cscdBytes }
  const segmentRange = { start: cscdRange.end, end: cscdRange.end + segmentBytes }
  if (cscdBytes + segmentBytes > descriptorListBytesMax || segmentRange.end + inlineBytes > list.length) {
    return refused(SenseCode.parameterListLengthError)
  }
  if (inlineBytes > 0) return refused(SenseCode.inlineDataLengthExceeded, 12)
  const wrongIdentifier = checkListIdentifier(list)
  if (wrongIdentifier !== undefined) return wrongIdentifier
  const cscds = parseCscds(list, cscdRange)
  if (isError(cscds)) return cscds
  const segments = parseSegments(list, segmentRange)
  if (isError(segments)) return segments
  const listIdUsage = (list.readUInt8(1) >> 3) & 0x03
  return { _tag: "CopyList", listIdentifier: list.readUInt8(0), listIdUsage, cscds, segments }
}
