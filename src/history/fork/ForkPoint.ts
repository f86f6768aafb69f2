/** The moment of a log that a fork goes on from: the state then, and the control record that led to it. */
import { Effect, Schema, Stream } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { StatePosition } from "../../domain/control-core.ts"
import { type StateAtError, stateAt } from "../state-at.ts"

/** Where a fork begins. Times are microseconds since 1970. */
export interface ForkPoint extends StatePosition {
  /** The record that was asked for; `controlSeq` is the last one up to it that changed something. */
  readonly seq: number
  /** When it was written. */
  readonly at: number
  /** When the last control record up to it was written. */
  readonly controlAt: number
}

/** Nothing has happened yet at this place: there is no target to fork. */
export class NothingToFork extends Schema.TaggedError<NothingToFork>()("NothingToFork", { seq: Schema.Number }) {
  override get message() {
    return `at record ${this.seq} nothing had started yet: there is nothing to fork; name a later record`
  }
}

/** When a record was written; the nearest one before it if it is not kept any more. */
const timeOf = (log: LogArchiveShape, seq: number): Effect.Effect<number | undefined, LogReadFailed> =>
  Effect.map(Stream.runCollect(log.read({ from: seq, to: seq })), ([record]) => record?.at)

/** The fork point at a record, which must be one of the log. */
export const forkPointAt = (
  log: LogArchiveShape,
  seq: number
): Effect.Effect<ForkPoint, StateAtError | NothingToFork> =>
  Effect.gen(function* () {
    const position = yield* stateAt(log, seq)
    if (position.state.epoch === undefined) return yield* new NothingToFork({ seq })
    const beginning = log.beginning()
    const isBeginning = beginning?.controlSeq === position.controlSeq
    const controlAt = isBeginning ? beginning.at : yield* timeOf(log, position.controlSeq)
    const at = seq === position.controlSeq ? controlAt : yield* timeOf(log, seq)
    return { ...position, seq, at: at ?? controlAt ?? 0, controlAt: controlAt ?? 0 }
  })
