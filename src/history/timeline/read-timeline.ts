/** Reads a timeline out of a log: what there was when it begins, and every record of its range, once. */
import { Effect, Option, Stream } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import type { State } from "../../domain/State.ts"
import { type Position, resolvePosition, resolveStart } from "../position.ts"
import { subjectOf } from "./observation-marks.ts"
import { TIMELINE_CELLS_MAX, type Timeline } from "./Timeline.ts"
import { type Describe, type OpenSession, TimelineFold } from "./TimelineFold.ts"

/** What to draw. */
export interface TimelineQuery {
  /** Default: an hour before the end. */
  readonly since: Position | undefined
  readonly until: Position
  /** How fine, at most `TIMELINE_CELLS_MAX`. */
  readonly cells: number
  /** Tags of objects: only their lanes; absent: all. */
  readonly objects?: ReadonlySet<string>
}

const defaultLengthMicros = 3_600_000_000
/** Logins and logouts before the range that are looked at for who is still there. */
const lookBackMax = 20_000

interface Range {
  readonly from: { readonly seq: number; readonly at: number }
  readonly to: { readonly seq: number; readonly at: number }
}

const atOf = (log: LogArchiveShape, seq: number): Effect.Effect<number | undefined, LogReadFailed> =>
  Effect.map(Stream.runHead(log.read({ from: seq, verify: false })), (record) => Option.getOrUndefined(record)?.at)

/** Undefined if there is no record at all. */
const rangeOf = (
  { since, until }: TimelineQuery,
  log: LogArchiveShape
): Effect.Effect<Range | undefined, LogReadFailed> =>
  Effect.gen(function* () {
    const first = Option.getOrUndefined(yield* Stream.runHead(log.read({ verify: false })))
    if (first === undefined) return undefined
    const to = Math.max(first.seq, yield* resolvePosition(log, until))
    const lastAt = (yield* atOf(log, to)) ?? first.at
    const toAt = until._tag === "Time" ? Math.max(lastAt, until.micros) : lastAt
    const start: Position = since ?? { _tag: "Time", micros: Math.max(0, toAt - defaultLengthMicros) }
    // Where records were compacted away, the state is known from the log's beginning on.
    const known = Math.max(first.seq, (log.beginning()?.controlSeq ?? 0) + 1)
    const from = Math.min(to, Math.max(known, yield* resolveStart(log, start)))
    const isByTime = start._tag === "Time" && from > known
    const fromAt = isByTime ? Math.max(first.at, start.micros) : ((yield* atOf(log, from)) ?? first.at)
    return { from: { seq: from, at: Math.min(fromAt, toAt) }, to: { seq: to, at: toAt } }
  })

/** Whoever logged in since the process started, and has not left: the newest word on each session counts. */
const openSessionsAt = (
  log: LogArchiveShape,
  state: State,
  seq: number
): Effect.Effect<ReadonlyArray<OpenSession>, LogReadFailed> => {
  const from = state.epoch?.startedAt
  if (from === undefined || seq < from) return Effect.succeed([])
  const known = new Set<number>()
  const open: Array<OpenSession> = []
  const look = (record: LogRecord): void => {
    if (record.kind !== "observation") return
    const { initiator = "", target = "", tsih } = subjectOf(record)
    if (tsih === undefined || known.has(tsih)) return
    known.add(tsih)
    if (record.type === "SessionOpened") open.push({ initiator, target, tsih })
  }
  const tags = [["type:SessionOpened", "type:SessionClosed"]]
  return log.find({ tags, from, to: seq, reverse: true }).pipe(
    Stream.take(lookBackMax),
    Stream.runForEach((record) => Effect.sync(() => look(record))),
    Effect.map(() => open.reverse())
  )
}

/** Whether nothing was served behind this record: the last process had ended in order. */
const hasEndedBy = (log: LogArchiveShape, seq: number): Effect.Effect<boolean, LogReadFailed> => {
  const tags = [["type:EpochStarted", "type:ProcessEnded"]]
  const last = Stream.runHead(log.find({ tags, to: seq, reverse: true }))
  return Effect.map(last, (record) => Option.getOrUndefined(record)?.type === "ProcessEnded")
}

/** The timeline; undefined of an empty log. `stateAt` gives the state as of a record. */
export const readTimeline = <E>(
  log: LogArchiveShape,
  query: TimelineQuery,
  stateAt: (seq: number) => Effect.Effect<State, E>,
  describe: Describe
): Effect.Effect<Timeline | undefined, E | LogReadFailed> =>
  Effect.gen(function* () {
    const range = yield* rangeOf(query, log)
    if (range === undefined) return undefined
    const { from, to } = range
    const state = yield* stateAt(from.seq - 1)
    const sessions = yield* openSessionsAt(log, state, from.seq - 1)
    const cells = Math.min(TIMELINE_CELLS_MAX, Math.max(1, query.cells))
    const cell = Math.max(1, Math.ceil((to.at - from.at) / cells))
    const hasEnded = from.seq > 1 && (yield* hasEndedBy(log, from.seq - 1))
    const start = new TimelineFold({ from: from.at, to: to.at, cell }, { state, sessions, hasEnded }, describe)
    const fold = yield* log.fold({ from: from.seq, to: to.seq }, start, (grown, record) => {
      grown.add(record)
      return grown
    })
    return {
      from,
      to,
      cell_micros: cell,
      records: fold.records,
      lanes: fold.finish(query.objects),
      lanes_hidden: query.objects === undefined ? fold.hidden : 0
    }
  })
