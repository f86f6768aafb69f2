/** The fold of portal groups and initiator groups. See `evolve.ts` for what it guarantees. */
import { Brand, HashMap } from "effect"
import type { EventOf } from "../Event.ts"
import { type Incarnation, type PortalGroupTag, textKey } from "../ids.ts"
import { indexAdd, indexRemove, type MultiIndex } from "../multi-index.ts"
import { noAuth } from "../options/IscsiOptions.ts"
import { findInitiatorGroup, findPortalGroup, type State } from "../State.ts"
import { nameOf } from "./group-name-evolve.ts"
import type { InitiatorGroup } from "./InitiatorGroup.ts"
import { type Portal, type PortalGroup, portalKey } from "./PortalGroup.ts"

const incarnationOf = Brand.nominal<Incarnation>()

const withPortalIndex = (state: State, portals: MultiIndex<PortalGroupTag>): State["indexes"] => ({
  ...state.indexes,
  portals
})

/** `index` with the portals of a group. */
export const indexPortals = (
  index: MultiIndex<PortalGroupTag>,
  tag: PortalGroupTag,
  portals: ReadonlyArray<Portal>
): MultiIndex<PortalGroupTag> =>
  portals.reduce((rest, portal) => indexAdd(rest, portalKey(portal), String(tag), tag), index)

/** A portal group is there. */
export const evolvePortalGroupCreated = (state: State, event: EventOf<"PortalGroupCreated">, seq: number): State => {
  if (HashMap.has(state.portalGroups, event.tag)) return state
  const group: PortalGroup = {
    tag: event.tag,
    incarnation: incarnationOf(seq),
    ...nameOf(event),
    portals: event.portals,
    private: event.private,
    wait: event.wait,
    auth: noAuth
  }
  return {
    ...state,
    portalGroups: HashMap.set(state.portalGroups, event.tag, group),
    indexes: withPortalIndex(state, indexPortals(state.indexes.portals, event.tag, event.portals))
  }
}

/** A portal group accepts. */
export const evolvePortalGroupStarted = (state: State, event: EventOf<"PortalGroupStarted">): State => {
  const group = findPortalGroup(state, event.tag)
  if (group === undefined) return state
  return { ...state, portalGroups: HashMap.set(state.portalGroups, event.tag, { ...group, wait: false }) }
}

/** A portal group and its portals are free. */
export const evolvePortalGroupDeleted = (state: State, event: EventOf<"PortalGroupDeleted">): State => {
  const group = findPortalGroup(state, event.tag)
  if (group === undefined || group.incarnation !== event.incarnation) return state
  const id = String(group.tag)
  const portals = group.portals.reduce(
    (rest, portal) => indexRemove(rest, portalKey(portal), id),
    state.indexes.portals
  )
  return {
    ...state,
    portalGroups: HashMap.remove(state.portalGroups, event.tag),
    indexes: withPortalIndex(state, portals)
  }
}

/** An initiator group is there. */
export const evolveInitiatorGroupCreated = (
  state: State,
  event: EventOf<"InitiatorGroupCreated">,
  seq: number
): State => {
  if (HashMap.has(state.initiatorGroups, event.tag)) return state
  const group: InitiatorGroup = {
    tag: event.tag,
    incarnation: incarnationOf(seq),
    ...nameOf(event),
    initiators: event.initiators,
    netmasks: event.netmasks
  }
  return { ...state, initiatorGroups: HashMap.set(state.initiatorGroups, event.tag, group) }
}

const without = <A extends string>(items: ReadonlyArray<A>, removed: ReadonlyArray<A>): ReadonlyArray<A> => {
  const keys = new Set(removed.map(textKey))
  return items.filter((item) => !keys.has(textKey(item)))
}

/** Members at the end. */
export const evolveInitiatorGroupMembersAdded = (state: State, event: EventOf<"InitiatorGroupMembersAdded">): State => {
  const group = findInitiatorGroup(state, event.tag)
  if (group === undefined) return state
  const changed = {
    ...group,
    initiators: [...group.initiators, ...event.initiators],
    netmasks: [...group.netmasks, ...event.netmasks]
  }
  return { ...state, initiatorGroups: HashMap.set(state.initiatorGroups, event.tag, changed) }
}

/** Members are gone, the others keep their order. */
export const evolveInitiatorGroupMembersRemoved = (
  state: State,
  event: EventOf<"InitiatorGroupMembersRemoved">
): State => {
  const group = findInitiatorGroup(state, event.tag)
  if (group === undefined) return state
  const changed = {
    ...group,
    initiators: without(group.initiators, event.initiators),
    netmasks: without(group.netmasks, event.netmasks)
  }
  return { ...state, initiatorGroups: HashMap.set(state.initiatorGroups, event.tag, changed) }
}

/** An initiator group is gone. */
export const evolveInitiatorGroupDeleted = (state: State, event: EventOf<"InitiatorGroupDeleted">): State => {
  const group = findInitiatorGroup(state, event.tag)
  if (group === undefined || group.incarnation !== event.incarnation) return state
  return { ...state, initiatorGroups: HashMap.remove(state.initiatorGroups, event.tag) }
}
