/**
 * Persistent reservations between the log and the reactor: what initiators ask for becomes commands, and what these
 * have changed is put into effect before the initiator has its answer.
 */
import { Brand, Effect, FiberSet } from "effect"
import type { Cause } from "../../eventlog/record.ts"
import type { BdevRef } from "../domain/bdev/BdevSpec.ts"
import type { CommandOf } from "../domain/Command.ts"
import type { Committed, ControlPlane, DispatchError } from "../domain/ControlPlane.ts"
import type { EventOf } from "../domain/Event.ts"
import type { IscsiName, RelativePortId } from "../domain/ids.ts"
import type { ReservationAction } from "../domain/reservation/Reservation.ts"
import { reservationNews } from "../domain/reservation/reservation-evolve.ts"
import { findBdev, findReservations, reservationsOf, type State } from "../domain/State.ts"
import type { Bdevs } from "./Bdevs.ts"
import type { PduRecords } from "./PduRecords.ts"
import type { Progress } from "./Progress.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import type { ReactorCommand, ReservationsAsked } from "./reactor/protocol.ts"
import type { ReservationAnswer, ReservationRequest } from "./scsi/reservations/persistent-reserve-out.ts"
import { noReservations } from "./scsi/reservations/ReservationsView.ts"
import { ReserveOutAction } from "./scsi/reservations/reserve-out-list.ts"

type Put = Extract<ReactorCommand, { readonly _tag: "PutReservations" }>
type Changed = EventOf<"ReservationsChanged">

const actions: Readonly<Record<ReserveOutAction, ReservationAction>> = {
  [ReserveOutAction.register]: "register",
  [ReserveOutAction.reserve]: "reserve",
  [ReserveOutAction.release]: "release",
  [ReserveOutAction.clear]: "clear",
  [ReserveOutAction.preempt]: "preempt",
  [ReserveOutAction.preemptAndAbort]: "preempt-and-abort",
  [ReserveOutAction.registerAndIgnore]: "register-and-ignore",
  [ReserveOutAction.registerAndMove]: "register-and-move"
}

// They are what the reactor was told; the rules look at them again.
const targetOf = Brand.nominal<IscsiName>()
const portOf = Brand.nominal<RelativePortId>()

const commandOf = (bdev: BdevRef, { action, by, ...request }: ReservationRequest): CommandOf<"ChangeReservations"> => ({
  _tag: "ChangeReservations",
  ...request,
  bdev,
  action: actions[action],
  by: { ...by, target: targetOf(by.target), relativePort: portOf(by.relativePort) }
})

const refusalOf = (error: DispatchError): ReservationAnswer => {
  switch (error._tag) {
    case "ReservationRefused":
      return error.answer
    case "NotFound":
      return "gone"
    default:
      return "unavailable"
  }
}

const abortsOf = ({ action, by, unregistered }: Changed): Pick<Put, "aborts"> =>
  action === "preempt-and-abort" && by !== undefined ? { aborts: { by, of: unregistered } } : {}

/** What this needs of its surroundings. */
export interface ReservationsSurroundings {
  readonly client: ReactorClient
  readonly bdevs: Bdevs
  readonly controlPlane: ControlPlane["Service"]
  /** Requests wait here for the log; they end with the data plane. */
  readonly running: FiberSet.FiberSet<void>
  readonly progress: Progress
  readonly led: PduRecords
}

/** Of all disks. */
export class Reservations {
  readonly #of: ReservationsSurroundings

  constructor(surroundings: ReservationsSurroundings) {
    this.#of = surroundings
  }

  /** A disk is up: who is registered with it. */
  bdevUp(state: State, name: string): void {
    const bdev = findBdev(state, name)
    if (bdev !== undefined && findReservations(state, name) !== undefined) this.#put(state, bdev)
  }

  /** An entry is applied: tells the reactor of what it has changed, however it has. */
  apply(before: State, { events, state }: Committed): void {
    if (before.reservations === state.reservations) return
    const told = new Set<string>()
    for (const event of events) {
      if (event._tag !== "ReservationsChanged") continue
      told.add(event.bdev.name)
      this.#put(state, event.bdev, event)
    }
    const units = [...reservationsOf(before), ...reservationsOf(state)]
    for (const bdev of new Map(units.map(({ bdev }) => [bdev.incarnation, bdev])).values()) {
      const isSame = findReservations(before, bdev.name) === findReservations(state, bdev.name)
      if (!isSame && !told.has(bdev.name)) this.#put(state, bdev)
    }
  }

  /** An initiator has asked for a change, and waits. */
  asked({ asked, bdev: id, initiatorAddress, pdu, request }: ReservationsAsked): Effect.Effect<void> {
    const { bdevs, client, controlPlane, led, progress, running } = this.#of
    const bdev = bdevs.refOf(id)
    const cause: Cause = { source: "initiator", actor: initiatorAddress, method: "PERSISTENT RESERVE OUT" }
    const decided: Effect.Effect<ReservationAnswer> =
      bdev === undefined
        ? Effect.succeed("gone")
        : controlPlane.dispatch(commandOf(bdev, request), cause).pipe(
            Effect.tap(({ records }) => Effect.sync(() => led.note(pdu, records.at(-1)?.seq))),
            Effect.flatMap(({ records }) => progress.wait(records.at(-1)?.seq ?? 0)),
            Effect.as<ReservationAnswer>("done"),
            Effect.catch((error) => Effect.succeed(refusalOf(error)))
          )
    const answered = Effect.map(decided, (answer) => client.send({ _tag: "AnswerReservations", asked, answer }))
    return Effect.asVoid(FiberSet.run(running, answered))
  }

  #put(state: State, ref: BdevRef, event?: Changed): void {
    const bdev = this.#of.bdevs.idOf(ref)
    if (bdev === undefined) return
    const unit = findReservations(state, ref.name)
    const known = unit?.bdev.incarnation === ref.incarnation ? unit : undefined
    const news = event === undefined ? [] : reservationNews(event, known)
    const reservations = known ?? noReservations
    this.#of.client.send({ _tag: "PutReservations", bdev, reservations, news, ...(event ? abortsOf(event) : {}) })
  }
}
