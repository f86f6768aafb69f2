/** Whether a state has an object: a log that was compacted, or a fork's, has no record of what it began with. */
import { Effect } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"
import {
  findAuthGroup,
  findBdev,
  findInitiatorGroup,
  findLun,
  findPortalGroup,
  findTarget,
  type State,
  targetsOf
} from "../domain/State.ts"
import type { LogObject } from "./LogObject.ts"
import { stateAt } from "./state-at.ts"

/** By its name in full, also on its way out. Sessions and hosts are in no state. */
export const existsIn = (state: State, object: LogObject): boolean => {
  switch (object._tag) {
    case "Target":
      return findTarget(state, object.name) !== undefined
    case "Lun": {
      const target = findTarget(state, object.target)
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
    case "Session":
    case "Initiator":
    case "Address":
      return false
  }
}

/** The state that a log begins with, if it does not begin with nothing; what cannot be read is nothing here. */
export const stateOfBeginning = (log: LogArchiveShape): Effect.Effect<State | undefined, LogReadFailed> => {
  const beginning = log.beginning()
  if (beginning === undefined) return Effect.undefined
  return stateAt(log, beginning.controlSeq).pipe(
    Effect.map(({ state }): State | undefined => state),
    Effect.catchTags({ StateUnknown: () => Effect.undefined, UnreadableEvent: () => Effect.undefined })
  )
}

/** Names of the targets that a state has: what people call in short. */
export const targetNamesIn = (state: State): ReadonlyArray<string> => targetsOf(state).map(({ name }) => name)
