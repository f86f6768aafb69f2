/** Seeded random commands and events of persistent reservations, over few initiators, keys and ports. */
import { HashMap } from "effect"
import type { Command, CommandOf } from "../../src/domain/Command.ts"
import type { Event, EventOf } from "../../src/domain/Event.ts"
import { RelativePortId } from "../../src/domain/ids.ts"
import {
  noKey,
  type Registrant,
  type ReservationAction,
  type ReservationType,
  registrantKey
} from "../../src/domain/reservation/Reservation.ts"
import { findReservations, lunsOf, type State, targetsOf } from "../../src/domain/State.ts"
import { at, bdevName, disk1, disk2 } from "./examples.ts"
import type { Dice } from "./random.ts"

export const initiatorA = "iqn.2020-01.org.ex:a"
export const initiatorB = "iqn.2020-01.org.ex:b"

/** The port of an initiator at port 1 of `target`. */
export const nexusOf = (initiator: string, relativePort = 1, target = disk1): Registrant => ({
  initiator,
  isid: "00023d000001",
  target,
  relativePort: RelativePortId.make(relativePort)
})

/** A PERSISTENT RESERVE OUT for the guide's Malloc0; everything that is not said is 0. */
export const askReservations = (
  by: Registrant,
  action: ReservationAction,
  changes: Partial<CommandOf<"ChangeReservations">> = {}
): CommandOf<"ChangeReservations"> => ({
  _tag: "ChangeReservations",
  bdev: { name: bdevName("Malloc0"), incarnation: at(4) },
  action,
  by,
  key: noKey,
  serviceKey: noKey,
  scope: 0,
  type: 0,
  persistent: false,
  allTargetPorts: false,
  ...changes
})

const initiators = [initiatorA, initiatorB] as const
const isids = ["00023d000001", "00023d000002"] as const
/** 16 hexadecimal digits each. */
const keys = ["00000000000000a1", "00000000000000b2"] as const
const types: readonly [ReservationType, ...ReadonlyArray<ReservationType>] = [1, 3, 5, 6, 7, 8]
const actions: readonly [ReservationAction, ...ReadonlyArray<ReservationAction>] = [
  "register",
  "register",
  "register-and-ignore",
  "register-and-move",
  "reserve",
  "release",
  "clear",
  "preempt",
  "preempt-and-abort"
]

const initiatorPort = ({ pick }: Dice) => ({ initiator: pick(initiators), isid: pick(isids) })

/** Every service action, each with an effect, for the guide's Malloc0; what is registered last outlives the process. */
export const everyAction: ReadonlyArray<Command> = (() => {
  const [a, b] = [nexusOf(initiatorA), nexusOf(initiatorB)]
  const [keyA, keyB] = keys
  return [
    askReservations(a, "register", { serviceKey: keyA }),
    askReservations(a, "reserve", { key: keyA, type: 5 }),
    askReservations(b, "register-and-ignore", { serviceKey: keyB }),
    askReservations(a, "release", { key: keyA, type: 5 }),
    askReservations(a, "reserve", { key: keyA, type: 1 }),
    askReservations(a, "register-and-move", {
      key: keyA,
      serviceKey: keyB,
      moveTo: { initiator: b.initiator, isid: b.isid, relativePort: 1, unregister: false }
    }),
    askReservations(a, "preempt", { key: keyA, serviceKey: keyB, type: 6 }),
    askReservations(a, "clear", { key: keyA }),
    askReservations(a, "register", { serviceKey: keyA, persistent: true }),
    askReservations(b, "register", { serviceKey: keyB, persistent: true }),
    askReservations(b, "preempt-and-abort", { key: keyB, serviceKey: keyA }),
    askReservations(b, "reserve", { key: keyB, type: 8 })
  ]
})()

/** Of a disk that a target has, if there is one; mostly with the right key. */
export const reservationCommand = (dice: Dice, state: State): Command => {
  const { pick, roll, some } = dice
  const luns = targetsOf(state).flatMap((target) => lunsOf(target).map((mapping) => ({ target, mapping })))
  const place = luns[roll(Math.max(1, luns.length))]
  const bdev = place?.mapping.bdev ?? { name: bdevName("Malloc0"), incarnation: at(4) }
  if (roll(20) === 0) return { _tag: "ClearReservations", bdev: bdev.name }
  const ports = place === undefined ? [] : [...HashMap.values(place.target.relativePortIds)].sort((a, b) => a - b)
  const relativePort = ports[roll(Math.max(1, ports.length))] ?? RelativePortId.make(1)
  const by: Registrant = { ...initiatorPort(dice), target: place?.target.name ?? disk1, relativePort }
  const mine = findReservations(state, bdev.name)?.registrations.find((one) => registrantKey(one) === registrantKey(by))
  const action = pick(actions)
  const moveTo = { ...initiatorPort(dice), relativePort: roll(4), unregister: roll(2) === 0 }
  return {
    _tag: "ChangeReservations",
    bdev,
    action,
    by,
    key: roll(5) === 0 ? pick(keys) : (mine?.key ?? noKey),
    serviceKey: roll(6) === 0 ? noKey : pick(keys),
    scope: roll(20) === 0 ? 1 : 0,
    type: roll(20) === 0 ? 2 : pick(types),
    persistent: roll(2) === 0,
    allTargetPorts: roll(4) === 0,
    ...(roll(5) === 0 ? { others: some(() => initiatorPort(dice)) } : {}),
    ...(action === "register-and-move" ? { moveTo } : {})
  }
}

/** An event that no command would lead to. */
export const reservationEvent = (dice: Dice, seq: number): Event => {
  const { pick, roll, some } = dice
  const registrant = (): Registrant => ({
    ...initiatorPort(dice),
    target: pick([disk1, disk2]),
    relativePort: RelativePortId.make(1 + roll(3))
  })
  return {
    _tag: "ReservationsChanged",
    bdev: { name: bdevName(pick(["Malloc0", "a"])), incarnation: at(roll(seq + 1)) },
    action: pick(actions),
    by: registrant(),
    generation: roll(9),
    registered: some(() => ({ ...registrant(), key: pick(keys) })),
    unregistered: some(registrant),
    ...pick([{}, { persistent: true }]),
    ...pick<Partial<EventOf<"ReservationsChanged">>>([
      {},
      { reservation: null },
      { reservation: { type: pick(types), holder: registrant() } }
    ])
  }
}
