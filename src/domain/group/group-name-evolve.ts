/** The fold of the names of groups. See `evolve.ts` for what it guarantees. */
import { HashMap } from "effect"
import type { EventOf } from "../Event.ts"
import type { GroupName } from "../ids.ts"
import type { State } from "../State.ts"

/** The name of an event, if it has any. */
export const nameOf = ({ name }: { readonly name?: GroupName }): { readonly name?: GroupName } =>
  name === undefined ? {} : { name }

/** A group has another name, or none. */
export const evolveGroupNamed = (state: State, event: EventOf<"GroupNamed">): State => {
  const { authGroups, initiatorGroups, portalGroups } = state
  const name = nameOf(event)
  switch (event.kind) {
    case "portal": {
      const renamed = HashMap.modify(portalGroups, event.tag, ({ name: _, ...group }) => ({ ...group, ...name }))
      return { ...state, portalGroups: renamed }
    }
    case "initiator": {
      const renamed = HashMap.modify(initiatorGroups, event.tag, ({ name: _, ...group }) => ({ ...group, ...name }))
      return { ...state, initiatorGroups: renamed }
    }
    case "auth": {
      const renamed = HashMap.modify(authGroups, event.tag, ({ name: _, ...group }) => ({ ...group, ...name }))
      return { ...state, authGroups: renamed }
    }
  }
}
