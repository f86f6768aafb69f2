/** Who has created what is there: the log knows. */
import { Effect } from "effect"
import { EventLog, type LogReadFailed } from "../../eventlog/EventLog.ts"
import type { Cause } from "../../eventlog/record.ts"
import { bdevsOf, initiatorGroupsOf, lunsOf, portalGroupsOf, type State, targetsOf } from "../domain/State.ts"

/** Incarnations of everything in a state: the seqs of the records that have created it. */
const incarnationsOf = (state: State): ReadonlySet<number> =>
  new Set(
    [
      ...bdevsOf(state),
      ...portalGroupsOf(state),
      ...initiatorGroupsOf(state),
      ...targetsOf(state),
      ...targetsOf(state).flatMap(lunsOf)
    ].map(({ incarnation }) => incarnation)
  )

/** Incarnations of what `source` has created. Reads the control records from the oldest of them on. */
export const creatorsOf = (
  state: State,
  source: Cause["source"]
): Effect.Effect<ReadonlySet<number>, LogReadFailed, EventLog> =>
  Effect.gen(function* () {
    const incarnations = incarnationsOf(state)
    let oldest = Number.MAX_SAFE_INTEGER
    for (const incarnation of incarnations) oldest = Math.min(oldest, incarnation)
    const found = new Set<number>()
    if (incarnations.size === 0) return found
    const log = yield* EventLog
    return yield* log.fold({ from: oldest, kind: "control", verify: false }, found, (set, record) => {
      if (record.cause.source === source && incarnations.has(record.seq)) set.add(record.seq)
      return set
    })
  })
