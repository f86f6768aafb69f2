/** The fold of applied configurations. See `evolve.ts` for what it guarantees. */
import type { EventOf } from "./Event.ts"
import type { State } from "./State.ts"

/** A part that does not follow the one before belongs to nothing. */
export const evolveConfigDesiredPart = (state: State, event: EventOf<"ConfigDesiredPart">): State => {
  const before = event.index === 0 ? [] : state.configParts
  return event.index === before.length ? { ...state, configParts: [...before, event.desired] } : state
}

/** Replaces what was applied before; a file of which parts are missing changes nothing but that they are forgotten. */
export const evolveConfigApplied = (state: State, event: EventOf<"ConfigApplied">, seq: number): State => {
  const { desired, fileHash, name, parts } = event
  const before = parts === 0 ? [] : state.configParts
  if (before.length !== parts) return { ...state, configParts: [] }
  const all = [...before, desired].flat()
  return { ...state, configParts: [], appliedConfig: { name, fileHash, desired: all, seq } }
}
