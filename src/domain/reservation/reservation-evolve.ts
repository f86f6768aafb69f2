/** The fold of persistent reservations. See `evolve.ts` for what it guarantees. */
import { HashMap, Option, Result } from "effect"
import type { EventOf } from "../Event.ts"
import { iscsiNameKey } from "../ids.ts"
import { indexHas } from "../multi-index.ts"
import { findBdev, findReservations, type State } from "../State.ts"
import type { TargetNode } from "../target/TargetNode.ts"
import {
  type Registrant,
  type Registration,
  registrantKey,
  registrantOf,
  type UnitReservations
} from "./Reservation.ts"

/** Those who registered again keep their place. */
const withRegistrations = (
  registrations: ReadonlyArray<Registration>,
  added: ReadonlyArray<Registration>
): ReadonlyArray<Registration> => {
  if (added.length === 0) return registrations
  const byKey = new Map(registrations.map((registration) => [registrantKey(registration), registration]))
  for (const registration of added) byKey.set(registrantKey(registration), registration)
  return [...byKey.values()]
}

const withoutRegistrants = (
  registrations: ReadonlyArray<Registration>,
  gone: ReadonlyArray<Registrant>
): ReadonlyArray<Registration> => {
  if (gone.length === 0) return registrations
  const keys = new Set(gone.map(registrantKey))
  return registrations.filter((registration) => !keys.has(registrantKey(registration)))
}

/** A PERSISTENT RESERVE OUT was carried out. */
export const evolveReservationsChanged = (state: State, event: EventOf<"ReservationsChanged">): State => {
  const { bdev } = event
  if (findBdev(state, bdev.name)?.incarnation !== bdev.incarnation) return state
  const before = findReservations(state, bdev.name)
  const staying = withoutRegistrants(before?.registrations ?? [], event.unregistered)
  const reservation = event.reservation === undefined ? before?.reservation : (event.reservation ?? undefined)
  const after: UnitReservations = {
    bdev,
    generation: event.generation,
    persistent: event.persistent ?? before?.persistent ?? false,
    registrations: withRegistrations(staying, event.registered),
    ...(reservation === undefined ? {} : { reservation })
  }
  return { ...state, reservations: HashMap.set(state.reservations, bdev.name, after) }
}

/** A start: what is not to outlive the process is gone, and generations begin anew (SPC-4 5.12.5). */
export const reservationsAfterRestart = ({ reservations }: State): State["reservations"] =>
  HashMap.filterMap(reservations, ({ reservation, ...unit }) => {
    if (!unit.persistent || unit.registrations.length === 0) return Result.failVoid
    return Result.succeed({ ...unit, generation: 0, ...(reservation === undefined ? {} : { reservation }) })
  })

/** What was registered with a bdev goes with it. */
export const withoutReservations = (state: State, bdev: string): State =>
  HashMap.has(state.reservations, bdev) ? { ...state, reservations: HashMap.remove(state.reservations, bdev) } : state

/** What is left of a unit whose registrations through some targets are gone: with its holder's a reservation goes. */
export const onlyThrough = (unit: UnitReservations, isReachable: (target: string) => boolean): UnitReservations => {
  const registrations = unit.registrations.filter(({ target }) => isReachable(target))
  const { reservation, ...rest } = unit
  const holder = reservation?.holder
  const isGone = registrations.length === 0 || (holder !== undefined && !isReachable(holder.target))
  return { ...rest, registrations, ...(reservation === undefined || isGone ? {} : { reservation }) }
}

const hasLunOf = (state: State, targetKey: string, bdev: string): boolean => {
  const target = Option.getOrUndefined(HashMap.get(state.targets, targetKey))
  if (target === undefined) return false
  for (const mapping of HashMap.values(target.luns)) if (mapping.bdev.name === bdev) return true
  return false
}

/**
 * A LUN of a bdev has gone from a target: what was registered through the target goes with the last one of them, and
 * with the last registration or that of its holder the reservation. Of a bdev without LUNs nothing is left.
 */
export const withoutUnreachable = (state: State, target: TargetNode, bdev: string): State => {
  const unit = findReservations(state, bdev)
  if (unit === undefined) return state
  if (!indexHas(state.indexes.mappings, bdev)) return withoutReservations(state, bdev)
  const key = iscsiNameKey(target.name)
  if (hasLunOf(state, key, bdev)) return state
  const kept = onlyThrough(unit, (name) => iscsiNameKey(name) !== key)
  return { ...state, reservations: HashMap.set(state.reservations, bdev, kept) }
}

/** Whom a change tells what, as unit attentions (SPC-4 5.12.11). */
export interface ReservationNews {
  readonly of: Registrant
  readonly news: "reservations-preempted" | "reservations-released" | "registrations-preempted"
}

const newsOfLoss: Readonly<Record<EventOf<"ReservationsChanged">["action"], ReservationNews["news"] | undefined>> = {
  register: undefined,
  "register-and-ignore": undefined,
  "register-and-move": undefined,
  reserve: undefined,
  release: undefined,
  clear: "reservations-preempted",
  cleared: "reservations-preempted",
  preempt: "registrations-preempted",
  "preempt-and-abort": "registrations-preempted",
  restored: undefined
}

/** What others than its author learn of a change; `after` is what the unit has afterwards. */
export const reservationNews = (
  { action, by, tellsRelease, unregistered }: EventOf<"ReservationsChanged">,
  after: UnitReservations | undefined
): ReadonlyArray<ReservationNews> => {
  const author = by === undefined ? undefined : registrantKey(by)
  const others = <A extends Registrant>(registrants: ReadonlyArray<A>): ReadonlyArray<Registrant> =>
    registrants.filter((registrant) => registrantKey(registrant) !== author).map(registrantOf)
  const news = newsOfLoss[action]
  const lost = news === undefined ? [] : others(unregistered).map((of) => ({ of, news }))
  if (tellsRelease !== true) return lost
  const released = others(after?.registrations ?? []).map((of) => ({ of, news: "reservations-released" as const }))
  return [...lost, ...released]
}
