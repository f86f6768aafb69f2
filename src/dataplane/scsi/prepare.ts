/**
 * From a CDB to what the transport has to do. `prepare` never throws and never waits, whatever the 16 bytes are; it
 * leaves `task.action` and `task.status` set.
 *
 * Without a unit (no such LUN, or one that drains or is removed) a command gets 5/25/00, except INQUIRY (qualifier
 * 011b), REQUEST SENSE (GOOD, with 5/25/00 as data) and, at LUN 0 and the well-known LUN C101h, REPORT LUNS.
 */
import { readCapacity10, serviceActionIn16 } from "./capacity.ts"
import { inquiry, inquiryWithoutUnit, noDevice, wellKnownLogicalUnit } from "./inquiry.ts"
import { reportLunsWellKnownLun } from "./lun.ts"
import { modeSense6, modeSense10 } from "./mode-sense.ts"
import type { Nexus } from "./Nexus.ts"
import { controlByteOf, MaintenanceIn, Opcode } from "./opcodes.ts"
import {
  read6,
  read10,
  read12,
  read16,
  startStopUnit,
  synchronizeCache10,
  synchronizeCache16,
  write6,
  write10,
  write12,
  write16
} from "./read-write.ts"
import { reportLuns } from "./report-luns.ts"
import { answerSense, requestSense } from "./request-sense.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import type { SessionView } from "./SessionView.ts"
import { ScsiStatus } from "./scsi-status.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"
import { reportSupportedOpcodes } from "./supported-opcodes.ts"

type Handler = (task: ScsiTask, nexus: Nexus, session: SessionView) => void

const testUnitReady: Handler = (task) => task.good()

/** Other service actions are 5/20/00: for initiators that means "not there", and 5/24/00 a mistake of theirs. */
const maintenanceIn: Handler = (task) => {
  if ((task.cdb.readUInt8(1) & 0x1f) === MaintenanceIn.reportSupportedOperationCodes) reportSupportedOpcodes(task)
  else unsupported(task)
}

const unsupported = (task: ScsiTask): void =>
  task.checkCondition(SenseKey.illegalRequest, SenseCode.invalidCommandOperationCode)

/** One entry per opcode, so that the hot path is a single load. */
const handlers: ReadonlyArray<Handler> = (() => {
  const table = new Array<Handler>(256).fill(unsupported)
  table[Opcode.testUnitReady] = testUnitReady
  table[Opcode.requestSense] = requestSense
  table[Opcode.read6] = read6
  table[Opcode.write6] = write6
  table[Opcode.inquiry] = inquiry
  table[Opcode.modeSense6] = modeSense6
  table[Opcode.startStopUnit] = startStopUnit
  table[Opcode.readCapacity10] = readCapacity10
  table[Opcode.read10] = read10
  table[Opcode.write10] = write10
  table[Opcode.synchronizeCache10] = synchronizeCache10
  table[Opcode.modeSense10] = modeSense10
  table[Opcode.read16] = read16
  table[Opcode.write16] = write16
  table[Opcode.synchronizeCache16] = synchronizeCache16
  table[Opcode.serviceActionIn16] = serviceActionIn16
  table[Opcode.reportLuns] = (task, _nexus, session) => reportLuns(task, session)
  table[Opcode.maintenanceIn] = maintenanceIn
  table[Opcode.read12] = read12
  table[Opcode.write12] = write12
  return table
})()

const controlBytes = Uint8Array.from({ length: 256 }, (_, opcode) => controlByteOf(opcode))

/** CONTROL without its vendor specific bits (SAM-5 5.2): NACA is not supported, the others are obsolete or reserved. */
const controlMask = 0x3f

/** These tell of the unit without touching it, and are answered with a unit attention pending (SAM-5 5.14). */
const isPatient = (opcode: number): boolean =>
  opcode === Opcode.inquiry || opcode === Opcode.reportLuns || opcode === Opcode.requestSense

const mediumOpcodes: ReadonlySet<number> = new Set([
  Opcode.read6,
  Opcode.read10,
  Opcode.read12,
  Opcode.read16,
  Opcode.write6,
  Opcode.write10,
  Opcode.write12,
  Opcode.write16,
  Opcode.synchronizeCache10,
  Opcode.synchronizeCache16
])

/** Ends the task with 5/24/00 when its CONTROL byte asks for what is not there. */
const refusesControl = (task: ScsiTask, opcode: number): boolean => {
  const at = controlBytes[opcode] ?? 0
  if (at === 0 || (task.cdb.readUInt8(at) & controlMask) === 0) return false
  task.invalidField(at)
  return true
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
  const opcode = task.cdb.readUInt8(0)
  if (nexus.hasUnitAttention && !isPatient(opcode)) {
    const code = nexus.take(mediumOpcodes.has(opcode))
    if (code !== SenseCode.none) {
      task.checkCondition(SenseKey.unitAttention, code)
      return
    }
  }
  const handler = handlers[opcode] ?? unsupported
  if (handler === unsupported) unsupported(task)
  else if (!refusesControl(task, opcode)) handler(task, nexus, session)
  if (task.status !== ScsiStatus.good) nexus.unit.refused++
}

const prepareWithoutUnit = (task: ScsiTask, session: SessionView): void => {
  const opcode = task.cdb.readUInt8(0)
  const wellKnown = task.lun === reportLunsWellKnownLun
  if (isPatient(opcode) && refusesControl(task, opcode)) return
  if (opcode === Opcode.inquiry) {
    inquiryWithoutUnit(task, wellKnown ? wellKnownLogicalUnit : noDevice, session)
  } else if (opcode === Opcode.requestSense) {
    if (wellKnown) answerSense(task, SenseKey.noSense, SenseCode.none)
    else answerSense(task, SenseKey.illegalRequest, SenseCode.logicalUnitNotSupported)
  } else if (opcode === Opcode.reportLuns && (wellKnown || task.lun === 0)) {
    reportLuns(task, session)
  } else if (wellKnown) {
    if (opcode === Opcode.testUnitReady) task.good()
    else unsupported(task)
  } else {
    task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalUnitNotSupported)
  }
}
