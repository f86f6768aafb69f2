/** The fold of a fork's beginning. See `evolve.ts` for what it guarantees. */
import type { EventOf } from "../Event.ts"
import type { State } from "../State.ts"

/** A fork of a fork knows the one that it is from; that one's log knows the rest, and what was played into it. */
export const evolveForked = (state: State, { _tag, ...origin }: EventOf<"Forked">, seq: number): State => ({
  ...state,
  fork: { ...origin, since: seq },
  replay: undefined
})
