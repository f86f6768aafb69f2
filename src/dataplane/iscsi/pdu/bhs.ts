/**
 * The 48-byte basic header segment that every iSCSI PDU starts with, RFC 7143 section 11.2.1: the fields all share.
 * Readers take the buffer and the header's offset in it, so that nothing is copied; writers fill a zeroed header.
 */

/** Length of the basic header segment in bytes. */
export const bhsBytes = 48

/** Longest additional header segments together, in bytes: the length field is one byte and counts words. */
export const ahsBytesMax = 255 * 4

/** Tag that stands for "none" (initiator and target transfer tags). */
export const reservedTag = 0xff_ff_ff_ff

/** Offsets in the basic header segment, in bytes. */
export const bhsAt = {
  opcode: 0,
  flags: 1,
  totalAhsLength: 4,
  dataSegmentLength: 5,
  lun: 8,
  initiatorTaskTag: 16,
  targetTransferTag: 20,
  /** CmdSN in requests, StatSN in responses. */
  sequenceNumber: 24,
  /** ExpStatSN in requests, ExpCmdSN in responses. */
  expectedSequenceNumber: 28,
  maxCmdSn: 32
} as const

/** Immediate delivery bit of the opcode byte. */
export const immediateBit = 0x40
/** Final bit of the flags byte (Login and Text: transit and final). */
export const finalBit = 0x80

/** Reads the opcode without the immediate bit. */
export const opcodeOf = (b: Buffer, at: number): number => (b[at] ?? 0) & 0x3f
/** Whether the request is marked for immediate delivery. */
export const isImmediate = (b: Buffer, at: number): boolean => ((b[at] ?? 0) & immediateBit) !== 0
/** Reads the flags byte. */
export const flagsOf = (b: Buffer, at: number): number => b[at + bhsAt.flags] ?? 0
/** Length of all additional header segments in bytes (the field counts words). */
export const ahsBytesOf = (b: Buffer, at: number): number => (b[at + bhsAt.totalAhsLength] ?? 0) * 4
/** Length of the data segment in bytes, without padding. */
export const dataSegmentBytesOf = (b: Buffer, at: number): number =>
  ((b[at + bhsAt.dataSegmentLength] ?? 0) << 16) | b.readUInt16BE(at + bhsAt.dataSegmentLength + 1)
/** Reads the initiator task tag. */
export const initiatorTaskTagOf = (b: Buffer, at: number): number => b.readUInt32BE(at + bhsAt.initiatorTaskTag)
/** Reads the target transfer tag. */
export const targetTransferTagOf = (b: Buffer, at: number): number => b.readUInt32BE(at + bhsAt.targetTransferTag)
/** Reads ExpStatSN of a request. */
export const expStatSnOf = (b: Buffer, at: number): number => b.readUInt32BE(at + bhsAt.expectedSequenceNumber)
/** Reads CmdSN of a request. */
export const cmdSnOf = (b: Buffer, at: number): number => b.readUInt32BE(at + bhsAt.sequenceNumber)

/** Bytes that pad a segment of `length` bytes to whole words, RFC 7143 section 11.1. */
export const paddingOf = (length: number): number => -length & 3

/** Zeroes a header and writes opcode, flags and data segment length. */
export const beginHeader = (b: Buffer, at: number, opcode: number, flags: number, dataBytes: number): void => {
  for (let i = at; i < at + bhsBytes; i++) b[i] = 0
  b[at] = opcode
  b[at + bhsAt.flags] = flags
  b[at + bhsAt.dataSegmentLength] = dataBytes >>> 16
  b[at + bhsAt.dataSegmentLength + 1] = (dataBytes >>> 8) & 0xff
  b[at + bhsAt.dataSegmentLength + 2] = dataBytes & 0xff
}

/** Writes a 32-bit field, big-endian; `value` may be any integer and is taken modulo 2^32. */
export const put32 = (b: Buffer, at: number, value: number): void => {
  b[at] = value >>> 24
  b[at + 1] = (value >>> 16) & 0xff
  b[at + 2] = (value >>> 8) & 0xff
  b[at + 3] = value & 0xff
}

/** Writes StatSN, ExpCmdSN and MaxCmdSN, which all responses but Data-In without status carry. */
export const putSequenceNumbers = (b: Buffer, at: number, statSn: number, expCmdSn: number, maxCmdSn: number): void => {
  put32(b, at + bhsAt.sequenceNumber, statSn)
  put32(b, at + bhsAt.expectedSequenceNumber, expCmdSn)
  put32(b, at + bhsAt.maxCmdSn, maxCmdSn)
}
