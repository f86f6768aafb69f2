/** The fold of replays. See `evolve.ts` for what it guarantees. */
import { Brand, HashMap, Option } from "effect"
import type { EventOf } from "../Event.ts"
import type { Incarnation } from "../ids.ts"
import type { State } from "../State.ts"
import { noThings, type ReplayedThings } from "./Replay.ts"

const incarnationOf = Brand.nominal<Incarnation>()

const withoutThing = ({ toFork, toSource }: ReplayedThings, source: number): ReplayedThings => {
  const fork = Option.getOrUndefined(HashMap.get(toFork, source))
  if (fork === undefined) return { toFork, toSource }
  return { toFork: HashMap.remove(toFork, source), toSource: HashMap.remove(toSource, fork) }
}

/** Any earlier pair with either of them goes. */
const withThing = (things: ReplayedThings, source: number, fork: number): ReplayedThings => {
  const before = Option.getOrElse(HashMap.get(things.toSource, fork), () => source)
  const { toFork, toSource } = withoutThing(withoutThing(things, source), before)
  return { toFork: HashMap.set(toFork, source, incarnationOf(fork)), toSource: HashMap.set(toSource, fork, source) }
}

/** Records are about to be played. */
export const evolveReplayStarted = (state: State, { from, through }: EventOf<"ReplayStarted">): State => ({
  ...state,
  replay: { from, through, position: from, things: noThings, playedCount: 0, skippedCount: 0, ended: undefined }
})

/** Records were played, or had nothing to act on. */
export const evolveRecordsReplayed = (state: State, event: EventOf<"RecordsReplayed">, seq: number): State => {
  const { replay } = state
  if (replay === undefined || replay.ended !== undefined) return state
  const created = event.created
    .filter(({ back }) => back > 0 && back < seq)
    .reduce((things, { back, source }) => withThing(things, source, seq - back), replay.things)
  return {
    ...state,
    replay: {
      ...replay,
      position: Math.max(replay.position, event.through),
      things: event.gone.reduce(withoutThing, created),
      playedCount: replay.playedCount + event.playedCount,
      skippedCount: replay.skippedCount + event.skippedCount
    }
  }
}

/** No record is played any more. */
export const evolveReplayEnded = (state: State, { cause }: EventOf<"ReplayEnded">): State => {
  const { replay } = state
  if (replay === undefined || replay.ended !== undefined) return state
  return { ...state, replay: { ...replay, things: noThings, ended: cause } }
}
