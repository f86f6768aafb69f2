/**
 * `lunlog_reservations_get` and `lunlog_reservations_clear`: who is registered with a disk and has reserved it by
 * PERSISTENT RESERVE OUT. What RESERVE(6) reserves is in no log, and not here.
 */
import { Effect, Schema } from "effect"
import { resolveBdev } from "../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import {
  type Registration,
  registrantKey,
  reservationTypeNames,
  type UnitReservations
} from "../../domain/reservation/Reservation.ts"
import { findReservations, reservationsOf, type State } from "../../domain/State.ts"
import { optional, Text } from "../param.ts"
import { errnoError, type RpcError, refuseWithErrno, rpcError } from "../RpcError.ts"
import { defineMethod, type RpcMethod } from "../RpcMethod.ts"
import { dispatch } from "./dispatch.ts"

type Services = ControlPlane | DataPlane

const isHolder = ({ reservation }: UnitReservations, registration: Registration): boolean =>
  reservation !== undefined &&
  (reservation.holder === undefined || registrantKey(reservation.holder) === registrantKey(registration))

/** Keys are 16 hexadecimal digits behind `0x`; `type` as in SPC-4, and in words. */
const reservationsView = (unit: UnitReservations) => {
  const { bdev, generation, persistent, registrations, reservation } = unit
  return {
    bdev_name: bdev.name,
    generation,
    persist_through_power_loss: persistent,
    ...(reservation === undefined
      ? {}
      : { reservation: { type: reservation.type, type_name: reservationTypeNames[reservation.type] } }),
    registrations: registrations.map((registration) => ({
      initiator_name: registration.initiator,
      isid: registration.isid,
      target_name: registration.target,
      relative_target_port: registration.relativePort,
      key: `0x${registration.key}`,
      holder: isHolder(unit, registration)
    }))
  }
}

const unitOf = (state: State, name: string): Effect.Effect<ReadonlyArray<UnitReservations>, RpcError> => {
  const bdev = resolveBdev(state, name)
  if (bdev === undefined) {
    const refusal = { reason: "it does not exist", object: `bdev ${name}`, hint: "lunlog bdev list names all" }
    return Effect.fail(rpcError(errnoError("ENODEV"), refusal))
  }
  const unit = findReservations(state, bdev.name)
  return Effect.succeed(unit === undefined ? [] : [unit])
}

/** Of one bdev, or of all that anybody is registered with. */
const reservationsGet = defineMethod<{ readonly name?: string }, Services>({
  name: "lunlog_reservations_get",
  kind: "query",
  params: Schema.Struct({ name: optional(Text) }),
  paramsOptional: true,
  handler: ({ name }) =>
    Effect.gen(function* () {
      const state = (yield* ControlPlane).state()
      const units = name === undefined ? reservationsOf(state) : yield* unitOf(state, name)
      return units.filter(({ registrations }) => registrations.length > 0).map(reservationsView)
    })
})

/** Answers how many registrations it has taken away. Their initiators learn of it by a unit attention (2A/03). */
const reservationsClear = defineMethod<{ readonly name: string }, Services>({
  name: "lunlog_reservations_clear",
  kind: "change",
  params: Schema.Struct({ name: Text }),
  handler: ({ name }, call) =>
    Effect.gen(function* () {
      const committed = yield* dispatch(call, { _tag: "ClearReservations", bdev: name }, refuseWithErrno)
      const cleared = committed.events.map((event) =>
        event._tag === "ReservationsChanged" ? event.unregistered.length : 0
      )
      return { cleared: cleared[0] ?? 0 }
    })
})

/** This file's methods. */
export const reservationMethods: ReadonlyArray<RpcMethod<Services>> = [reservationsGet, reservationsClear]
