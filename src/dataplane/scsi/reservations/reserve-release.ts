/**
 * RESERVE and RELEASE (SPC-2 7.21, 7.23 and 7.16): one nexus has the whole unit, until it releases it, is gone, or the
 * unit is reset. Nothing of it is logged. Beside persistent reservations they do what SPC-4 5.12.3 says of a device
 * with CRH set: they succeed without an effect for who may use the unit, and conflict for others.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"

/** Third parties and extents are obsolete. */
const refusesForm = (task: ScsiTask, isLong: boolean): boolean => {
  const flags = task.cdb.readUInt8(1)
  const bit = (flags & 0x10) !== 0 ? 4 : isLong && (flags & 0x02) !== 0 ? 1 : (flags & 0x01) !== 0 ? 0 : -1
  if (bit >= 0) task.invalidField(1, bit)
  else if (task.cdb.readUInt16BE(isLong ? 7 : 3) !== 0) task.invalidField(isLong ? 7 : 3)
  else return false
  return true
}

/** Whether persistent reservations leave nothing to RESERVE and RELEASE. */
const yieldsToPersistent = (task: ScsiTask, nexus: Nexus): boolean => {
  const { reservations } = nexus.unit
  const { registrations, reservation } = reservations.view
  if (registrations.length === 0) return false
  const isRegistrant = reservations.registrationOf(nexus) !== undefined
  const mayUse = reservations.holds(nexus) || (isRegistrant && reservation !== undefined && reservation.type >= 5)
  if (mayUse) task.good()
  else task.endWith(ScsiStatus.reservationConflict)
  return true
}

const reserve = (task: ScsiTask, nexus: Nexus, isLong: boolean): void => {
  if (refusesForm(task, isLong) || yieldsToPersistent(task, nexus)) return
  nexus.unit.reservations.reserve(nexus)
  task.good()
}

/** Who has reserved nothing releases nothing, which is no error (SPC-2 7.16.2). */
const release = (task: ScsiTask, nexus: Nexus, isLong: boolean): void => {
  if (refusesForm(task, isLong) || yieldsToPersistent(task, nexus)) return
  nexus.unit.reservations.release(nexus)
  task.good()
}

const shared = { reservation: "allowed", usesMedium: false } as const

/** RESERVE and RELEASE, both lengths. */
export const reserveReleaseCommands: ReadonlyArray<CommandDefinition> = [
  {
    ...shared,
    name: "RESERVE(6)",
    opcode: 0x16,
    usage: "16 11 00 ff ff 00",
    clause: "SPC-2 7.21",
    prepare: (task, nexus) => reserve(task, nexus, false)
  },
  {
    ...shared,
    name: "RELEASE(6)",
    opcode: 0x17,
    usage: "17 11 00 ff ff 00",
    clause: "SPC-2 7.17",
    prepare: (task, nexus) => release(task, nexus, false)
  },
  {
    ...shared,
    name: "RESERVE(10)",
    opcode: 0x56,
    usage: "56 13 00 00 00 00 00 ff ff 00",
    clause: "SPC-2 7.22",
    prepare: (task, nexus) => reserve(task, nexus, true)
  },
  {
    ...shared,
    name: "RELEASE(10)",
    opcode: 0x57,
    usage: "57 13 00 00 00 00 00 ff ff 00",
    clause: "SPC-2 7.16",
    prepare: (task, nexus) => release(task, nexus, true)
  }
]
