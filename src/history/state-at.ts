/** The state as the log had it at any record: the nearest snapshot before it, and the control records in between. */
import { Effect, Result, Schema } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import type { AcceptedLoss } from "../../eventlog/loss.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"
import type { ControlRecord, LogRecord } from "../../eventlog/record.ts"
import type { StatePosition } from "../domain/control-core.ts"
import { beginningOf } from "../domain/control-start.ts"
import { decodeRecord, type UnreadableEvent } from "../domain/event-codec.ts"
import { evolve, FOLD_VERSION } from "../domain/evolve.ts"
import { initialState } from "../domain/State.ts"
import { decodeSnapshot } from "../domain/snapshot-codec.ts"

/** The records that led to a state are not in this log any more. */
export class StateUnknown extends Schema.TaggedError<StateUnknown>()("StateUnknown", {
  seq: Schema.Number,
  /** The first record of which the state is known. */
  knownFrom: Schema.Number,
  /** Which archive should be there and is not, as a sentence. */
  missing: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const known = `the log begins with the state at record ${this.knownFrom}`
    const why = this.missing === undefined ? "the records in front were not kept" : this.missing
    return `the state at record ${this.seq} is not known: ${known}, and ${why}; name that record or a later one`
  }
}

/** Why there is no answer. */
export type StateAtError = LogReadFailed | UnreadableEvent | StateUnknown

/** The state in front of the first record of all. */
const nothing: StatePosition = { state: initialState, controlSeq: 0, controlNo: 0, controlHash: "" }

interface Fold {
  readonly losses: ReadonlyArray<AcceptedLoss>
  position: StatePosition
  fault: UnreadableEvent | StateUnknown | undefined
}

/** Over a loss that was accepted the target itself has folded on, too: it ran with this state. */
const continues = ({ losses, position }: Fold, { controlNo, hash }: ControlRecord): boolean =>
  controlNo === position.controlNo + 1 ||
  losses.some(({ afterHash, nextHash }) => afterHash === position.controlHash && nextHash === hash)

const foldControl = (fold: Fold, record: ControlRecord, wanted: number): void => {
  if (!continues(fold, record)) {
    fold.fault = new StateUnknown({ seq: wanted, knownFrom: record.seq })
    return
  }
  const event = decodeRecord(record)
  if (Result.isFailure(event)) {
    fold.fault = event.failure
    return
  }
  const state = evolve(fold.position.state, event.success, record.seq)
  fold.position = { state, controlSeq: record.seq, controlNo: record.controlNo, controlHash: record.hash }
}

/** Where to begin to fold: a snapshot that cannot be used costs time and nothing else. */
const startBefore = (log: LogArchiveShape, seq: number): Effect.Effect<StatePosition, StateAtError> =>
  Effect.gen(function* () {
    const snapshot = yield* log.snapshotAtOrBefore(FOLD_VERSION, seq)
    if (snapshot !== undefined) {
      const { controlHash, controlNo, controlSeq } = snapshot
      const state = decodeSnapshot(snapshot.state, FOLD_VERSION)
      if (Result.isSuccess(state)) return { state: state.success, controlSeq, controlNo, controlHash }
    }
    const beginning = yield* Effect.fromResult(beginningOf(log))
    return beginning.controlSeq <= seq ? beginning : nothing
  })

/**
 * The state with every control record up to and including `seq` in it, and the last of them. Of records that are in
 * archives it is told as long as these are there.
 */
export const stateAt = (log: LogArchiveShape, seq: number): Effect.Effect<StatePosition, StateAtError> =>
  Effect.gen(function* () {
    const start = yield* startBefore(log, seq)
    const isAfter = start.controlSeq > 0
    const range = {
      from: start.controlSeq + 1,
      to: seq,
      kind: "control",
      ...(isAfter ? { after: start } : {})
    } as const
    const fold: Fold = { losses: log.losses(), position: start, fault: undefined }
    const step = (grown: Fold, record: LogRecord): Fold => {
      if (record.kind === "control" && grown.fault === undefined) foldControl(grown, record, seq)
      return grown
    }
    const { fault, position } = yield* log.fold(range, fold, step)
    if (fault !== undefined) return yield* fault
    const beginning = log.beginning()
    if (beginning === undefined || position.controlSeq > 0 || seq < 1) return position
    const missing = log.missingArchive()
    const knownFrom = beginning.controlSeq
    return yield* new StateUnknown({ seq, knownFrom, ...(missing === undefined ? {} : { missing }) })
  })
