/**
 * TransportIDs of iSCSI initiators (SPC-4 7.6.4.6): how parameter lists and READ FULL STATUS name initiator ports.
 *
 * | byte   | what                                                                                   |
 * | ------ | -------------------------------------------------------------------------------------- |
 * | 0      | TPID FORMAT in bits 7-6: 00b a name, 01b a name and an ISID; protocol identifier 5h    |
 * | 2..3   | ADDITIONAL LENGTH: a multiple of 4, at least 20                                        |
 * | 4..    | `NAME` or `NAME,i,0xISID`, ends in a zero, padded with zeros                           |
 */
import type { Registrant } from "./ReservationsView.ts"

/** An initiator port, or all of a node's. */
export interface TransportId {
  /** iSCSI name. */
  readonly initiator: string
  /** 12 hexadecimal digits; undefined: every port that is known by the name. */
  readonly isid: string | undefined
}

/** Bytes before the name. */
const headerLength = 4
const additionalLengthMin = 20
/** Longest iSCSI name, in bytes of UTF-8 (RFC 7143 section 4.2.7.2). */
const nameBytesMax = 223
const separator = ",i,0x"
const isidDigits = 12
/** Bytes of the longest one. */
export const transportIdBytesMax = headerLength + 244

const iscsiProtocol = 0x05
const isName = (text: string): boolean => /^(?:iqn|eui|naa)\.[^\p{C}\p{Z},]+$/iu.test(text)

/** What was read, and where it ends; or the byte that is wrong. */
export type ReadTransportId = { readonly id: TransportId; readonly end: number } | { readonly wrongByte: number }

const parsePort = (text: string, hasIsid: boolean): TransportId | undefined => {
  const at = hasIsid ? text.indexOf(separator) : text.length
  const isid = text.slice(at + separator.length).toLowerCase()
  const initiator = text.slice(0, Math.max(0, at))
  if (!isName(initiator) || Buffer.byteLength(initiator) > nameBytesMax) return undefined
  if (!hasIsid) return { initiator, isid: undefined }
  return /^[0-9a-f]{1,12}$/u.test(isid) ? { initiator, isid: isid.padStart(isidDigits, "0") } : undefined
}

/** Reads the one at `at`; all of it must be before `limit`. Never throws, whatever the bytes are. */
export const readTransportId = (data: Buffer, at: number, limit: number): ReadTransportId => {
  if (at + headerLength > limit) return { wrongByte: at }
  const format = data.readUInt8(at) >> 6
  if ((data.readUInt8(at) & 0x0f) !== iscsiProtocol || format > 1) return { wrongByte: at }
  const length = data.readUInt16BE(at + 2)
  const end = at + headerLength + length
  if (length < additionalLengthMin || length % 4 !== 0 || end > limit) return { wrongByte: at + 2 }
  const bytes = data.subarray(at + headerLength, end)
  const zero = bytes.indexOf(0)
  // A name that is not UTF-8 comes out with a replacement character, which is in no name that was registered.
  const id = zero < 0 ? undefined : parsePort(bytes.toString("utf8", 0, zero), format === 1)
  return id === undefined ? { wrongByte: at + headerLength } : { id, end }
}

/** Writes the TransportID of an initiator port (format 01b) into zeros; where it ends. */
export const writeTransportId = (data: Buffer, at: number, { initiator, isid }: Registrant): number => {
  const name = `${initiator}${separator}${isid}`
  const bytes = Buffer.byteLength(name) + 1
  const length = Math.max(additionalLengthMin, bytes + ((4 - (bytes % 4)) % 4))
  data[at] = 0x40 | iscsiProtocol
  data.writeUInt16BE(length, at + 2)
  data.write(name, at + headerLength, "utf8")
  return at + headerLength + length
}
