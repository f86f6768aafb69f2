/**
 * How the control plane begins and ends: the newest snapshot, the records after it, and a snapshot for the next time.
 */
import { Effect, Result } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import type { LogArchive } from "../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import type { ControlCore, StatePosition } from "./control-core.ts"
import { decodeRecord, UnreadableEvent } from "./event-codec.ts"
import { evolve, FOLD_VERSION } from "./evolve.ts"
import { initialState } from "./State.ts"
import { decodeSnapshot, encodeSnapshot } from "./snapshot-codec.ts"
import { traced } from "./tracing.ts"

const emptyBeginning: StatePosition = { state: initialState, controlSeq: 0, controlNo: 0, controlHash: "" }

/**
 * The state in front of the first control record of a log: empty, or what its genesis says. A genesis that cannot be
 * decoded is a failure and never an empty state.
 */
export const beginningOf = (
  log: Pick<LogArchive["Service"], "beginning">
): Result.Result<StatePosition, UnreadableEvent> => {
  const genesis = log.beginning()
  if (genesis === undefined) return Result.succeed(emptyBeginning)
  const { controlHash, controlNo, controlSeq, foldVersion } = genesis
  return Result.mapBoth(decodeSnapshot(genesis.state, foldVersion), {
    onSuccess: (state) => ({ state, controlSeq, controlNo, controlHash }),
    onFailure: (detail) => new UnreadableEvent({ seq: controlSeq, type: "Genesis", v: foldVersion, detail })
  })
}

interface Fold {
  position: StatePosition
  fault: UnreadableEvent | undefined
}

/** Stops at the first record that cannot be read: what comes after it would fold to a state that never was. */
const foldRecord = (fold: Fold, record: LogRecord): Fold => {
  if (record.kind !== "control" || fold.fault !== undefined) return fold
  const event = decodeRecord(record)
  if (Result.isFailure(event)) {
    fold.fault = event.failure
    return fold
  }
  fold.position = {
    state: evolve(fold.position.state, event.success, record.seq),
    controlSeq: record.seq,
    controlNo: record.controlNo,
    controlHash: record.hash
  }
  return fold
}

const fromSnapshot = Effect.fnUntraced(function* (log: LogArchive["Service"]) {
  const beginning = beginningOf(log)
  const snapshot = yield* log.readSnapshot(FOLD_VERSION)
  if (snapshot === undefined) return yield* Effect.fromResult(beginning)
  const state = decodeSnapshot(snapshot.state, FOLD_VERSION)
  if (Result.isFailure(state)) {
    yield* Effect.logWarning(`the snapshot of record ${snapshot.controlSeq} is not used: ${state.failure}`)
    return yield* Effect.fromResult(beginning)
  }
  const { controlHash, controlNo, controlSeq } = snapshot
  return { state: state.success, controlSeq, controlNo, controlHash }
})

/** The state that the log says, up to its durable end. */
export const readState = (log: LogArchive["Service"]): Effect.Effect<StatePosition, LogReadFailed | UnreadableEvent> =>
  Effect.gen(function* () {
    const start = yield* fromSnapshot(log)
    const fold: Fold = { position: start, fault: undefined }
    const range = { from: start.controlSeq + 1, after: start, kind: "control" } as const
    const { fault, position } = yield* log.fold(range, fold, foldRecord)
    return fault === undefined ? position : yield* fault
  })

/** A failed snapshot costs time at the next start and nothing else. Gives how many bytes the state has. */
export const writeSnapshot = (log: EventLog["Service"], core: ControlCore): Effect.Effect<number> =>
  Effect.suspend(() => {
    const { state, ...position } = core.durable
    core.snapshotTaken()
    const bytes = encodeSnapshot(state)
    return log.writeSnapshot({ ...position, foldVersion: FOLD_VERSION, state: bytes }).pipe(
      Effect.catch((error) => Effect.logWarning(`no snapshot was written: ${error.message}`)),
      Effect.as(bytes.length),
      traced("snapshot", () => ({
        root: true,
        attributes: { "lunlog.seq": position.controlSeq, "lunlog.snapshot.bytes": bytes.length }
      }))
    )
  })
