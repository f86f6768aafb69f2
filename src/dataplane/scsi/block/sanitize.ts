/**
 * SANITIZE (SBC-3 5.24): BLOCK ERASE and EXIT FAILURE MODE. A unit is no rotating disk, so that OVERWRITE is not there,
 * and encrypts nothing, so that CRYPTO ERASE is not there.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { Sanitization, sanitizeOpcode } from "./Sanitization.ts"

const immedMask = 0x80
const reservedMask = 0x40
const unrestrictedExitMask = 0x20

/** The unit's sanitization that runs or has failed. */
const sanitizationOf = ({ unit }: Nexus): Sanitization | undefined =>
  unit.obstacles.find((obstacle): obstacle is Sanitization => obstacle instanceof Sanitization)

/** Fields that all service actions have: reserved ones, and PARAMETER LIST LENGTH, which is 0 for both. */
const refusesFields = (task: ScsiTask): boolean => {
  const { cdb } = task
  const wrongByte = [2, 3, 4, 5, 6].find((byte) => cdb[byte] !== 0)
  if ((cdb.readUInt8(1) & reservedMask) !== 0) task.invalidField(1, 6)
  else if (wrongByte !== undefined) task.invalidField(wrongByte, 7)
  else if (cdb.readUInt16BE(7) !== 0) task.invalidField(7, 7)
  else return false
  return true
}

const beginErase = (run: OperationRun): void => {
  const { nexus, task } = run
  const isImmediate = (task.cdb.readUInt8(1) & immedMask) !== 0
  const allowsExit = (task.cdb.readUInt8(1) & unrestrictedExitMask) !== 0
  sanitizationOf(nexus)?.leave()
  const erase = new Sanitization(nexus.unit, allowsExit)
  erase.begin()
  task.good()
  if (isImmediate) return run.end()
  const look = (): void => {
    if (!erase.isOver && !run.aborted) return run.later(look)
    if (erase.hasFailed) task.checkCondition(erase.senseKey, erase.senseCode)
    run.end()
  }
  run.later(look)
}

const eraseOperation: ScsiOperation = { use: "atomic", begin: beginErase }

/** All blocks at once; what others have under way ends first. */
const blockErase = (task: ScsiTask, nexus: Nexus): void => {
  if (refusesFields(task)) return
  if (nexus.writeProtected) {
    task.checkCondition(SenseKey.dataProtect, SenseCode.writeProtected)
    return
  }
  const failed = sanitizationOf(nexus)
  if (failed?.canBeLeft === false && (task.cdb.readUInt8(1) & unrestrictedExitMask) !== 0) {
    // What may not be left can't become what may.
    task.invalidField(1, 5)
    return
  }
  const { bdev } = nexus.unit
  task.operate(eraseOperation, 0, 0, bdev.blockCount * bdev.blockSize)
}

/** After a failure of a SANITIZE that allowed it (AUSE=1); the content is what the failure has left. */
const exitFailureMode = (task: ScsiTask, nexus: Nexus): void => {
  if (refusesFields(task)) return
  const failed = sanitizationOf(nexus)
  if (failed?.hasFailed === true && !failed.canBeLeft) {
    task.invalidField(1, 4)
    return
  }
  failed?.leave()
  task.good()
}

/** SANITIZE. */
export const sanitizeCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "SANITIZE BLOCK ERASE",
    opcode: sanitizeOpcode,
    serviceAction: 0x02,
    usage: "48 a2 0000000000 ffff 00",
    clause: "SBC-3 5.24",
    prepare: blockErase,
    reservation: "write",
    usesMedium: false,
    needsMedium: true
  },
  {
    name: "SANITIZE EXIT FAILURE MODE",
    opcode: sanitizeOpcode,
    serviceAction: 0x1f,
    usage: "48 1f 0000000000 ffff 00",
    clause: "SBC-3 5.24",
    prepare: exitFailureMode,
    reservation: "write",
    usesMedium: false
  }
]
