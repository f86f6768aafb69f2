/** Whether an object is in a state: the check of a search that needs no command. */
import {
  authGroupsOf,
  findTarget,
  initiatorGroupsOf,
  portalGroupsOf,
  type State,
  targetsOf
} from "../../domain/State.ts"
import { existsIn } from "../exists-in.ts"
import { type LogObject, objectsCalled, parseObject } from "../LogObject.ts"

/** The target's name in full: people may leave out what is in front of its colon. */
const fullName = (state: State, name: string): string =>
  findTarget(state, name)?.name ??
  targetsOf(state).find((target) => target.name.toLowerCase().endsWith(`:${name.toLowerCase()}`))?.name ??
  name

const isObjectIn = (state: State, object: LogObject): boolean => {
  if (object._tag === "Target") return existsIn(state, { ...object, name: fullName(state, object.name) })
  if (object._tag === "Lun") return existsIn(state, { ...object, target: fullName(state, object.target) })
  return existsIn(state, object)
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
