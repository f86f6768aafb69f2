/**
 * `eventlog_*`: the log as the command line reads it. Records come as they are stored, payload included, oldest first.
 */
import { Effect, Schema, Stream } from "effect"
import { EventLog, type LogReadFailed } from "../../../eventlog/EventLog.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import { printJson } from "../json-print.ts"
import { optional, SafeUint64, Uint32 } from "../param.ts"
import { errnoError, type RpcError, rpcError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { recordView } from "../record-view.ts"
import { logError } from "./dispatch.ts"

/** Records in one answer, and about how many bytes they may have. */
const recordsMax = 1000
const answerBytesMax = 8 * 1024 * 1024
/** Longest that a read waits for news, in milliseconds; below what clients wait. */
const newsTimeoutMax = 30_000

interface Page {
  readonly records: Array<unknown>
  bytes: number
}

/** Records `from..to`, as many as fit; `next` is where to go on, absent at the end. */
const readPage = (from: number, to: number, limit: number): Effect.Effect<unknown, RpcError, EventLog> =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const page: Page = { records: [], bytes: 0 }
    let next: number | undefined
    const take = (record: LogRecord): boolean => {
      const view = recordView(record)
      const bytes = printJson(view).length
      if (page.records.length >= limit || (page.bytes > 0 && page.bytes + bytes > answerBytesMax)) {
        next = record.seq
        return false
      }
      page.records.push(view)
      page.bytes += bytes
      return true
    }
    const stream = Stream.takeWhile(log.read({ from, to }), take)
    yield* Effect.mapError(Stream.runDrain(stream), logError)
    return { records: page.records, durable_seq: log.durable().seq, ...(next === undefined ? {} : { next }) }
  })

/** Up to `timeout` ms for a record `from` or later to become durable. */
const awaitNews = (from: number, timeout: number): Effect.Effect<void, RpcError, EventLog> =>
  Effect.flatMap(EventLog, (log) => {
    if (timeout === 0 || log.durable().seq >= from) return Effect.void
    const first = Stream.runDrain(Stream.take(log.subscribe(from), 1))
    return Effect.asVoid(Effect.timeoutOption(Effect.mapError(first, logError), Math.min(timeout, newsTimeoutMax)))
  })

/** With `timeout` (ms, at most 30 s) it waits for a record `from` to come: `lunlog log tail -f` is made of these. */
const eventlogRead = defineMethod({
  name: "eventlog_read",
  states: anyState,
  kind: "wait",
  paramsOptional: true,
  params: Schema.Struct({
    from: optional(SafeUint64),
    to: optional(SafeUint64),
    limit: optional(Uint32),
    timeout: optional(Uint32)
  }),
  handler: ({ from = 1, to = Number.MAX_SAFE_INTEGER, limit = recordsMax, timeout = 0 }) =>
    Effect.andThen(awaitNews(from, timeout), readPage(Math.max(from, 1), to, Math.min(limit, recordsMax)))
})

/** The last `count` records (20; at most 1000). */
const eventlogTail = defineMethod({
  name: "eventlog_tail",
  states: anyState,
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({ count: optional(Uint32) }),
  handler: ({ count = 20 }) =>
    Effect.flatMap(EventLog, (log) => {
      const { seq } = log.durable()
      const wanted = Math.min(count, recordsMax)
      return readPage(Math.max(1, seq - wanted + 1), seq, wanted)
    })
})

const damage = (error: LogReadFailed): RpcError => {
  const hint = "keep a copy of the directory; lunlog log verify --help says how to go on knowingly"
  return rpcError(errnoError("EIO"), { reason: error.message, object: `event log in ${error.directory}`, hint })
}

/** Looks at the store's files, and reads every record, which checks its bytes, its place and its chain. */
const eventlogVerify = defineMethodWithoutParams({
  name: "eventlog_verify",
  states: anyState,
  kind: "wait",
  handler: () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { controlRecords, observations, tail } = yield* Effect.mapError(log.verify(), damage)
      return { clean: true, control: controlRecords, observations, last_seq: tail.seq, control_hash: tail.controlHash }
    })
})

/** This file's methods. */
export const eventlogMethods: ReadonlyArray<RpcMethod<EventLog>> = [eventlogRead, eventlogTail, eventlogVerify]
