/**
 * One recorded PDU as bytes, and many one after the other. All numbers are little-endian:
 *
 *   0   float64  nanoseconds since the connection was accepted
 *   8   uint32   its number: the first PDU of the connection, either way, is 0
 *   12  uint8    flags, see `CaptureFlag`
 *   13  uint8    0
 *   14  uint16   0
 *   16  uint32   bytes of the data segment that follow the header: its beginning, perhaps nothing
 *   20  uint32   header digest as a number, if there is one and it was right
 *   24  48 bytes basic header segment, as it was on the wire (RFC 7143 section 11.2.1)
 *   72  data, then zeros up to a multiple of 8
 */

/** Bits of an entry's flags. */
export const CaptureFlag = {
  /** By the target; else it was received. */
  sent: 1,
  headerDigest: 2,
  dataDigest: 4,
  /** What has come is not what was sent: the header or the data of this PDU. */
  badHeader: 8,
  badData: 16,
  /** The data is a copy in which values are replaced by X. */
  redacted: 32
} as const

/** Bytes of an entry before its header, and before its data. */
export const captureEntryAt = {
  nanos: 0,
  ordinal: 8,
  flags: 12,
  dataBytes: 16,
  headerDigest: 20,
  header: 24,
  data: 72
} as const

const headerBytes = 48

/** A recorded PDU. */
export interface CaptureEntry {
  /** Since the connection was accepted. */
  readonly nanos: number
  readonly ordinal: number
  /** Of `CaptureFlag`. */
  readonly flags: number
  /** 0 if there is none. */
  readonly headerDigest: number
  /** The basic header segment. */
  readonly header: Uint8Array
  /** The beginning of the data segment. */
  readonly data: Uint8Array
}

/** Length of an entry with so many bytes of data, in bytes. */
export const captureEntryBytes = (dataBytes: number): number => captureEntryAt.data + Math.ceil(dataBytes / 8) * 8

/** Writes an entry at `at`, where `captureEntryBytes` are free and zero. */
export const writeCaptureEntry = (into: Uint8Array, at: number, entry: CaptureEntry): void => {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
  view.setFloat64(at + captureEntryAt.nanos, entry.nanos, true)
  view.setUint32(at + captureEntryAt.ordinal, entry.ordinal, true)
  view.setUint8(at + captureEntryAt.flags, entry.flags)
  view.setUint32(at + captureEntryAt.dataBytes, entry.data.length, true)
  view.setUint32(at + captureEntryAt.headerDigest, entry.headerDigest, true)
  into.set(entry.header, at + captureEntryAt.header)
  into.set(entry.data, at + captureEntryAt.data)
}

/** The entries, as views of the bytes. What does not end with a whole entry is read up to there. */
export const captureEntries = (bytes: Uint8Array): ReadonlyArray<CaptureEntry> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Array<CaptureEntry> = []
  let at = 0
  while (at + captureEntryAt.data <= bytes.length) {
    const dataBytes = view.getUint32(at + captureEntryAt.dataBytes, true)
    const end = at + captureEntryBytes(dataBytes)
    if (end > bytes.length) break
    const headerAt = at + captureEntryAt.header
    const dataAt = at + captureEntryAt.data
    entries.push({
      nanos: view.getFloat64(at + captureEntryAt.nanos, true),
      ordinal: view.getUint32(at + captureEntryAt.ordinal, true),
      flags: view.getUint8(at + captureEntryAt.flags),
      headerDigest: view.getUint32(at + captureEntryAt.headerDigest, true),
      header: bytes.subarray(headerAt, headerAt + headerBytes),
      data: bytes.subarray(dataAt, dataAt + dataBytes)
    })
    at = end
  }
  return entries
}
