/** The fold of applied configurations. See `evolve.ts` for what it guarantees. */

import type { EventOf } from "../Event.ts"
import type { State } from "../State.ts"
import type { DesiredEntry } from "./AppliedConfig.ts"

/** A part that does not follow the one before belongs to nothing. */
export const evolveConfigDesiredPart = (state: State, event: EventOf<"ConfigDesiredPart">): State => {
  const before = event.index === 0 ? [] : state.configParts
  return event.index === before.length ? { ...state, configParts: [...before, event.desired] } : state
}

/** All entries of a closing event; undefined if parts are missing. */
const entriesOf = (
  state: State,
  { desired, parts }: EventOf<"ConfigApplied" | "ConfigTakenDown">
): ReadonlyArray<DesiredEntry> | undefined => {
  const before = parts === 0 ? [] : state.configParts
  return before.length === parts ? [...before, desired].flat() : undefined
}

/** Replaces what was applied before; a file of which parts are missing changes nothing but that they are forgotten. */
export const evolveConfigApplied = (state: State, event: EventOf<"ConfigApplied">, seq: number): State => {
  const { fileHash, name } = event
  const desired = entriesOf(state, event)
  if (desired === undefined) return { ...state, configParts: [] }
  return { ...state, configParts: [], appliedConfig: { name, fileHash, desired, seq } }
}

/** Replaces what was down before. */
export const evolveConfigTakenDown = (state: State, event: EventOf<"ConfigTakenDown">): State => ({
  ...state,
  configParts: [],
  configTakenDown: entriesOf(state, event) ?? state.configTakenDown
})
