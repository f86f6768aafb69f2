/** The fold of an epoch's start. See `evolve.ts` for what it guarantees. */
import { HashMap } from "effect"
import type { Bdev } from "./bdev/Bdev.ts"
import type { Epoch } from "./Epoch.ts"
import type { EventOf } from "./Event.ts"
import { noThings } from "./replay/Replay.ts"
import { reservationsAfterRestart } from "./reservation/reservation-evolve.ts"
import { initialState, type State } from "./State.ts"

/** Memory does not outlive its process, unless a file keeps it. Costs a pass over the bdevs, once per start. */
const isInMemory = ({ spec }: Bdev): boolean =>
  (spec._tag === "Malloc" || spec._tag === "Overlay") && spec.filename === undefined

const afterRestart = (bdev: Bdev): Bdev => (isInMemory(bdev) ? { ...bdev, contentLost: true } : bdev)

/** A replay goes on in every epoch, its own ones included; what it has made is gone with an empty one. */
const replayAfter = ({ replay }: State, mode: Epoch["mode"]): State["replay"] =>
  replay === undefined || mode === "resume" ? replay : { ...replay, things: noThings }

/**
 * `empty` forgets all but the epoch, where a fork is from and that a replay is on; `resume` keeps all but the content
 * of memory and the reservations that are not to outlive the process.
 */
export const evolveEpochStarted = (state: State, event: EventOf<"EpochStarted">, seq: number): State => {
  const epoch: Epoch = {
    number: event.epoch,
    mode: event.mode,
    instanceId: event.instanceId,
    version: event.version,
    startedAt: seq
  }
  return event.mode === "empty"
    ? { ...initialState, epoch, fork: state.fork, replay: replayAfter(state, event.mode) }
    : {
        ...state,
        epoch,
        bdevs: HashMap.map(state.bdevs, afterRestart),
        reservations: reservationsAfterRestart(state)
      }
}
