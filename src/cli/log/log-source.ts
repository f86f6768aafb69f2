/**
 * Where `lunlog log` reads: a running target, over its socket, or the directory of an idle or copied log. Both give
 * records in the form of `eventlog_read`.
 */
import { Effect, Schema, type Scope, Stream } from "effect"
import type { LogReadFailed } from "../../../eventlog/EventLog.ts"
import type { LogArchive } from "../../../eventlog/LogArchive.ts"
import { recordView } from "../../rpc/record-view.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { findLogDirectory } from "../serve/state-directory.ts"

/** A record as it travels; `payload` and chain fields are shown as they are. */
export const RecordView = Schema.StructWithRest(
  Schema.Struct({
    seq: Schema.Number,
    at: Schema.Number,
    kind: Schema.String,
    type: Schema.String,
    v: Schema.Number,
    cause: Schema.Struct({
      source: Schema.String,
      actor: Schema.String,
      method: Schema.optional(Schema.String),
      requestId: Schema.optional(Schema.String),
      correlationId: Schema.optional(Schema.Number)
    }),
    payload: Schema.Unknown
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)
export type RecordView = typeof RecordView.Type

/** What verifying has found. */
export interface Verified {
  readonly control: number
  readonly observations: number
  readonly lastSeq: number
  readonly controlHash: string
}

/** A log that can be read. */
export interface LogSource {
  readonly tail: (count: number) => Effect.Effect<ReadonlyArray<RecordView>, CliFailure>
  /** Records from `from` on; waits up to `timeoutMillis` for the first. Undefined if this log cannot grow. */
  readonly follow:
    | ((from: number, timeoutMillis: number) => Effect.Effect<ReadonlyArray<RecordView>, CliFailure>)
    | undefined
  readonly show: (seq: number) => Effect.Effect<RecordView | undefined, CliFailure>
  readonly verify: (onProgress: (done: number, total: number) => void) => Effect.Effect<Verified, CliFailure>
}

const Page = Schema.Struct({ records: Schema.Array(RecordView) })
const VerifyAnswer = Schema.Struct({
  control: Schema.Number,
  observations: Schema.Number,
  last_seq: Schema.Number,
  control_hash: Schema.String
})

const decoded = <A>(schema: Schema.Codec<A, unknown>, answer: unknown): Effect.Effect<A, CliFailure> =>
  Effect.mapError(
    Schema.decodeUnknownEffect(schema)(answer),
    (error) =>
      new CliFailure({
        message:
          `the target's answer has not the expected form (${error.message.split("\n")[0]}); ` +
          "use the same lunlog on both ends"
      })
  )

/** Reading a whole log takes as long as it takes; in milliseconds. */
const verifyMillis = 3_600_000
const marginMillis = 30_000

const runningLog = (socketPath: string): Effect.Effect<LogSource, CliFailure, Scope.Scope> =>
  Effect.map(connectAs(socketPath), (client) => {
    const read = (params: unknown, timeoutMillis: number) =>
      callMethod(client, "eventlog_read", params, timeoutMillis).pipe(
        Effect.flatMap((answer) => decoded(Page, answer)),
        Effect.map(({ records }) => records)
      )
    return {
      tail: (count) =>
        callMethod(client, "eventlog_tail", { count }).pipe(
          Effect.flatMap((answer) => decoded(Page, answer)),
          Effect.map(({ records }) => records)
        ),
      follow: (from, timeoutMillis) => read({ from, timeout: timeoutMillis }, timeoutMillis + marginMillis),
      show: (seq) => Effect.map(read({ from: seq, to: seq }, marginMillis), ([record]) => record),
      verify: () =>
        callMethod(client, "eventlog_verify", undefined, verifyMillis).pipe(
          Effect.flatMap((answer) => decoded(VerifyAnswer, answer)),
          Effect.map(({ control, control_hash, last_seq, observations }) => ({
            control,
            observations,
            lastSeq: last_seq,
            controlHash: control_hash
          }))
        )
    }
  })

const readAll = (archive: LogArchive["Service"], from: number, to: number) =>
  archive.read({ from, to }).pipe(
    Stream.map(recordView),
    Stream.runCollect,
    Effect.mapError((error: LogReadFailed) => failureOf(error))
  )

const heldBy = (directory: string, pid: number | undefined): CliFailure => {
  const holder = pid === undefined ? "" : ` by process ${pid}`
  const hint = "ask that process for it: leave --state out, and name its socket with -r"
  return new CliFailure({ message: `the event log in ${directory} is in use${holder}; ${hint}` })
}

const storedLog = (directory: string): Effect.Effect<LogSource, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const { openForReading } = yield* Effect.promise(() => import("../../../eventlog/open-for-reading.ts"))
    const archive = yield* Effect.mapError(openForReading(findLogDirectory(directory)), (error) =>
      error._tag === "LogLocked" ? heldBy(directory, error.holderPid) : failureOf(error)
    )
    const { seq: last } = archive.durable()
    return {
      tail: (count) => readAll(archive, Math.max(1, last - count + 1), last),
      follow: undefined,
      show: (seq) => Effect.map(readAll(archive, seq, seq), ([record]) => record),
      verify: (onProgress) =>
        archive.verify(onProgress).pipe(
          Effect.mapError(failureOf),
          Effect.map(({ controlRecords, observations, tail }) => ({
            control: controlRecords,
            observations,
            lastSeq: tail.seq,
            controlHash: tail.controlHash
          }))
        )
    }
  })

/** A directory if one is given, else the target behind the socket. */
export const openLogSource = (
  directory: string | undefined,
  socketPath: string
): Effect.Effect<LogSource, CliFailure, Scope.Scope> =>
  directory === undefined ? runningLog(socketPath) : storedLog(directory)
