/**
 * RECEIVE COPY STATUS, DATA, OPERATING PARAMETERS and FAILURE DETAILS (SPC-4 6.21 to 6.25; RECEIVE COPY RESULTS in
 * SPC-3): what copies there may be, and how those went that the initiator has asked for.
 */
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { CopyManagerStatus, type CopyRecord, copyRecordsOf } from "./CopyRecords.ts"
import {
  copiesMax,
  cscdDescriptorsMax,
  descriptorListBytesMax,
  segmentBytesMax,
  segmentDescriptorsMax
} from "./copy-limits.ts"
import { cscdType, segmentType } from "./copy-list.ts"

const allocationLengthOf = (task: ScsiTask): number => task.cdb.readUInt32BE(10)

/** AVAILABLE DATA counts what follows it. */
const send = (task: ScsiTask, length: number): void => {
  task.parameterData.writeUInt32BE(length - 4, 0)
  task.sendParameters(length, allocationLengthOf(task))
}

/** The copy that the CDB names; without one the task has ended with 5/24/00, as all four service actions want it. */
const namedCopy = (task: ScsiTask, nexus: Nexus): CopyRecord | undefined => {
  const record = copyRecordsOf(nexus).find(task.cdb.readUInt8(2))
  if (record === undefined) task.invalidField(2)
  return record
}

const endedCopy = (task: ScsiTask, nexus: Nexus): CopyRecord | undefined => {
  const record = namedCopy(task, nexus)
  if (record?.status !== CopyManagerStatus.inProgress) return record
  task.invalidField(2)
  return undefined
}

/** TRANSFER COUNT UNITS: bytes, and what is 1024 times as much for every step. */
const transferCount = (bytes: number): readonly [unit: number, count: number] => {
  let unit = 0
  let count = bytes
  while (count > 0xffffffff) {
    unit++
    count = Math.floor(count / 1024)
  }
  return [unit, count]
}

/**
 * RECEIVE COPY STATUS(LID1) (SPC-4 6.25): 12 bytes. SEGMENTS PROCESSED counts the one that the copy is at. Nothing is
 * ever held, so that nothing held was discarded (HDD).
 */
export const copyStatus = (task: ScsiTask, nexus: Nexus): void => {
  const record = namedCopy(task, nexus)
  if (record === undefined) return
  if (record.statusTold) {
    task.invalidField(2)
    return
  }
  const data = task.parameterData
  data.fill(0, 0, 12)
  const [unit, count] = transferCount(record.bytesWritten)
  data[4] = record.status
  data.writeUInt16BE(record.segmentsCopied + (record.status === CopyManagerStatus.completed ? 0 : 1), 5)
  data[7] = unit
  data.writeUInt32BE(count, 8)
  send(task, 12)
  if (record.status === CopyManagerStatus.inProgress) return
  record.statusTold = true
  copyRecordsOf(nexus).told(record)
}

/** RECEIVE COPY DATA(LID1) (SPC-4 6.21): copies between disks hold nothing back, so there is none. */
export const receiveData = (task: ScsiTask, nexus: Nexus): void => {
  if (endedCopy(task, nexus) !== undefined) send(task, 4)
}

/** Type codes in ascending order. */
const implementedDescriptors = [segmentType, cscdType]

/** RECEIVE COPY OPERATING PARAMETERS (SPC-4 6.22), with SNLID: lists without an identifier are taken. */
export const operatingParameters = (task: ScsiTask): void => {
  const data = task.parameterData
  const length = 44 + implementedDescriptors.length
  data.fill(0, 0, length)
  data[4] = 0x01
  data.writeUInt16BE(cscdDescriptorsMax, 8)
  data.writeUInt16BE(segmentDescriptorsMax, 10)
  data.writeUInt32BE(descriptorListBytesMax, 12)
  data.writeUInt32BE(segmentBytesMax, 16)
  data.writeUInt16BE(copiesMax, 34)
  data[36] = copiesMax
  data[43] = implementedDescriptors.length
  Buffer.from(implementedDescriptors).copy(data, 44)
  send(task, length)
}

/**
 * RECEIVE COPY FAILURE DETAILS(LID1) (SPC-4 6.23): the status and sense data of a copy that failed, until they were
 * asked for in full, or with an allocation length of 0.
 */
export const failureDetails = (task: ScsiTask, nexus: Nexus): void => {
  const record = endedCopy(task, nexus)
  if (record === undefined) return
  const { failureSense } = record
  if (failureSense === undefined) {
    send(task, 4)
    return
  }
  const data = task.parameterData
  const length = 60 + failureSense.length
  data.fill(0, 0, 60)
  data[56] = ScsiStatus.checkCondition
  data.writeUInt16BE(failureSense.length, 58)
  failureSense.copy(data, 60)
  send(task, length)
  const allocationLength = allocationLengthOf(task)
  if (allocationLength > 0 && allocationLength < length) return
  record.failureSense = undefined
  copyRecordsOf(nexus).told(record)
}
