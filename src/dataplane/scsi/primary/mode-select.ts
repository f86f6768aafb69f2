/**
 * MODE SELECT(6) and (10) (SPC-4 6.11, 6.12): changes current values, for every initiator. The others are told
 * (6/2A/01). Nothing is saved.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { readModeSelect } from "./mode-select-list.ts"

const select = (run: OperationRun, headerLength: 4 | 8): void => {
  const { data, dataLength, nexus, task } = run
  const result =
    dataLength < task.dataOutLength
      ? { code: SenseCode.parameterListLengthError, byte: -1, bit: -1 }
      : readModeSelect(data.subarray(0, dataLength), headerLength, nexus.unit)
  if ("changes" in result) {
    task.good()
    if (result.changes.length > 0) nexus.unit.changeModes(result.changes, nexus)
  } else if (result.byte < 0) {
    task.checkCondition(SenseKey.illegalRequest, result.code)
  } else {
    task.invalidParameter(result.byte, result.bit)
  }
  run.end()
}

const select6: ScsiOperation = { use: "reads", begin: (run) => select(run, 4) }
const select10: ScsiOperation = { use: "reads", begin: (run) => select(run, 8) }

/** What the CDB alone decides. */
const prepareSelect = (task: ScsiTask, operation: ScsiOperation, listLength: number): void => {
  const flags = task.cdb.readUInt8(1)
  // SP: there is nowhere to save to. RTD asks for the defaults, which a reset gives.
  if ((flags & 0x01) !== 0) return task.invalidField(1, 0)
  if ((flags & 0x02) !== 0) return task.invalidField(1, 1)
  // A list of nothing is no error (SPC-4 6.11).
  if (listLength === 0) return task.good()
  if ((flags & 0x10) === 0) return task.invalidField(1, 4)
  task.operate(operation, listLength)
}

const modeSelect6 = (task: ScsiTask, _nexus: Nexus): void => prepareSelect(task, select6, task.cdb.readUInt8(4))

const modeSelect10 = (task: ScsiTask, _nexus: Nexus): void => prepareSelect(task, select10, task.cdb.readUInt16BE(7))

/** MODE SELECT. */
export const modeSelectCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "MODE SELECT(6)",
    opcode: 0x15,
    usage: "15 10 00 00 ff 00",
    clause: "SPC-4 6.11",
    prepare: modeSelect6,
    reservation: "write",
    usesMedium: false
  },
  {
    name: "MODE SELECT(10)",
    opcode: 0x55,
    usage: "55 10 0000000000 ffff 00",
    clause: "SPC-4 6.12",
    prepare: modeSelect10,
    reservation: "write",
    usesMedium: false
  }
]
