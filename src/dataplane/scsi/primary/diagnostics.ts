/**
 * SEND DIAGNOSTIC (SPC-4 6.42) and RECEIVE DIAGNOSTIC RESULTS (6.28): the default self-test, which a disk that answers
 * has passed, and the list of diagnostic pages, which is the only one.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

const supportedPages = 0x00
const pageHeaderLength = 4

/** Asks for the list of pages, which RECEIVE DIAGNOSTIC RESULTS gives anyway. */
const selectPage: ScsiOperation = {
  use: "reads",
  begin: (run: OperationRun): void => {
    const { data, dataLength, task } = run
    if (dataLength < pageHeaderLength) task.checkCondition(SenseKey.illegalRequest, SenseCode.parameterListLengthError)
    else if (data[0] !== supportedPages) task.invalidParameter(0, 7)
    else if (data.readUInt16BE(2) !== 0) task.invalidParameter(2, 7)
    else task.good()
    run.end()
  }
}

const sendDiagnostic = (task: ScsiTask): void => {
  const { cdb } = task
  const flags = cdb.readUInt8(1)
  const listLength = cdb.readUInt16BE(3)
  // SELF-TEST CODE: tests in the background or of another kind; there is nothing for them to test.
  if (flags >> 5 !== 0) return task.invalidField(1, 7)
  if (listLength === 0) return task.good()
  if ((flags & 0x04) !== 0) return task.invalidField(3, 7)
  if ((flags & 0x10) === 0) return task.invalidField(1, 4)
  if (listLength !== pageHeaderLength) return task.invalidField(3, 7)
  task.operate(selectPage, listLength)
}

const receiveDiagnosticResults = (task: ScsiTask): void => {
  const { cdb } = task
  const pageCodeValid = (cdb.readUInt8(1) & 0x01) !== 0
  if (pageCodeValid && cdb.readUInt8(2) !== supportedPages) return task.invalidField(2, 7)
  const data = task.parameterData
  data.writeUInt32BE(0x0000_0001, 0)
  data[4] = supportedPages
  task.sendParameters(pageHeaderLength + 1, cdb.readUInt16BE(3))
}

/** This file's commands. */
export const diagnosticCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "RECEIVE DIAGNOSTIC RESULTS",
    opcode: 0x1c,
    usage: "1c 01 ff ff ff 00",
    clause: "SPC-4 6.27",
    prepare: receiveDiagnosticResults,
    reservation: "read",
    usesMedium: false
  },
  {
    name: "SEND DIAGNOSTIC",
    opcode: 0x1d,
    usage: "1d f4 00 ff ff 00",
    clause: "SPC-4 6.42",
    prepare: sendDiagnostic,
    reservation: "write",
    usesMedium: false
  }
]
