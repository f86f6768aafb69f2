/** SCSI Command, SCSI Response, Data-In, Data-Out and R2T, RFC 7143 sections 11.3, 11.4, 11.7 and 11.8. */
import { beginHeader, bhsAt, put32, putSequenceNumbers } from "./bhs.ts"
import { TargetOpcode } from "./opcodes.ts"

/** Flags of a SCSI Command. */
export const CommandFlag = { Final: 0x80, Read: 0x40, Write: 0x20, AttributeMask: 0x07 } as const

/** Flags of a SCSI Response, and of a Data-In with status. */
export const ResponseFlag = { Overflow: 0x04, Underflow: 0x02, DataInStatus: 0x01 } as const

const at = {
  expectedDataTransferLength: 20,
  cdb: 32,
  response: 2,
  status: 3,
  snackTag: 20,
  expDataSn: 36,
  dataSn: 36,
  bufferOffset: 40,
  residualCount: 44,
  r2tSn: 36,
  desiredDataTransferLength: 44
} as const

/** Length of the CDB in the header, in bytes. */
const cdbBytes = 16

/** Copies the CDB of a SCSI Command to the start of `cdb`. For so few bytes `copy` would take four times as long. */
export const copyCdb = (b: Buffer, o: number, cdb: Buffer): void => {
  for (let i = 0; i < cdbBytes; i++) cdb[i] = b[o + at.cdb + i] ?? 0
}

/** Expected data transfer length of a SCSI Command, in bytes. */
export const expectedDataTransferLengthOf = (b: Buffer, o: number): number =>
  b.readUInt32BE(o + at.expectedDataTransferLength)

/** Whether a SCSI Command announces data in both directions (RFC 7143 section 11.3.1). */
export const isBidirectional = (b: Buffer, o: number): boolean => {
  const both = CommandFlag.Read | CommandFlag.Write
  return ((b[o + 1] ?? 0) & both) === both && expectedDataTransferLengthOf(b, o) > 0
}

const variableLengthOpcode = 0x7f

/** Whether the CDB of a SCSI Command is one that may go on in an additional header (SPC-4 4.2.5.3). */
export const isVariableLength = (b: Buffer, o: number): boolean => b[o + at.cdb] === variableLengthOpcode

/** Buffer offset of a Data-Out, in bytes. */
export const bufferOffsetOf = (b: Buffer, o: number): number => b.readUInt32BE(o + at.bufferOffset)
/** DataSN of a Data-Out. */
export const dataSnOf = (b: Buffer, o: number): number => b.readUInt32BE(o + at.dataSn)

/** Writes the header of a Data-In without status. */
export const writeDataIn = (
  b: Buffer,
  o: number,
  flags: number,
  dataBytes: number,
  initiatorTaskTag: number,
  expCmdSn: number,
  maxCmdSn: number,
  dataSn: number,
  bufferOffset: number
): void => {
  beginHeader(b, o, TargetOpcode.DataIn, flags, dataBytes)
  put32(b, o + bhsAt.initiatorTaskTag, initiatorTaskTag)
  put32(b, o + bhsAt.targetTransferTag, 0xff_ff_ff_ff)
  put32(b, o + bhsAt.expectedSequenceNumber, expCmdSn)
  put32(b, o + bhsAt.maxCmdSn, maxCmdSn)
  put32(b, o + at.dataSn, dataSn)
  put32(b, o + at.bufferOffset, bufferOffset)
}

/** Turns the last Data-In of a command into one that carries its status (phase collapse). */
export const addDataInStatus = (b: Buffer, o: number, status: number, statSn: number, residualCount: number): void => {
  b[o + at.status] = status
  put32(b, o + bhsAt.sequenceNumber, statSn)
  put32(b, o + at.residualCount, residualCount)
}

/** Writes the header of a SCSI Response. `residualFlags` is 0, Overflow or Underflow. */
export const writeScsiResponse = (
  b: Buffer,
  o: number,
  status: number,
  residualFlags: number,
  residualCount: number,
  initiatorTaskTag: number,
  statSn: number,
  expCmdSn: number,
  maxCmdSn: number,
  dataInCount: number,
  senseBytes: number
): void => {
  beginHeader(b, o, TargetOpcode.ScsiResponse, 0x80 | residualFlags, senseBytes === 0 ? 0 : senseBytes + 2)
  b[o + at.status] = status
  put32(b, o + bhsAt.initiatorTaskTag, initiatorTaskTag)
  putSequenceNumbers(b, o, statSn, expCmdSn, maxCmdSn)
  put32(b, o + at.expDataSn, dataInCount)
  put32(b, o + at.residualCount, residualCount)
}

/**
 * Writes an R2T, which asks for `desiredBytes` from `bufferOffset` on. StatSN is the next one, and is not used up.
 * `lun` is the first two bytes of the command's LUN field; the others are zero for every unit that exists.
 */
export const writeR2t = (
  b: Buffer,
  o: number,
  lun: number,
  initiatorTaskTag: number,
  targetTransferTag: number,
  statSn: number,
  expCmdSn: number,
  maxCmdSn: number,
  r2tSn: number,
  bufferOffset: number,
  desiredBytes: number
): void => {
  beginHeader(b, o, TargetOpcode.R2t, 0x80, 0)
  b[o + bhsAt.lun] = lun >>> 8
  b[o + bhsAt.lun + 1] = lun & 0xff
  put32(b, o + bhsAt.initiatorTaskTag, initiatorTaskTag)
  put32(b, o + bhsAt.targetTransferTag, targetTransferTag)
  putSequenceNumbers(b, o, statSn, expCmdSn, maxCmdSn)
  put32(b, o + at.r2tSn, r2tSn)
  put32(b, o + at.bufferOffset, bufferOffset)
  put32(b, o + at.desiredDataTransferLength, desiredBytes)
}
