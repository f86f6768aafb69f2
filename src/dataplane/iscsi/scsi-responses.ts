/**
 * Writes what answers a SCSI command: Data-In with the status in the last one, SCSI Response with sense data, R2T.
 */
import { lentBytesMin, recvDataSegmentBytesMax } from "../limits.ts"
import { ScsiAction } from "../scsi/ScsiTask.ts"
import { ScsiStatus } from "../scsi/scsi-status.ts"
import { encodeSense, senseLengthMax } from "../scsi/sense.ts"
import type { IscsiTask } from "./IscsiTask.ts"
import type { SessionParameters } from "./negotiation.ts"
import { paddingOf } from "./pdu/bhs.ts"
import { addDataInStatus, ResponseFlag, writeDataIn, writeR2t, writeScsiResponse } from "./pdu/scsi.ts"
import type { PduRecorder } from "./recorder/PduRecorder.ts"
import type { Session } from "./Session.ts"
import { addSerial } from "./serial-number.ts"
import type { Transmitter } from "./Transmitter.ts"

/** What responses are written to, and where their numbers come from. */
export interface ResponsePath {
  readonly connection: ResponseConnection
  readonly session: Session
}

/** The connection of such a path. */
export interface ResponseConnection {
  readonly transmitter: Transmitter
  readonly recorder: PduRecorder
  /** What a data segment may hold is declared by each connection for itself. */
  readonly parameters: SessionParameters
  /** StatSN of the next response that carries status. */
  readonly statSn: number
  /** Uses that number up. */
  readonly takeStatSn: () => number
}

/** What the command would transfer, if the initiator had room or data for it, in bytes. */
const transferBytesOf = (task: IscsiTask): number => {
  const { run, scsi } = task
  if (scsi.action === ScsiAction.read || scsi.action === ScsiAction.write) return scsi.byteLength
  if (scsi.action === ScsiAction.parameterIn) return scsi.parameterLength
  return run === undefined ? 0 : run.dataOutLength
}

/** Bytes that the initiator expects to move in the direction of the command, or in any if it has none. */
const expectedBytesOf = (task: IscsiTask): number => {
  const { action } = task.scsi
  const takesData = action === ScsiAction.write || (task.run !== undefined && task.run.dataOutLength > 0)
  const inbound = task.expectsDataIn && !takesData
  const outbound = task.expectsDataOut && action !== ScsiAction.read && action !== ScsiAction.parameterIn
  return inbound || outbound ? task.expectedBytes : 0
}

/** MaxCmdSN as it will be once the command that is being answered has left the window. */
const maxCmdSnAfter = (path: ResponsePath, task: IscsiTask): number => {
  const { maxCmdSn } = path.session
  return task.counted ? addSerial(maxCmdSn, 1) : maxCmdSn
}

/**
 * Sends `length` bytes of `source` (less, if the initiator expects less) as Data-In PDUs, the last of which carries the
 * status. With another status than GOOD, or nothing to send, there is a SCSI Response only. While `lends`, the source
 * stays as it is until `Transmitter.repay`, so that what is large need not be copied.
 */
export const sendDataIn = (
  path: ResponsePath,
  task: IscsiTask,
  source: Buffer,
  sourceStart: number,
  length: number,
  lends = false
): void => {
  const { connection, session } = path
  const { scsi } = task
  const expected = task.expectsDataIn ? task.expectedBytes : 0
  const total = Math.min(length, expected)
  if (scsi.status !== ScsiStatus.good || total === 0) {
    sendScsiResponse(path, task)
    return
  }
  const { recorder, transmitter } = connection
  const { initiatorMaxRecvDataSegmentLength, maxBurstLength } = connection.parameters
  const segmentMax = Math.min(initiatorMaxRecvDataSegmentLength, recvDataSegmentBytesMax)
  const maxCmdSn = maxCmdSnAfter(path, task)
  let sent = 0
  let burst = 0
  for (let dataSn = 0; sent < total; dataSn++) {
    const bytes = Math.min(segmentMax, total - sent, maxBurstLength - burst)
    const isLent = lends && bytes >= lentBytesMin && paddingOf(bytes) === 0 && transmitter.takesLoans
    const at = isLent ? transmitter.beginLoan() : transmitter.beginPdu(bytes)
    const b = transmitter.buffer
    const last = sent + bytes === total
    burst += bytes
    const final = last || burst === maxBurstLength
    let flags = final ? 0x80 : 0
    if (last) {
      flags |= ResponseFlag.DataInStatus
      if (length > expected) flags |= ResponseFlag.Overflow
      else if (length < expected) flags |= ResponseFlag.Underflow
    }
    writeDataIn(b, at, flags, bytes, task.initiatorTaskTag, session.expCmdSn, maxCmdSn, dataSn, sent)
    if (last) addDataInStatus(b, at, scsi.status, connection.takeStatSn(), Math.abs(length - expected))
    const start = sourceStart + sent
    if (isLent) transmitter.lend(at, source, start, start + bytes)
    else {
      source.copy(b, transmitter.dataAt(at), start, start + bytes)
      transmitter.endPdu(at, bytes)
    }
    recorder.sent(b, at)
    recorder.sentData(source, start, start + bytes)
    sent += bytes
    if (final) burst = 0
  }
}

/** Sense data with their length before them, as they go into the data segment (RFC 7143 11.4.7); reused. */
const senseSegment = Buffer.alloc(2 + senseLengthMax)

/** Fills `senseSegment`, in the format that the unit's D_SENSE says; its length. */
const writeSenseSegment = ({ mapping, scsi }: IscsiTask): number => {
  const length = encodeSense(scsi, mapping?.unit.modeValues.descriptorSense ?? false, senseSegment, 2)
  senseSegment.writeUInt16BE(length)
  return 2 + length
}

/** Sends a SCSI Response: status, residual, and sense data with CHECK CONDITION. */
export const sendScsiResponse = (path: ResponsePath, task: IscsiTask): void => {
  const { connection, session } = path
  const { scsi } = task
  const check = scsi.status === ScsiStatus.checkCondition
  const expected = expectedBytesOf(task)
  // What an operation has received has been transferred, whatever came of it.
  const transfer = scsi.status === ScsiStatus.good || task.run !== undefined ? transferBytesOf(task) : 0
  const residual = transfer - expected
  const residualFlags = residual > 0 ? ResponseFlag.Overflow : residual < 0 ? ResponseFlag.Underflow : 0
  const dataBytes = check ? writeSenseSegment(task) : 0
  const { transmitter } = connection
  const at = transmitter.beginPdu(dataBytes)
  const b = transmitter.buffer
  writeScsiResponse(
    b,
    at,
    scsi.status,
    residualFlags,
    Math.abs(residual),
    task.initiatorTaskTag,
    connection.takeStatSn(),
    session.expCmdSn,
    maxCmdSnAfter(path, task),
    0,
    check ? dataBytes - 2 : 0
  )
  if (check) senseSegment.copy(b, transmitter.dataAt(at), 0, dataBytes)
  transmitter.endPdu(at, dataBytes)
  if (check) connection.recorder.sentControl(b, at, senseSegment.subarray(0, dataBytes))
  else connection.recorder.sent(b, at)
}

/** Sends the R2T that the task has noted last, which asks for `bytes`. */
export const sendR2t = (path: ResponsePath, task: IscsiTask, bytes: number): void => {
  const { connection, session } = path
  const { transmitter } = connection
  const at = transmitter.beginPdu(0)
  const b = transmitter.buffer
  const tag = task.r2tTags[task.r2tCount - 1] ?? 0
  writeR2t(
    b,
    at,
    task.lunField,
    task.initiatorTaskTag,
    tag,
    connection.statSn,
    session.expCmdSn,
    session.maxCmdSn,
    task.nextR2tSn++,
    task.solicitedEnd - bytes,
    bytes
  )
  transmitter.endPdu(at, 0)
  connection.recorder.sent(b, at)
}
