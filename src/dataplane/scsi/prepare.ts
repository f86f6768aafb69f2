/**
 * From a CDB to what the transport has to do. `prepare` never throws and never waits, whatever the 16 bytes are; it
 * leaves `task.action` and `task.status` set.
 *
 * Without a unit (no such LUN, or one that drains or is removed) a command gets 5/25/00, except INQUIRY (qualifier
 * 011b), REQUEST SENSE (GOOD, with 5/25/00 as data) and, at LUN 0 and the well-known LUN C101h, REPORT LUNS.
 */
import { type CommandEntry, commandEntryOf, unsupportedCommand } from "./command-set.ts"
import { controlMask } from "./control-byte.ts"
import { guardRefuses } from "./guards.ts"
import type { LogicalUnit } from "./LogicalUnit.ts"
import { reportLunsWellKnownLun } from "./lun.ts"
import type { Nexus } from "./Nexus.ts"
import { inquiryOpcode, inquiryWithoutUnit, noDevice, wellKnownLogicalUnit } from "./primary/inquiry.ts"
import { reportLuns, reportLunsOpcode } from "./primary/report-luns.ts"
import { answerSense, requestSenseOpcode } from "./primary/request-sense.ts"
import { testUnitReadyOpcode } from "./primary/test-unit-ready.ts"
import { conflicts, Restriction } from "./reservations/UnitReservations.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import type { SessionView } from "./SessionView.ts"
import { ScsiStatus } from "./scsi-status.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

const unsupported = (task: ScsiTask, { isWrongAction }: CommandEntry): void => {
  if (isWrongAction) task.invalidField(1, 4)
  else task.checkCondition(unsupportedCommand[0], unsupportedCommand[1])
}

/** Ends the task with 5/24/00 when its CONTROL byte asks for what is not there. */
const refusesControl = (task: ScsiTask, at: number): boolean => {
  if (at === 0 || (task.cdb.readUInt8(at) & controlMask) === 0) return false
  task.invalidField(at)
  return true
}

/** Ends the task with the next unit attention that the command is to be told, if there is one (SAM-5 5.14). */
const tellsUnitAttention = (task: ScsiTask, nexus: Nexus, { command }: CommandEntry): boolean => {
  if (command?.patient) return false
  const code = nexus.take(command?.usesMedium ?? false)
  if (code === SenseCode.none) return false
  task.checkCondition(SenseKey.unitAttention, code)
  return true
}

/** For a prepared command of a guarded unit, before it is done: ends the task if the guard has come up since. */
export const isGuarded = (task: ScsiTask, unit: LogicalUnit): boolean => {
  const { command } = commandEntryOf(task.cdb)
  return command !== undefined && guardRefuses(task, unit, command)
}

/**
 * Decodes and checks a command. `nexus` is the session's path to the unit at `task.lun`; undefined when there is none:
 * no such LUN, one that is draining or removed, or the well-known unit.
 */
export const prepare = (task: ScsiTask, nexus: Nexus | undefined, session: SessionView): void => {
  if (nexus === undefined) {
    prepareWithoutUnit(task, session)
    return
  }
  const entry = commandEntryOf(task.cdb)
  if (nexus.hasUnitAttention && tellsUnitAttention(task, nexus, entry)) return
  const { command } = entry
  if (command === undefined || entry.prepare === undefined) unsupported(task, entry)
  else if (nexus.restriction !== Restriction.none && conflicts(command, task.cdb, nexus.restriction)) {
    task.endWith(ScsiStatus.reservationConflict)
  } else if (!refusesControl(task, entry.controlAt)) {
    if (!nexus.unit.guarded || !guardRefuses(task, nexus.unit, command)) entry.prepare(task, nexus, session)
  }
  if (task.status !== ScsiStatus.good) nexus.unit.refused++
}

const prepareWithoutUnit = (task: ScsiTask, session: SessionView): void => {
  const entry = commandEntryOf(task.cdb)
  const { command, controlAt } = entry
  const opcode = command?.opcode
  const wellKnown = task.lun === reportLunsWellKnownLun
  if (command?.patient && refusesControl(task, controlAt)) return
  if (opcode === inquiryOpcode) {
    inquiryWithoutUnit(task, wellKnown ? wellKnownLogicalUnit : noDevice, session)
  } else if (opcode === requestSenseOpcode) {
    if (wellKnown) answerSense(task, SenseKey.noSense, SenseCode.none)
    else answerSense(task, SenseKey.illegalRequest, SenseCode.logicalUnitNotSupported)
  } else if (opcode === reportLunsOpcode && (wellKnown || task.lun === 0)) {
    reportLuns(task, session)
  } else if (wellKnown) {
    if (opcode === testUnitReadyOpcode) task.good()
    else unsupported(task, entry)
  } else {
    task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalUnitNotSupported)
  }
}
