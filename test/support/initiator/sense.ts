/** SCSI status codes and sense data in fixed and descriptor format (SAM-5 section 5.3, SPC-4 section 4.5). */

/** SCSI status codes that the tests name. */
export const Status = {
  good: 0x00,
  checkCondition: 0x02,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28
} as const

/** Sense key, additional sense code and its qualifier. */
export interface Sense {
  readonly key: number
  readonly asc: number
  readonly ascq: number
  /** INFORMATION of fixed-format sense data, where it is valid. */
  readonly information?: number
}

/** `5/25/00`: key, ASC and ASCQ in hexadecimal, as this project's documents write it. */
export const senseText = (sense: Sense): string => {
  const hex = (value: number) => value.toString(16).padStart(2, "0")
  return `${sense.key.toString(16)}/${hex(sense.asc)}/${hex(sense.ascq)}`
}

/** Sense data proper, without iSCSI's length in front. */
export const parseSense = (bytes: Buffer): Sense | undefined => {
  const format = (bytes[0] ?? 0) & 0x7f
  if (format === 0x70 || format === 0x71) {
    const information = ((bytes[0] ?? 0) & 0x80) === 0 ? {} : { information: bytes.readUInt32BE(3) }
    return { key: (bytes[2] ?? 0) & 0x0f, asc: bytes[12] ?? 0, ascq: bytes[13] ?? 0, ...information }
  }
  if (format === 0x72 || format === 0x73) {
    return { key: (bytes[1] ?? 0) & 0x0f, asc: bytes[2] ?? 0, ascq: bytes[3] ?? 0 }
  }
  return undefined
}

/** The data segment of a SCSI Response: a 2-byte length, then the sense data (RFC 7143 section 11.4.7.2). */
export const parseSenseSegment = (data: Buffer): Sense | undefined => {
  if (data.length < 2) return undefined
  return parseSense(data.subarray(2, 2 + data.readUInt16BE(0)))
}
