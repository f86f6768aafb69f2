/**
 * PERSISTENT RESERVE OUT (SPC-4 6.16). Its form is checked here; whether it is allowed, and what it changes, is decided
 * where the log is. The command waits for that, and is answered when the change is on the disk and in effect here.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { LogicalUnit } from "../LogicalUnit.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import type { Registrant } from "./ReservationsView.ts"
import {
  ReserveOutAction,
  type ReserveOutList,
  readReserveOutList,
  reserveOutListBytesMax,
  reserveOutListLength
} from "./reserve-out-list.ts"
import type { TransportId } from "./transport-id.ts"

/** An initiator port by name and ISID. */
export type NamedPort = Pick<Registrant, "initiator" | "isid">

/** What is asked for, with names that mean the same everywhere. */
export interface ReservationRequest {
  readonly action: ReserveOutAction
  readonly by: Registrant
  /** 16 hexadecimal digits. */
  readonly key: string
  readonly serviceKey: string
  readonly scope: number
  readonly type: number
  readonly persistent: boolean
  readonly allTargetPorts: boolean
  readonly others?: ReadonlyArray<NamedPort>
  readonly moveTo?: NamedPort & { readonly relativePort: number; readonly unregister: boolean }
}

/** What comes of it. `gone`: the disk is not there any more; `unavailable`: the log takes nothing now. */
export type ReservationAnswer =
  | "done"
  | "conflict"
  | "invalid-release"
  | "invalid-parameter"
  | "invalid-type"
  | "no-resources"
  | "unavailable"
  | "busy"
  | "gone"

/** Where requests are decided. Calls `done` once, never within the call. */
export type AskReservations = (
  unit: LogicalUnit,
  nexus: Nexus,
  request: ReservationRequest,
  done: (answer: ReservationAnswer) => void
) => void

const end = (task: ScsiTask, answer: ReservationAnswer): void => {
  switch (answer) {
    case "done":
      return task.good()
    case "conflict":
      return task.endWith(ScsiStatus.reservationConflict)
    case "busy":
      return task.endWith(ScsiStatus.busy)
    case "invalid-release":
      return task.checkCondition(SenseKey.illegalRequest, SenseCode.invalidReleaseOfPersistentReservation)
    case "invalid-parameter":
      return task.checkCondition(SenseKey.illegalRequest, SenseCode.invalidFieldInParameterList)
    case "invalid-type":
      return task.invalidField(2, 7)
    case "no-resources":
    case "unavailable":
      return task.checkCondition(SenseKey.illegalRequest, SenseCode.insufficientRegistrationResources)
    case "gone":
      return task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalUnitNotSupported)
  }
}

/** A name without an ISID stands for every port of it that is known here: logged in, or registered (SPC-4 7.6.4.6). */
const portsOf = ({ initiator, isid }: TransportId, { unit }: Nexus): ReadonlyArray<NamedPort> => {
  if (isid !== undefined) return [{ initiator, isid }]
  const name = initiator.toLowerCase()
  const known = [...unit.registrants(), ...unit.reservations.view.registrations]
  const ports = known.filter((port) => port.initiator.toLowerCase() === name)
  return [...new Map(ports.map((port) => [port.isid, { initiator: port.initiator, isid: port.isid }])).values()]
}

const requestOf = (run: OperationRun, action: ReserveOutAction, list: ReserveOutList): ReservationRequest => {
  const { nexus, task } = run
  const scopeAndType = task.cdb.readUInt8(2)
  const { moveTo, others, ...rest } = list
  const isid = moveTo?.to.isid
  return {
    ...rest,
    action,
    by: nexus.registrant,
    scope: scopeAndType >> 4,
    type: scopeAndType & 0x0f,
    ...(others === undefined ? {} : { others: others.flatMap((id) => portsOf(id, nexus)) }),
    ...(moveTo === undefined || isid === undefined
      ? {}
      : {
          moveTo: {
            initiator: moveTo.to.initiator,
            isid,
            relativePort: moveTo.relativePort,
            unregister: moveTo.unregister
          }
        })
  }
}

const operationOf = (action: ReserveOutAction): ScsiOperation => ({
  use: "reads",
  begin: (run) => {
    const { data, dataLength, nexus, task } = run
    const finish = (): void => run.end()
    if (dataLength < task.dataOutLength) {
      task.checkCondition(SenseKey.illegalRequest, SenseCode.parameterListLengthError)
      return finish()
    }
    const list = readReserveOutList(data, dataLength, action)
    if ("wrongLength" in list) {
      task.checkCondition(SenseKey.illegalRequest, SenseCode.parameterListLengthError)
      return finish()
    }
    if ("wrongByte" in list) {
      task.invalidParameter(list.wrongByte, list.bit)
      return finish()
    }
    const { unit } = nexus
    unit.askReservations(unit, nexus, requestOf(run, action, list), (answer) => {
      end(task, answer)
      finish()
    })
  }
})

const prepare = (task: ScsiTask, { unit }: Nexus, operation: ScsiOperation): void => {
  const length = task.cdb.readUInt32BE(5)
  if (unit.reservations.reservedBy !== undefined) task.endWith(ScsiStatus.reservationConflict)
  else if (length < reserveOutListLength || length > reserveOutListBytesMax) {
    task.checkCondition(SenseKey.illegalRequest, SenseCode.parameterListLengthError)
  } else task.operate(operation, length)
}

const commandOf = (name: string, action: ReserveOutAction): CommandDefinition => {
  const operation = operationOf(action)
  return {
    name: `PERSISTENT RESERVE OUT (${name})`,
    opcode: 0x5f,
    serviceAction: action,
    usage: `5f 0${action} ff 00 00 ff ff ff ff 00`,
    clause: "SPC-4 6.16",
    prepare: (task, nexus) => prepare(task, nexus, operation),
    reservation: "allowed",
    usesMedium: false
  }
}

/** The service actions; REPLACE LOST RESERVATION is not there, because none gets lost. */
export const persistentReserveOutCommands: ReadonlyArray<CommandDefinition> = [
  commandOf("REGISTER", ReserveOutAction.register),
  commandOf("RESERVE", ReserveOutAction.reserve),
  commandOf("RELEASE", ReserveOutAction.release),
  commandOf("CLEAR", ReserveOutAction.clear),
  commandOf("PREEMPT", ReserveOutAction.preempt),
  commandOf("PREEMPT AND ABORT", ReserveOutAction.preemptAndAbort),
  commandOf("REGISTER AND IGNORE EXISTING KEY", ReserveOutAction.registerAndIgnore),
  commandOf("REGISTER AND MOVE", ReserveOutAction.registerAndMove)
]
