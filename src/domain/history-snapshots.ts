/**
 * Snapshots of the past where there are none: of a log that was imported, or written by another fold version, or whose
 * snapshots were lost. Made once after a start, in the background, with a small share of the processor.
 */
import { type Duration, Effect, Result, Stream } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { type KeptSnapshot, keptLimits, keptSpacing } from "../../eventlog/kept-snapshots.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import type { StatePosition } from "./control-core.ts"
import { beginningOf } from "./control-start.ts"
import { decodeRecord } from "./event-codec.ts"
import { evolve, FOLD_VERSION } from "./evolve.ts"
import { decodeSnapshot, encodeSnapshot } from "./snapshot-codec.ts"

type Log = EventLog["Service"]

/** Records folded in one turn: less than a millisecond. */
const recordsPerTurn = 64
/** Between two turns, where IO goes on meanwhile. */
const pauseDefault = "10 millis"

/** Control records between two snapshots, at most: what a question about the past may have to fold. */
const longestStretch = 1.5 * keptSpacing

/** Where snapshots are too far apart: from the one to the other, by seq and number of a control record. */
interface Gap {
  readonly fromSeq: number
  readonly toSeq: number
}

type Place = Pick<KeptSnapshot, "controlSeq" | "controlNo">

/** The first stretch that is longer than questions should have to fold. */
const firstGap = (beginning: Place, kept: ReadonlyArray<KeptSnapshot>, end: Place): Gap | undefined => {
  const bytes = kept.reduce((sum, snapshot) => sum + snapshot.bytes, 0)
  // Snapshots that large are thinned out again.
  if (bytes > keptLimits.bytes / 2) return undefined
  const own = kept.filter(
    ({ controlNo, foldVersion }) => foldVersion === FOLD_VERSION && controlNo > beginning.controlNo
  )
  const places = [beginning, ...own, end]
  const at = places.findIndex(({ controlNo }, n) => (places[n + 1]?.controlNo ?? 0) - controlNo > longestStretch)
  const from = places[at]
  const to = places[at + 1]
  return from === undefined || to === undefined ? undefined : { fromSeq: from.controlSeq, toSeq: to.controlSeq }
}

const startOf = (log: Log, { fromSeq }: Gap) =>
  Effect.gen(function* () {
    const beginning = yield* Effect.fromResult(beginningOf(log))
    const snapshot = yield* log.snapshotAtOrBefore(FOLD_VERSION, fromSeq)
    if (snapshot === undefined || snapshot.controlSeq <= beginning.controlSeq) return beginning
    const { controlHash, controlNo, controlSeq } = snapshot
    const state = decodeSnapshot(snapshot.state, FOLD_VERSION)
    return Result.isSuccess(state) ? { state: state.success, controlSeq, controlNo, controlHash } : beginning
  })

/** One turn: the snapshots that fell due in it. */
const foldTurn = (position: StatePosition, lastKept: number, records: ReadonlyArray<LogRecord>) => {
  const due: Array<StatePosition> = []
  let { state } = position
  let last = position
  for (const record of records) {
    const event = decodeRecord(record)
    if (record.kind !== "control" || Result.isFailure(event)) return { last, due, isReadable: false }
    state = evolve(state, event.success, record.seq)
    last = { state, controlSeq: record.seq, controlNo: record.controlNo, controlHash: record.hash }
    if (record.controlNo - (due.at(-1)?.controlNo ?? lastKept) >= keptSpacing) due.push(last)
  }
  return { last, due, isReadable: true }
}

const keep = (log: Log, { state, ...position }: StatePosition) =>
  log.keepSnapshot({ ...position, foldVersion: FOLD_VERSION, state: encodeSnapshot(state) })

/** Folds through the gap; whether it could be read. */
const fillGap = (log: Log, gap: Gap, pause: Duration.Input) =>
  Effect.gen(function* () {
    let position = yield* startOf(log, gap)
    let lastKept = position.controlNo
    let isReadable = true
    const range = { from: position.controlSeq + 1, to: gap.toSeq, kind: "control", verify: false } as const
    const turns = log.read(range).pipe(
      Stream.grouped(recordsPerTurn),
      Stream.takeWhile(() => isReadable)
    )
    yield* Stream.runForEach(turns, (records) =>
      Effect.gen(function* () {
        const turn = foldTurn(position, lastKept, records)
        position = turn.last
        isReadable = turn.isReadable
        for (const due of turn.due) yield* keep(log, due)
        lastKept = turn.due.at(-1)?.controlNo ?? lastKept
        yield* Effect.sleep(pause)
      })
    )
    return isReadable
  })

/** Ends when no two snapshots are too far apart, or one cannot be made. Nobody waits for it, so a failure is a line. */
export const fillHistory = (log: Log, pause: Duration.Input = pauseDefault): Effect.Effect<void> =>
  Effect.gen(function* () {
    const beginning = yield* Effect.fromResult(beginningOf(log))
    const end = log.durable()
    let gap = firstGap(beginning, yield* log.keptSnapshots, end)
    while (gap !== undefined) {
      if (!(yield* fillGap(log, gap, pause))) return
      const next = firstGap(beginning, yield* log.keptSnapshots, end)
      // A snapshot that was not kept would be made for ever.
      if (next !== undefined && next.fromSeq <= gap.fromSeq) return
      gap = next
    }
  }).pipe(Effect.catch((error) => Effect.logWarning(`no snapshots of the past were made: ${error.message}`)))
