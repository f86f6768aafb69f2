/**
 * PERSISTENT RESERVE IN (SPC-4 6.15): keys, the reservation, what is offered, and the full status. What is read is what
 * the log has; a change is there before its PERSISTENT RESERVE OUT is answered.
 */
import type { CommandDefinition, Prepare } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { nexusKey, type RegistrationView, type ReservationsView } from "./ReservationsView.ts"
import { transportIdBytesMax, writeTransportId } from "./transport-id.ts"

const headerLength = 8
const keyLength = 8
const reservationLength = 16
/** Of a full status descriptor, before its TransportID. */
const statusLength = 24
const capabilitiesLength = 8

/** PRGENERATION and ADDITIONAL LENGTH, which counts what is left out for want of room, too. */
const send = (task: ScsiTask, data: Buffer, { generation }: ReservationsView, end: number): void => {
  data.writeUInt32BE(generation, 0)
  data.writeUInt32BE(end - headerLength, 4)
  task.sendParameters(end, task.cdb.readUInt16BE(7))
}

const writeKey = (data: Buffer, at: number, key: string): void => void data.write(key, at, "hex")

/** SPC-4 6.15.2. */
const readKeys = (task: ScsiTask, view: ReservationsView): void => {
  const data = task.parameterRoom(headerLength + view.registrations.length * keyLength)
  let end = headerLength
  for (const { key } of view.registrations) {
    writeKey(data, end, key)
    end += keyLength
  }
  send(task, data, view, end)
}

/** SPC-4 6.15.3. With all registrants as holders there is no key to show. */
const readReservation = (task: ScsiTask, view: ReservationsView): void => {
  const data = task.parameterRoom(headerLength + reservationLength)
  const { registrations, reservation } = view
  if (reservation === undefined) return send(task, data, view, headerLength)
  const holder = reservation.holder === undefined ? undefined : nexusKey(reservation.holder)
  const held = registrations.find((registration) => nexusKey(registration) === holder)
  if (held !== undefined) writeKey(data, headerLength, held.key)
  data[headerLength + 13] = reservation.type
  send(task, data, view, headerLength + reservationLength)
}

/**
 * SPC-4 6.15.4: CRH, SIP_C, ATP_C and PTPL_C; TEST UNIT READY is allowed under every reservation (ALLOW COMMANDS 001b);
 * all six types.
 */
const reportCapabilities = (task: ScsiTask, { persistent }: ReservationsView): void => {
  const data = task.parameterRoom(capabilitiesLength)
  data.writeUInt16BE(capabilitiesLength, 0)
  data[2] = 0x1d
  data[3] = 0x90 | (persistent ? 0x01 : 0)
  data.writeUInt16BE(0xea01, 4)
  task.sendParameters(capabilitiesLength, task.cdb.readUInt16BE(7))
}

/** One descriptor; where it ends. */
const writeStatus = (
  data: Buffer,
  at: number,
  registration: RegistrationView,
  { reservation }: ReservationsView
): number => {
  writeKey(data, at, registration.key)
  if (reservation !== undefined) {
    const { holder, type } = reservation
    if (holder === undefined || nexusKey(holder) === nexusKey(registration)) {
      data[at + 12] = 0x01
      data[at + 13] = type
    }
  }
  data.writeUInt16BE(registration.relativePort, at + 18)
  const end = writeTransportId(data, at + statusLength, registration)
  data.writeUInt32BE(end - at - statusLength, at + 20)
  return end
}

/** SPC-4 6.15.5. Each registration has a descriptor of its own, so that ALL_TG_PT is never set. */
const readFullStatus = (task: ScsiTask, view: ReservationsView): void => {
  const { registrations } = view
  const data = task.parameterRoom(headerLength + registrations.length * (statusLength + transportIdBytesMax))
  let end = headerLength
  for (const registration of registrations) end = writeStatus(data, end, registration, view)
  send(task, data, view, end)
}

/** Another's RESERVE has gone before; one's own keeps persistent reservations away all the same (SPC-2 5.5.1). */
const preparing =
  (answer: (task: ScsiTask, view: ReservationsView) => void): Prepare =>
  (task: ScsiTask, { unit }: Nexus): void => {
    if (unit.reservations.reservedBy !== undefined) task.endWith(ScsiStatus.reservationConflict)
    else answer(task, unit.reservations.view)
  }

const shared = { opcode: 0x5e, reservation: "allowed", usesMedium: false } as const

/** The four service actions. */
export const persistentReserveInCommands: ReadonlyArray<CommandDefinition> = [
  {
    ...shared,
    name: "PERSISTENT RESERVE IN (READ KEYS)",
    serviceAction: 0x00,
    usage: "5e 00 00 00 00 00 00 ff ff 00",
    clause: "SPC-4 6.15.2",
    prepare: preparing(readKeys)
  },
  {
    ...shared,
    name: "PERSISTENT RESERVE IN (READ RESERVATION)",
    serviceAction: 0x01,
    usage: "5e 01 00 00 00 00 00 ff ff 00",
    clause: "SPC-4 6.15.3",
    prepare: preparing(readReservation)
  },
  {
    ...shared,
    name: "PERSISTENT RESERVE IN (REPORT CAPABILITIES)",
    serviceAction: 0x02,
    usage: "5e 02 00 00 00 00 00 ff ff 00",
    clause: "SPC-4 6.15.4",
    prepare: preparing(reportCapabilities)
  },
  {
    ...shared,
    name: "PERSISTENT RESERVE IN (READ FULL STATUS)",
    serviceAction: 0x03,
    usage: "5e 03 00 00 00 00 00 ff ff 00",
    clause: "SPC-4 6.15.5",
    prepare: preparing(readFullStatus)
  }
]
