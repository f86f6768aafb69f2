/**
 * The rules of persistent reservations (SPC-4 5.12): what a PERSISTENT RESERVE OUT changes, or how it is refused. The
 * form of the command was checked before; a command that changes nothing leads to no event, and is a success.
 */
import { HashMap, Option, Result, Schema } from "effect"
import type { BdevRef } from "../bdev/BdevSpec.ts"
import { resolveBdev } from "../bdev/bdev-decide.ts"
import type { CommandOf } from "../Command.ts"
import { InvalidArgument, NotFound, ReservationRefused } from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import type { EventOf } from "../Event.ts"
import { iscsiNameKey, RelativePortId } from "../ids.ts"
import { findBdev, findReservations, findTarget, lunsOf, type State } from "../State.ts"
import type { TargetNode } from "../target/TargetNode.ts"
import {
  GENERATIONS,
  InitiatorPort,
  isAllRegistrants,
  isRegistrantsType,
  noKey,
  REGISTRATIONS_MAX,
  REGISTRATIONS_PER_UNIT_MAX,
  Registrant,
  type Registration,
  type Reservation,
  ReservationType,
  registrantKey,
  registrantOf,
  type UnitReservations
} from "./Reservation.ts"
import { onlyThrough } from "./reservation-evolve.ts"

type Request = CommandOf<"ChangeReservations">
type Changed = EventOf<"ReservationsChanged">

/** What an action is decided on. `mine` is what its author is registered with. */
interface Situation {
  readonly state: State
  readonly request: Request
  readonly by: Registrant
  readonly target: TargetNode
  readonly unit: UnitReservations
  readonly mine: Registration | undefined
}

/** What is another way afterwards. */
type Change = Partial<Pick<Changed, "persistent" | "registered" | "unregistered" | "reservation" | "tellsRelease">>

/** Undefined: nothing is. */
type Outcome = Result.Result<Change | undefined, ReservationRefused>

const isRelativePort = Schema.is(RelativePortId)
const isRegistrant = Schema.is(Registrant)
const isInitiatorPort = Schema.is(InitiatorPort)
const isType = Schema.is(ReservationType)

const refuse = (
  { by, unit }: Pick<Situation, "by" | "unit">,
  answer: ReservationRefused["answer"],
  reason: string,
  hint: string
): Result.Result<never, ReservationRefused> => {
  const object = `reservation of ${unit.bdev.name} for ${quote(by.initiator)}`
  return Result.fail(new ReservationRefused({ object, answer, reason, hint }))
}

const sameNexus = (a: Registrant, b: Registrant): boolean => registrantKey(a) === registrantKey(b)

const isSamePort = (a: Pick<Registrant, "initiator" | "isid">, b: Pick<Registrant, "initiator" | "isid">): boolean =>
  iscsiNameKey(a.initiator) === iscsiNameKey(b.initiator) && a.isid === b.isid

/** Whether a nexus holds the reservation, alone or with all registrants. */
const holds = ({ registrations, reservation }: UnitReservations, nexus: Registrant): boolean => {
  if (reservation === undefined) return false
  if (reservation.holder !== undefined) return sameNexus(reservation.holder, nexus)
  return registrations.some((registration) => sameNexus(registration, nexus))
}

/** What becomes of the reservation when registrations go (SPC-4 5.12.11.2). */
const afterLoss = ({ registrations, reservation }: UnitReservations, gone: ReadonlyArray<Registrant>): Change => {
  if (reservation === undefined) return {}
  const keys = new Set(gone.map(registrantKey))
  const { holder, type } = reservation
  if (holder === undefined) {
    return registrations.every((registration) => keys.has(registrantKey(registration))) ? { reservation: null } : {}
  }
  if (!keys.has(registrantKey(holder))) return {}
  return { reservation: null, ...(isRegistrantsType(type) ? { tellsRelease: true } : {}) }
}

/** The portal groups that the target can be reached by. */
const portsOf = ({ pgIgMaps, relativePortIds }: TargetNode): ReadonlyArray<RelativePortId> => {
  const tags = new Set(pgIgMaps.map(({ portalGroup }) => portalGroup))
  return [...tags].flatMap((tag) => Option.toArray(HashMap.get(relativePortIds, tag))).sort((a, b) => a - b)
}

/** Each nexus once, the author first. */
const nexusesOf = ({ by, request, target }: Situation): ReadonlyArray<Registrant> => {
  const ports = request.allTargetPorts ? [...new Set([by.relativePort, ...portsOf(target)])] : [by.relativePort]
  const initiators = [{ initiator: by.initiator, isid: by.isid }, ...(request.others ?? [])]
  const nexuses = initiators.flatMap(({ initiator, isid }) =>
    ports.map((relativePort) => ({ initiator, isid, target: by.target, relativePort }))
  )
  return [...new Map(nexuses.toReversed().map((nexus) => [registrantKey(nexus), nexus])).values()].toReversed()
}

const hasRoom = ({ state, unit }: Situation, added: ReadonlyArray<Registrant>): boolean => {
  const known = new Set(unit.registrations.map(registrantKey))
  const more = added.filter((nexus) => !known.has(registrantKey(nexus))).length
  if (more === 0) return true
  const total = HashMap.reduce(state.reservations, 0, (sum, { registrations }) => sum + registrations.length)
  return known.size + more <= REGISTRATIONS_PER_UNIT_MAX && total + more <= REGISTRATIONS_MAX
}

const noRoom = (situation: Situation): Result.Result<never, ReservationRefused> => {
  const hint = `${REGISTRATIONS_PER_UNIT_MAX} for a disk and ${REGISTRATIONS_MAX} in all; unregister some`
  return refuse(situation, "no-resources", "would be one registration too many", hint)
}

const unregister = ({ by, request, unit }: Situation): Change => {
  const gone = unit.registrations.filter((registration) =>
    request.allTargetPorts
      ? isSamePort(registration, by) && iscsiNameKey(registration.target) === iscsiNameKey(by.target)
      : sameNexus(registration, by)
  )
  return { persistent: request.persistent, unregistered: gone.map(registrantOf), ...afterLoss(unit, gone) }
}

/** REGISTER, and REGISTER AND IGNORE EXISTING KEY (SPC-4 5.12.7). */
const register = (situation: Situation): Outcome => {
  const { mine, request } = situation
  if (request.action === "register" && (mine?.key ?? noKey) !== request.key) {
    return refuse(situation, "conflict", "was asked for with another key", "register with the key that is registered")
  }
  if (request.others !== undefined && (mine !== undefined || request.action !== "register")) {
    return refuse(situation, "invalid-parameter", "names initiator ports", "only a first REGISTER may (SPEC_I_PT)")
  }
  const key = request.serviceKey
  if (key === noKey) return Result.succeed(mine === undefined ? undefined : unregister(situation))
  const nexuses = nexusesOf(situation)
  if (!hasRoom(situation, nexuses)) return noRoom(situation)
  return Result.succeed({ persistent: request.persistent, registered: nexuses.map((nexus) => ({ ...nexus, key })) })
}

const withType = (situation: Situation, make: (type: ReservationType) => Outcome): Outcome => {
  const { scope, type } = situation.request
  if (scope === 0 && isType(type)) return make(type)
  const hint = "the scope is 0, the type 1, 3, 5, 6, 7 or 8"
  return refuse(situation, "invalid-type", `has scope ${scope} and type ${type}`, hint)
}

const reservationOf = (type: ReservationType, holder: Registrant): Reservation =>
  isAllRegistrants(type) ? { type } : { type, holder }

/** RESERVE (SPC-4 5.12.9). */
const reserve = (situation: Situation): Outcome =>
  withType(situation, (type) => {
    const { by, unit } = situation
    const { reservation } = unit
    if (reservation === undefined) return Result.succeed({ reservation: reservationOf(type, by) })
    if (holds(unit, by) && reservation.type === type) return Result.succeed(undefined)
    return refuse(situation, "conflict", "meets a reservation", "release it, or preempt its holder")
  })

/** RELEASE (SPC-4 5.12.11.1). */
const release = (situation: Situation): Outcome => {
  const { by, request, unit } = situation
  if (unit.reservation === undefined || !holds(unit, by)) return Result.succeed(undefined)
  const { type } = unit.reservation
  if (request.scope !== 0 || request.type !== type) {
    const hint = `it is of scope 0 and type ${type}`
    return refuse(situation, "invalid-release", `was to be released as type ${request.type}`, hint)
  }
  return Result.succeed({ reservation: null, ...(isRegistrantsType(type) ? { tellsRelease: true } : {}) })
}

/** CLEAR (SPC-4 5.12.11.3). */
const clear = ({ unit }: Situation): Outcome =>
  Result.succeed({ unregistered: unit.registrations.map(registrantOf), reservation: null })

const takeOver = (situation: Situation, gone: ReadonlyArray<Registration>): Outcome =>
  withType(situation, (type) => {
    const { by, unit } = situation
    const tells = unit.reservation !== undefined && unit.reservation.type !== type
    const unregistered = gone.filter((registration) => !sameNexus(registration, by)).map(registrantOf)
    return Result.succeed({
      unregistered,
      reservation: reservationOf(type, by),
      ...(tells ? { tellsRelease: true } : {})
    })
  })

/** PREEMPT, and PREEMPT AND ABORT (SPC-4 5.12.11.2, table 68). */
const preempt = (situation: Situation): Outcome => {
  const { request, unit } = situation
  const { registrations, reservation } = unit
  const { serviceKey } = request
  const matching = registrations.filter(({ key }) => key === serviceKey)
  if (reservation !== undefined) {
    const { holder } = reservation
    if (holder === undefined && serviceKey === noKey) return takeOver(situation, registrations)
    const holds = holder !== undefined && matching.some((registration) => sameNexus(registration, holder))
    if (holds) return takeOver(situation, matching)
  }
  if (serviceKey === noKey) {
    const hint = "name a key; 0 is for reservations of all registrants"
    return refuse(situation, "invalid-parameter", "names nobody to preempt", hint)
  }
  if (matching.length === 0) {
    return refuse(situation, "conflict", "names a key that nobody is registered with", "read the keys again")
  }
  return Result.succeed({ unregistered: matching.map(registrantOf), ...afterLoss(unit, matching) })
}

/** REGISTER AND MOVE (SPC-4 5.12.8). */
const registerAndMove = (situation: Situation): Outcome => {
  const { by, request, target, unit } = situation
  const { moveTo, serviceKey } = request
  const { holder, type } = unit.reservation ?? {}
  if (type === undefined || holder === undefined || !sameNexus(holder, by)) {
    return refuse(situation, "conflict", "is not its own to move", "only the one holder of a reservation may")
  }
  const relativePort = moveTo?.relativePort
  if (moveTo === undefined || serviceKey === noKey || isSamePort(moveTo, by)) {
    return refuse(situation, "invalid-parameter", "names nobody to move it to", "name another port, and its key")
  }
  if (!isRelativePort(relativePort) || !portsOf(target).includes(relativePort)) {
    const hint = `the target has the ports ${portsOf(target).join(", ")}`
    return refuse(situation, "invalid-parameter", `names the target port ${relativePort}`, hint)
  }
  const { initiator, isid } = moveTo
  const next: Registrant = { initiator, isid, target: by.target, relativePort }
  if (!hasRoom(situation, [next])) return noRoom(situation)
  return Result.succeed({
    persistent: request.persistent,
    registered: [{ ...next, key: serviceKey }],
    unregistered: moveTo.unregister ? [by] : [],
    reservation: { type, holder: next }
  })
}

const act = (situation: Situation): Outcome => {
  const { mine, request } = situation
  if (request.action === "register" || request.action === "register-and-ignore") return register(situation)
  if (mine === undefined || mine.key !== request.key) {
    const hint = "register first, and give the key that is registered"
    return refuse(situation, "conflict", "was asked for by a port that is not registered with this key", hint)
  }
  switch (request.action) {
    case "reserve":
      return reserve(situation)
    case "release":
      return release(situation)
    case "clear":
    case "cleared":
      return clear(situation)
    case "preempt":
    case "preempt-and-abort":
      return preempt(situation)
    case "register-and-move":
      return registerAndMove(situation)
  }
}

/** RESERVE and RELEASE leave PRGENERATION as it is (SPC-4 6.15.2). */
const generationAfter = ({ action }: Request, { generation }: UnitReservations): number =>
  action === "reserve" || action === "release" ? generation : (generation + 1) % GENERATIONS

const isMapped = (target: TargetNode, { incarnation, name }: Request["bdev"]): boolean =>
  lunsOf(target).some(({ bdev }) => bdev.name === name && bdev.incarnation === incarnation)

/** Names come from outside, and stay in the log for ever. */
const areNames = ({ moveTo, others = [] }: Request, by: Registrant): boolean =>
  isRegistrant(by) && others.every(isInitiatorPort) && (moveTo === undefined || isInitiatorPort(moveTo))

/** What an initiator's PERSISTENT RESERVE OUT leads to. */
export const decideChangeReservations = (state: State, request: Request): Decision => {
  const bdev = findBdev(state, request.bdev.name)
  const target = findTarget(state, request.by.target)
  // What one that goes is registered with is on record already, and would come back without this.
  const isThere = bdev?.incarnation === request.bdev.incarnation && bdev.phase._tag === "Active"
  if (!isThere || target === undefined || !isMapped(target, request.bdev)) {
    const object = `bdev ${quote(request.bdev.name)}`
    const reason = `is no disk of ${quote(request.by.target)}`
    return Result.fail(new NotFound({ object, reason, hint: "look for the disk again" }))
  }
  const by: Registrant = { ...registrantOf(request.by), target: target.name }
  if (!areNames(request, by)) {
    const object = `a name for a registration with bdev ${bdev.name}`
    const reason = "is too long, or no name"
    return Result.fail(new InvalidArgument({ object, reason, hint: "an iSCSI name has at most 223 characters" }))
  }
  const unit = findReservations(state, bdev.name) ?? {
    bdev: request.bdev,
    generation: 0,
    persistent: false,
    registrations: []
  }
  const mine = unit.registrations.find((registration) => sameNexus(registration, by))
  return Result.map(act({ state, request, by, target, unit, mine }), (change) =>
    change === undefined
      ? []
      : [
          {
            _tag: "ReservationsChanged",
            bdev: unit.bdev,
            action: request.action,
            by,
            generation: generationAfter(request, unit),
            registered: [],
            unregistered: [],
            ...change
          }
        ]
  )
}

/** What was registered with a disk that is back, as far as its LUNs are: as a record, or none. */
export const restoredReservations = (
  bdev: BdevRef,
  unit: UnitReservations | undefined,
  isReachable: (target: string) => boolean
): ReadonlyArray<Changed> => {
  const kept = unit === undefined ? undefined : onlyThrough(unit, isReachable)
  if (kept === undefined || kept.registrations.length === 0) return []
  const { persistent, registrations: registered, reservation } = kept
  return [
    {
      ...({ _tag: "ReservationsChanged", action: "restored", unregistered: [] } as const),
      ...{ bdev, generation: 0, persistent, registered },
      ...(reservation === undefined ? {} : { reservation })
    }
  ]
}

/** What an administrator's clearing leads to. */
export const decideClearReservations = (state: State, { bdev: name }: CommandOf<"ClearReservations">): Decision => {
  const bdev = resolveBdev(state, name)
  if (bdev === undefined) {
    const hint = "name a disk of `lunlog bdev list`"
    return Result.fail(new NotFound({ object: `bdev ${quote(name)}`, reason: "does not exist", hint }))
  }
  const unit = findReservations(state, bdev.name)
  if (unit === undefined || unit.registrations.length === 0) return Result.succeed([])
  return Result.succeed([
    {
      _tag: "ReservationsChanged",
      bdev: unit.bdev,
      action: "cleared",
      generation: (unit.generation + 1) % GENERATIONS,
      registered: [],
      unregistered: unit.registrations.map(registrantOf),
      reservation: null
    }
  ])
}
