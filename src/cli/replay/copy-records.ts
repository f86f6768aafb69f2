/** Copies the later records of a source into a fork that is to play them. */
import { Clock, Effect, Option, Result, Schema, Stream } from "effect"
import { parsePosition } from "../../history/position.ts"
import type { ReplayContent } from "../../history/replay/ReplayRecords.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { progressBar } from "../config/progress.ts"
import { ask, type LogSource, openLogSource } from "../log/log-source.ts"
import { replayFilePath, writeReplayFile } from "./ReplayFile.ts"

/** How long one page may take, in milliseconds. */
const pageMillis = 120_000

const Page = Schema.Struct({
  records: Schema.Array(Schema.Unknown),
  durable_seq: Schema.Number,
  next: Schema.optional(Schema.Number)
})

/** Which records. */
export interface CopyWish {
  /** The source: a directory, or else who serves the socket. */
  readonly source: string | undefined
  readonly socketPath: string
  readonly instanceId: string
  /** Last change that the fork begins with. */
  readonly from: number
  /** Last record that is of the fork's moment or before it. */
  readonly seq: number
  /** Last place to be played; undefined: the end of the log as it is now. */
  readonly until: string | undefined
  /** State directory of the fork. */
  readonly directory: string
}

const readPage = (log: LogSource, from: number, range: Readonly<Record<string, unknown>>) =>
  ask(log, Page, "eventlog_read", { from, ...range }, { timeoutMillis: pageMillis })

/** The end of what is read: as the log is now, although it may go on. */
const rangeOf = (until: string | undefined, durable: number) =>
  Effect.gen(function* () {
    if (until === undefined) return { to: durable }
    const position = parsePosition(until, { nowMillis: yield* Clock.currentTimeMillis, zone: "local" })
    if (Result.isFailure(position)) return yield* new CliFailure({ message: `--until: ${position.failure}` })
    switch (position.success._tag) {
      case "Seq":
        return { to: Math.min(position.success.seq, durable) }
      case "Back":
        return { to: Math.max(0, durable - position.success.count) }
      case "Time":
        return { to: durable, until }
    }
  })

const showProgress = (done: number, total: number): void => {
  if (process.stderr.isTTY === true) process.stderr.write(`\rcopying records ${progressBar(done, total)}`)
}

const pagesOf = (log: LogSource, first: number, range: { readonly to: number }) =>
  Stream.paginate(first, (from: number) =>
    Effect.map(readPage(log, from, range), ({ next, records }) => {
      showProgress((next ?? range.to + 1) - first, range.to + 1 - first)
      return [[records], next === undefined ? Option.none<number>() : Option.some(next)] as const
    })
  )

/** Copies the records after the moment of a fork; fails if there are none. */
export const copyRecords = (wish: CopyWish): Effect.Effect<ReplayContent, CliFailure> =>
  Effect.gen(function* () {
    const log = yield* openLogSource(wish.source, wish.socketPath)
    const first = wish.seq + 1
    const { durable_seq } = yield* readPage(log, first, { limit: 1 })
    const range = yield* rangeOf(wish.until, durable_seq)
    const clear = Effect.sync(() => {
      if (process.stderr.isTTY === true) process.stderr.write("\r\u001b[K")
    })
    const content = yield* writeReplayFile(
      replayFilePath(wish.directory),
      { from: wish.from, instanceId: wish.instanceId },
      range.to < first ? Stream.empty : pagesOf(log, first, range)
    ).pipe(
      Effect.mapError((error) => (error._tag === "ReplayRecordsFailed" ? failureOf(error) : error)),
      Effect.ensuring(clear)
    )
    if (content.records > 0) return content
    const message = `there is nothing to replay: no record of the source comes after ${wish.seq}`
    return yield* new CliFailure({ message: wish.until === undefined ? message : `${message}, up to ${wish.until}` })
  }).pipe(Effect.scoped)
