/**
 * REQUEST SENSE (SPC-4 6.39): always GOOD, the sense data are the answer. iSCSI sends sense data with each CHECK
 * CONDITION, so there is nothing left to ask for but a pending unit attention, which is told and gone.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { encodeDescriptorSense, encodeFixedSense } from "../sense.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

/** REQUEST SENSE; also answered without a unit. */
export const requestSenseOpcode = 0x03

/** Answers with this key and code, in the format that the DESC bit asks for. */
export const answerSense = (task: ScsiTask, key: number, code: number): void => {
  const { cdb } = task
  const data = task.parameterData
  const descriptorFormat = (cdb.readUInt8(1) & 0x01) !== 0
  const length = descriptorFormat ? encodeDescriptorSense(key, code, data, 0) : encodeFixedSense(key, code, data, 0)
  task.sendParameters(length, cdb.readUInt8(4))
}

/** The next unit attention of the nexus, or NO SENSE. */
export const requestSense = (task: ScsiTask, nexus: Nexus): void => {
  if (nexus.hasUnitAttention) answerSense(task, SenseKey.unitAttention, nexus.take(true))
  else answerSense(task, SenseKey.noSense, SenseCode.none)
}

/** REQUEST SENSE. */
export const requestSenseCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "REQUEST SENSE",
    opcode: requestSenseOpcode,
    usage: "03 01 00 00 ff 00",
    clause: "SPC-4 6.39",
    prepare: requestSense,
    reservation: "allowed",
    usesMedium: false,
    patient: true
  }
]
