/**
 * EXTENDED COPY(LID1) and what tells of it (SPC-4 6.5, 6.21 to 6.25): copies that a host leaves to the target, as ESXi
 * does. Other service actions are not there: no lists with long identifiers, and no tokens (ODX).
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { CopyManagerStatus, CopyRecord, copyRecordsOf } from "./CopyRecords.ts"
import { copiesMax, copyStepBytes, listHeaderBytes, parameterListBytesMax } from "./copy-limits.ts"
import { type CopyListError, ListIdUsage, parseCopyList } from "./copy-list.ts"
import { ExtendedCopy } from "./ExtendedCopy.ts"
import { copyStatus, failureDetails, operatingParameters, receiveData } from "./receive-copy-results.ts"

const refuse = (task: ScsiTask, { bit, byte, code }: CopyListError): void => {
  task.checkCondition(SenseKey.illegalRequest, code)
  task.fieldByte = byte
  task.fieldBit = bit
  task.fieldInParameters = true
}

const beginCopy = (run: OperationRun): void => {
  const { nexus, task } = run
  const list = parseCopyList(run.data.subarray(0, run.dataLength))
  if (list._tag === "CopyListError") {
    refuse(task, list)
    return run.end()
  }
  const records = copyRecordsOf(nexus)
  const isNamed = list.listIdUsage !== ListIdUsage.none
  if (isNamed && records.find(list.listIdentifier)?.status === CopyManagerStatus.inProgress) {
    task.checkCondition(SenseKey.illegalRequest, SenseCode.operationInProgress)
    return run.end()
  }
  const buffer = records.running < copiesMax ? run.takeBuffer(copyStepBytes) : undefined
  if (buffer === undefined) {
    task.endWith(ScsiStatus.taskSetFull)
    return run.end()
  }
  const record = new CopyRecord(list.listIdentifier, isNamed)
  records.begin(record)
  new ExtendedCopy(run, list, records, record, buffer).next()
}

const copyOperation: ScsiOperation = { use: "writes", begin: beginCopy }

/** Nothing is checked here but the length: what is copied from and to is in the list. A length of 0 copies nothing. */
const extendedCopy = (task: ScsiTask): void => {
  const length = task.cdb.readUInt32BE(10)
  if (length === 0) task.good()
  else if (length < listHeaderBytes || length > parameterListBytesMax) {
    task.checkCondition(SenseKey.illegalRequest, SenseCode.parameterListLengthError)
  } else task.operate(copyOperation, length)
}

const results = { opcode: 0x84, reservation: "write", usesMedium: false } as const

/** EXTENDED COPY and RECEIVE COPY RESULTS. */
export const copyCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "EXTENDED COPY(LID1)",
    opcode: 0x83,
    serviceAction: 0x00,
    usage: "83 00 0000000000000000 ffffffff 00 00",
    clause: "SPC-4 6.5",
    prepare: extendedCopy,
    reservation: "write",
    usesMedium: true
  },
  {
    ...results,
    name: "RECEIVE COPY STATUS(LID1)",
    clause: "SPC-4 6.25",
    serviceAction: 0x00,
    usage: "84 00 ff 00000000000000 ffffffff 00 00",
    prepare: copyStatus
  },
  {
    ...results,
    name: "RECEIVE COPY DATA(LID1)",
    clause: "SPC-4 6.21",
    serviceAction: 0x01,
    usage: "84 01 ff 00000000000000 ffffffff 00 00",
    prepare: receiveData
  },
  {
    ...results,
    name: "RECEIVE COPY OPERATING PARAMETERS",
    clause: "SPC-4 6.22",
    serviceAction: 0x03,
    usage: "84 03 0000000000000000 ffffffff 00 00",
    prepare: operatingParameters
  },
  {
    ...results,
    name: "RECEIVE COPY FAILURE DETAILS(LID1)",
    clause: "SPC-4 6.23",
    serviceAction: 0x04,
    usage: "84 04 ff 00000000000000 ffffffff 00 00",
    prepare: failureDetails
  }
]
