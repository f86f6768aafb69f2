/** Whether an object is in a state: the check of a search that needs no command. */
import {
  authGroupsOf,
  findAuthGroup,
  findBdev,
  findInitiatorGroup,
  findLun,
  findPortalGroup,
  findTarget,
  initiatorGroupsOf,
  portalGroupsOf,
  type State,
  targetsOf
} from "../../domain/State.ts"
import type { TargetNode } from "../../domain/TargetNode.ts"
import { type LogObject, objectsCalled, parseObject } from "../LogObject.ts"

/** By its name, or by what follows the prefix of its name. */
const targetCalled = (state: State, name: string): TargetNode | undefined =>
  findTarget(state, name) ??
  targetsOf(state).find((target) => target.name.toLowerCase().endsWith(`:${name.toLowerCase()}`))

const isObjectIn = (state: State, object: LogObject): boolean => {
  switch (object._tag) {
    case "Target":
      return targetCalled(state, object.name) !== undefined
    case "Lun": {
      const target = targetCalled(state, object.target)
      return target !== undefined && findLun(target, object.lun) !== undefined
    }
    case "Bdev":
      return findBdev(state, object.name) !== undefined
    case "PortalGroup":
      return findPortalGroup(state, object.tag) !== undefined
    case "InitiatorGroup":
      return findInitiatorGroup(state, object.tag) !== undefined
    case "AuthGroup":
      return findAuthGroup(state, object.tag) !== undefined
    case "Config":
      return state.appliedConfig?.name === object.name
    case "Initiator":
    case "Address":
    case "Session":
      return false
  }
}

const isOfState = ({ _tag }: LogObject): boolean => _tag !== "Initiator" && _tag !== "Address" && _tag !== "Session"

const hasGroupCalled = (state: State, text: string): boolean =>
  [...portalGroupsOf(state), ...initiatorGroupsOf(state), ...authGroupsOf(state)].some(({ name }) => name === text)

/** Whether a state holds what `text` names: `bdev:Malloc0`, `lun:disk1:0`, `disk1`. Also what is on its way out. */
export const stateHolds = (text: string): ((state: State) => boolean) | undefined => {
  const typed = parseObject(text)
  const objects = (typed === undefined ? objectsCalled(text) : [typed]).filter(isOfState)
  if (objects.length === 0) return undefined
  const named = (state: State) => typed === undefined && hasGroupCalled(state, text)
  return (state) => objects.some((object) => isObjectIn(state, object)) || named(state)
}
