/**
 * REQUEST SENSE (SPC-4 6.39): always GOOD, the sense data are the answer. iSCSI sends sense data with each CHECK
 * CONDITION, so there is nothing left to ask for but a pending unit attention, which is told and gone, or that the
 * medium is out.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { encodeSense } from "../sense.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

/** REQUEST SENSE; also answered without a unit. */
export const requestSenseOpcode = 0x03

/** Answers with this key and code, and perhaps a progress in 1/65536, in the format that the DESC bit asks for. */
export const answerSense = (task: ScsiTask, key: number, code: number, progress = -1): void => {
  const { cdb } = task
  task.checkCondition(key, code)
  task.progress = progress
  const length = encodeSense(task, (cdb.readUInt8(1) & 0x01) !== 0, task.parameterData, 0)
  task.sendParameters(length, cdb.readUInt8(4))
}

/** The next unit attention of the nexus, or NO SENSE. */
export const requestSense = (task: ScsiTask, nexus: Nexus): void => {
  const obstacle = nexus.unit.obstacles[0]
  if (nexus.hasUnitAttention) answerSense(task, SenseKey.unitAttention, nexus.take(true))
  else if (obstacle !== undefined) answerSense(task, obstacle.senseKey, obstacle.senseCode, obstacle.progress)
  else if (!nexus.unit.media.loaded) answerSense(task, SenseKey.notReady, SenseCode.mediumNotPresent)
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
