/**
 * Why a record of the source cannot be played into a fork. Most have nothing to act on, which the fold tells; the rest
 * would leave something behind that refers to nothing, because somebody has changed the fork meanwhile. An address that
 * is taken is none: its portal is desired, and fails.
 */
import { HashMap } from "effect"
import type { BdevRef } from "../bdev/BdevSpec.ts"
import type { Event, EventOf } from "../Event.ts"
import { evolve } from "../evolve.ts"
import { indexHas } from "../multi-index.ts"
import {
  authGroupsOf,
  findAuthGroup,
  findBdev,
  findInitiatorGroup,
  findPortalGroup,
  findTarget,
  initiatorGroupsOf,
  lunsOf,
  portalGroupsOf,
  type State
} from "../State.ts"
import type { PgIgMap } from "../target/TargetNode.ts"

const missingBdev = (state: State, { incarnation, name }: BdevRef): string | undefined => {
  const bdev = findBdev(state, name)
  if (bdev?.incarnation === incarnation && bdev.phase._tag === "Active") return undefined
  return `bdev ${name} is not there, or is another one`
}

const missingGroup = (state: State, { initiatorGroup, portalGroup }: PgIgMap): string | undefined => {
  if (findPortalGroup(state, portalGroup) === undefined) return `portal group ${portalGroup} is not there`
  if (findInitiatorGroup(state, initiatorGroup) === undefined) return `initiator group ${initiatorGroup} is not there`
  return undefined
}

const groupsOf = { portal: portalGroupsOf, initiator: initiatorGroupsOf, auth: authGroupsOf }

const takenName = (state: State, kind: keyof typeof groupsOf, tag: number, name?: string): string | undefined => {
  const isTaken = name !== undefined && groupsOf[kind](state).some((group) => group.name === name && group.tag !== tag)
  return isTaken ? `the name ${name} is another ${kind} group's here` : undefined
}

const unmapped = (state: State, { portalGroup, target }: EventOf<"TargetNodeRedirectSet">): string | undefined => {
  const isMapped = findTarget(state, target)?.pgIgMaps.some((map) => map.portalGroup === portalGroup)
  if (isMapped && findPortalGroup(state, portalGroup)?.private === false) return undefined
  return `portal group ${portalGroup} is not mapped to it, or is private`
}

const missingNamed = (state: State, { kind, name, tag }: EventOf<"GroupNamed">): string | undefined => {
  const find = { portal: findPortalGroup, initiator: findInitiatorGroup, auth: findAuthGroup }[kind]
  if (find(state, tag) === undefined) return `${kind} group ${tag} is not there`
  return takenName(state, kind, tag, name)
}

const heldBdev = (state: State, { name }: BdevRef): string | undefined =>
  indexHas(state.indexes.mappings, name) || indexHas(state.indexes.dependents, name)
    ? `bdev ${name} is used by something that was made here, and goes with it`
    : undefined

const hasLunOf = (state: State, name: string, { incarnation, name: bdev }: BdevRef): boolean => {
  const target = findTarget(state, name)
  return (
    target !== undefined && lunsOf(target).some((lun) => lun.bdev.name === bdev && lun.bdev.incarnation === incarnation)
  )
}

const missingFor = (state: State, event: Event): string | undefined => {
  switch (event._tag) {
    case "LunAdded": {
      const isThere = findTarget(state, event.target)?.phase._tag === "Active"
      return isThere ? missingBdev(state, event.bdev) : `target ${event.target} is not there`
    }
    case "BdevCreated":
      if (indexHas(state.indexes.uuids, event.uuid)) return `another bdev here has the UUID ${event.uuid}`
      return "base" in event.spec ? missingBdev(state, event.spec.base) : undefined
    case "ReservationsChanged": {
      const missing = event.registered.find(({ target }) => !hasLunOf(state, target, event.bdev))
      return missing === undefined ? undefined : `target ${missing.target} has no LUN of ${event.bdev.name} here`
    }
    case "BdevRemoved":
      return heldBdev(state, event)
    case "TargetNodeDeleted": {
      const target = findTarget(state, event.target)
      if (target === undefined || HashMap.isEmpty(target.luns)) return undefined
      return `target ${event.target} has LUNs that were added here, and goes with them`
    }
    case "TargetNodeMapsAdded":
      return event.maps.map((map) => missingGroup(state, map)).find((missing) => missing !== undefined)
    case "TargetNodeMapAccessSet":
      return missingGroup(state, event)
    case "TargetNodeRedirectSet":
      return unmapped(state, event)
    case "PortalGroupCreated":
      return takenName(state, "portal", event.tag, event.name)
    case "InitiatorGroupCreated":
      return takenName(state, "initiator", event.tag, event.name)
    case "AuthGroupCreated":
      return takenName(state, "auth", event.tag, event.name)
    case "GroupNamed":
      return missingNamed(state, event)
    default:
      return undefined
  }
}

/** A deed leaves no trace in the state. */
const missingForDeed = (state: State, event: Event): string | undefined => {
  if (event._tag === "BdevErrorInjected") return missingBdev(state, event)
  if (event._tag !== "TargetNodeLogoutRequested") return undefined
  const isThere = findTarget(state, event.target)?.incarnation === event.incarnation
  return isThere ? undefined : `target ${event.target} is not there, or is another one`
}

const isDeed = ({ _tag }: Event): boolean => _tag === "BdevErrorInjected" || _tag === "TargetNodeLogoutRequested"

const idleText = ({ _tag }: Event): string =>
  /(?:Removed|Deleted)$/u.test(_tag) ? "it is gone already" : "what it acts on is not there, or is so already"

/** What is in the way of an event whose incarnations are the fork's, as a part of a sentence; undefined if nothing. */
export const replayObstacle = (state: State, event: Event): string | undefined => {
  if (isDeed(event)) return missingForDeed(state, event)
  const missing = missingFor(state, event)
  if (missing !== undefined) return missing
  return evolve(state, event, 0) === state ? idleText(event) : undefined
}
