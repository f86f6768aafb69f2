/** The groups of a state as a reactor sees them: who may come, and where. */
import { findInitiatorGroup, findPortalGroup, type State } from "../domain/State.ts"
import type { ReactorClient } from "./ReactorClient.ts"

/** Tells the reactor of an initiator group as it is in `state`. */
export const putInitiatorGroup = (client: ReactorClient, state: State, tag: number): void => {
  const group = findInitiatorGroup(state, tag)
  if (group === undefined) return
  const { initiators, netmasks } = group
  client.send({ _tag: "PutInitiatorGroup", group: { tag, initiators, netmasks } })
}

/** Tells the reactor of a portal group as it is in `state`. */
export const putPortalGroup = (client: ReactorClient, state: State, tag: number): void => {
  const group = findPortalGroup(state, tag)
  if (group === undefined) return
  const { auth, portals } = group
  client.send({ _tag: "PutPortalGroup", group: { tag, private: group.private, auth, portals } })
}
