/** The fold of auth groups, and of who must authenticate. See `evolve.ts` for what it guarantees. */
import { Brand, HashMap } from "effect"
import type { EventOf } from "../Event.ts"
import { nameOf } from "../group/group-name-evolve.ts"
import type { Incarnation } from "../ids.ts"
import { findAuthGroup, findPortalGroup, type State } from "../State.ts"
import type { AuthGroup } from "./AuthGroup.ts"

const incarnationOf = Brand.nominal<Incarnation>()

const withGroup = (state: State, group: AuthGroup): State => ({
  ...state,
  authGroups: HashMap.set(state.authGroups, group.tag, group)
})

/** An auth group is there. */
export const evolveAuthGroupCreated = (state: State, event: EventOf<"AuthGroupCreated">, seq: number): State =>
  HashMap.has(state.authGroups, event.tag)
    ? state
    : withGroup(state, {
        tag: event.tag,
        incarnation: incarnationOf(seq),
        ...nameOf(event),
        secrets: event.secrets
      })

/** A secret at the end; the first of a user stays. */
export const evolveAuthGroupSecretAdded = (state: State, event: EventOf<"AuthGroupSecretAdded">): State => {
  const group = findAuthGroup(state, event.tag)
  if (group === undefined || group.secrets.some(({ user }) => user === event.secret.user)) return state
  return withGroup(state, { ...group, secrets: [...group.secrets, event.secret] })
}

/** A user's secret is gone. */
export const evolveAuthGroupSecretRemoved = (state: State, event: EventOf<"AuthGroupSecretRemoved">): State => {
  const group = findAuthGroup(state, event.tag)
  if (group === undefined) return state
  return withGroup(state, { ...group, secrets: group.secrets.filter(({ user }) => user !== event.user) })
}

/** An auth group is gone; who names it has no secrets. */
export const evolveAuthGroupDeleted = (state: State, event: EventOf<"AuthGroupDeleted">): State => {
  const group = findAuthGroup(state, event.tag)
  if (group === undefined || group.incarnation !== event.incarnation) return state
  return { ...state, authGroups: HashMap.remove(state.authGroups, event.tag) }
}

/** What discovery sessions need. */
export const evolveDiscoveryAuthSet = (state: State, event: EventOf<"DiscoveryAuthSet">): State => ({
  ...state,
  options: { ...state.options, auth: event.auth }
})

/** What discovery sessions over a portal group need besides. */
export const evolvePortalGroupAuthSet = (state: State, event: EventOf<"PortalGroupAuthSet">): State => {
  const group = findPortalGroup(state, event.tag)
  if (group === undefined) return state
  return { ...state, portalGroups: HashMap.set(state.portalGroups, event.tag, { ...group, auth: event.auth }) }
}
