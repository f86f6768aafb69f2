/** REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 6.36). */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { ScsiTask } from "../ScsiTask.ts"

/** Byte 0 of the answer (SPC-4 table 263). */
const functions = {
  abortTask: 0x80,
  abortTaskSet: 0x40,
  clearTaskSet: 0x10,
  logicalUnitReset: 0x08,
  /** TARGET WARM RESET and TARGET COLD RESET of iSCSI. */
  targetReset: 0x02
}
const supported = Object.values(functions).reduce((bits, bit) => bits | bit, 0)

/** SPC-4 6.36: less cannot hold what must be told. */
const allocationLengthMin = 4
/** With REPD: timeouts, of which none is told. */
const extendedLength = 16

const reportSupportedTaskManagement = (task: ScsiTask): void => {
  const { cdb } = task
  const allocationLength = cdb.readUInt32BE(6)
  if (allocationLength < allocationLengthMin) return task.invalidField(6, 7)
  const length = (cdb.readUInt8(2) & 0x80) !== 0 ? extendedLength : allocationLengthMin
  const data = task.parameterData
  data.fill(0, 0, length)
  data[0] = supported
  data[3] = length - allocationLengthMin
  task.sendParameters(length, allocationLength)
}

/** REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS. */
export const supportedTaskManagementCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    opcode: 0xa3,
    serviceAction: 0x0d,
    usage: "a3 0d 80 000000 ffffffff 00 00",
    clause: "SPC-4 6.36",
    prepare: reportSupportedTaskManagement,
    reservation: "allowed",
    usesMedium: false,
    whileSanitizing: true
  }
]
