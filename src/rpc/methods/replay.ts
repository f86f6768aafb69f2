/**
 * `lunlog_replay_*`: the replay of a fork, in steps or on at a pace. Seqs and times are the source's, times in
 * microseconds since 1970.
 */
import { Clock, Effect, Result, Schema, Stream } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import { Event } from "../../domain/Event.ts"
import { describeRecord } from "../../history/describe/describe-record.ts"
import { describedObservations } from "../../history/describe/observation-sentence.ts"
import { fullPace, type Pace, parseSpeed } from "../../history/replay/pace.ts"
import { type PassedRecord, type ReplayError, Replayer, type ReplayStatus } from "../../history/replay/Replayer.ts"
import { parseStop, type StopCondition } from "../../history/replay/stop-condition.ts"
import { optional, SafeUint64, text, Uint32 } from "../param.ts"
import { errnoError, invalidParameters, type RpcError, refusal, rpcError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod, runtime } from "../RpcMethod.ts"
import { logError } from "./dispatch.ts"
import { takePage } from "./eventlog/record-page.ts"
import { recordInWords } from "./eventlog/record-view.ts"

/** Steps of one call. */
const stepsMax = 1000
/** Records in one answer. */
const recordsMax = 500
/** Longest that one call plays, in milliseconds: it may be called again. */
const untilMillisMax = 30_000
const conditionMax = 600

const object = "the replay"

const replayError = (error: ReplayError): RpcError => {
  switch (error._tag) {
    case "ReplayRefused":
      return rpcError(errnoError("EPERM"), { reason: `${object} ${error.reason}`, object, hint: error.hint })
    case "ReplayRecordsFailed":
      return rpcError(errnoError("EIO"), { reason: error.message, object, hint: "make the fork again" })
    case "LogUnavailable":
    case "AppendFailed":
      return logError(error)
    default:
      return refusal(error, errnoError("EPERM"))
  }
}

const answered = <A, R>(effect: Effect.Effect<A, ReplayError, R>): Effect.Effect<A, RpcError, R> =>
  Effect.mapError(effect, replayError)

const nextView = (record: LogRecord) => {
  const { at, seq, type } = record
  return { seq, at, type, text: describeRecord(record) }
}

const paceView = ({ maxGapMillis, speed }: Pace) => ({
  speed: speed === undefined ? "max" : String(speed),
  ...(maxGapMillis === undefined ? {} : { max_gap: maxGapMillis })
})

const statusView = ({ at, next, pace, phase, position, problem, replay, waitMillis }: ReplayStatus) => ({
  state: phase,
  ...(replay === undefined
    ? {}
    : {
        from: replay.from,
        through: replay.through,
        position,
        at,
        played: replay.playedCount,
        skipped: replay.skippedCount
      }),
  ...(next === undefined ? {} : { next: nextView(next) }),
  ...(waitMillis === undefined ? {} : { wait: Math.round(waitMillis) }),
  ...(pace === undefined ? {} : paceView(pace)),
  ...(problem === undefined ? {} : { problem })
})

const passedView = ({ note, record }: PassedRecord) => ({
  ...recordInWords(record),
  ...(note === undefined ? {} : { note })
})

const statusAnswer = Effect.flatMap(Replayer, ({ status }) => Effect.map(status, statusView))

const refusedParameter = (name: string, reason: string): RpcError =>
  rpcError(invalidParameters, { reason, object: name })

const Speed = text(20)

const paceOf = (speed: string | undefined, maxGap: number | undefined): Effect.Effect<Pace, RpcError> => {
  const parsed = speed === undefined ? Result.succeed(fullPace.speed) : parseSpeed(speed)
  return Result.isSuccess(parsed)
    ? Effect.succeed({ speed: parsed.success, maxGapMillis: maxGap })
    : Effect.fail(refusedParameter("speed", parsed.failure))
}

const types: ReadonlySet<string> = new Set([...Object.keys(Event.cases), ...describedObservations])

const conditionOf = (condition: string): Effect.Effect<StopCondition, RpcError, Replayer> =>
  Effect.gen(function* () {
    const content = (yield* Replayer).records()?.content ?? { instanceId: "", from: 0, through: 0, records: 0 }
    const nowMillis = yield* Clock.currentTimeMillis
    const stop = parseStop(condition, types, content, { nowMillis, zone: "utc" })
    return Result.isSuccess(stop) ? stop.success : yield* Effect.fail(refusedParameter("condition", stop.failure))
  })

/** With `after` also the records that were passed after it: 500 at most, `more` if there are others. */
const replayStatus = defineMethod({
  name: "lunlog_replay_status",
  states: anyState,
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({ after: optional(SafeUint64), limit: optional(Uint32) }),
  handler: ({ after, limit = recordsMax }) =>
    Effect.gen(function* () {
      const replayer = yield* Replayer
      const view = yield* statusAnswer
      if (after === undefined || view.state === "none") return view
      const wanted = Math.max(1, Math.min(limit, recordsMax))
      const { isLast, records } = yield* answered(replayer.passed(after, wanted))
      const { items, rest } = yield* takePage(Stream.fromIterable(records), wanted, passedView)
      return { ...view, records: items, more: !isLast || rest !== undefined }
    })
})

/** A step is what the source wrote at once, or one observation. */
const replayNext = defineMethod({
  name: "lunlog_replay_next",
  states: runtime,
  kind: "wait",
  sideEffect: "it plays records into the fork",
  paramsOptional: true,
  params: Schema.Struct({ count: optional(Uint32) }),
  handler: ({ count = 1 }) =>
    Effect.gen(function* () {
      const { next } = yield* Replayer
      if (count < 1 || count > stepsMax) {
        return yield* Effect.fail(refusedParameter("count", `plays 1 to ${stepsMax} steps in one call`))
      }
      yield* answered(next(count))
      return yield* statusAnswer
    })
})

/** Plays for at most `timeout` ms (30 s), and says whether the condition was met: it may be called again. */
const replayUntil = defineMethod({
  name: "lunlog_replay_until",
  states: runtime,
  kind: "wait",
  sideEffect: "it plays records into the fork",
  params: Schema.Struct({
    condition: text(conditionMax),
    before: optional(Schema.Boolean),
    speed: optional(Speed),
    max_gap: optional(Uint32),
    timeout: optional(Uint32)
  }),
  handler: ({ before = false, condition, max_gap, speed, timeout = untilMillisMax }) =>
    Effect.gen(function* () {
      const { until } = yield* Replayer
      const pace = yield* paceOf(speed, max_gap)
      const withinMillis = Math.min(timeout, untilMillisMax)
      const stop = { text: condition, condition: yield* conditionOf(condition), isBefore: before, pace, withinMillis }
      const met = yield* answered(until(stop))
      return { ...(yield* statusAnswer), met }
    })
})

/** Goes on in the background, and answers at once. */
const replayRun = defineMethod({
  name: "lunlog_replay_run",
  states: runtime,
  kind: "change",
  paramsOptional: true,
  params: Schema.Struct({ speed: optional(Speed), max_gap: optional(Uint32) }),
  handler: ({ max_gap, speed }) =>
    Effect.gen(function* () {
      const { run } = yield* Replayer
      yield* answered(run(yield* paceOf(speed, max_gap)))
      return yield* statusAnswer
    })
})

const replayPause = defineMethodWithoutParams({
  name: "lunlog_replay_pause",
  states: runtime,
  kind: "change",
  handler: () => Effect.flatMap(Replayer, ({ pause }) => Effect.andThen(answered(pause), statusAnswer))
})

/** For good: no further record is taken. What was held back for the record is reported by the fork itself. */
const replayStop = defineMethodWithoutParams({
  name: "lunlog_replay_stop",
  states: runtime,
  kind: "change",
  handler: () => Effect.flatMap(Replayer, ({ stop }) => Effect.andThen(answered(stop), statusAnswer))
})

/** This file's methods. */
export const replayMethods: ReadonlyArray<RpcMethod<Replayer>> = [
  replayStatus,
  replayNext,
  replayUntil,
  replayRun,
  replayPause,
  replayStop
]
