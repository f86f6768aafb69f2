/** `eventlog_read` and `eventlog_tail`: records as they are stored, payload included, oldest first. */
import { Effect, Schema, Stream } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { optional, SafeUint64, Uint32 } from "../../param.ts"
import type { RpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { logError } from "../dispatch.ts"
import { pageItemsMax, takePage } from "./record-page.ts"
import { recordView } from "./record-view.ts"

/** Longest that a read waits for news, in milliseconds; below what clients wait. */
const newsTimeoutMax = 30_000

/** Records `from..to`, as many as fit; `next` is where to go on, absent at the end. */
const readPage = (from: number, to: number, limit: number): Effect.Effect<unknown, RpcError, LogArchive> =>
  Effect.gen(function* () {
    const log = yield* LogArchive
    const { items, rest } = yield* takePage(log.read({ from, to }), limit, recordView)
    return { records: items, durable_seq: log.durable().seq, ...(rest === undefined ? {} : { next: rest.seq }) }
  })

/** Up to `timeout` ms for a record `from` or later to become durable; none at all for a log that nobody writes. */
const awaitNews = (from: number, timeout: number): Effect.Effect<void, RpcError, LogArchive> =>
  Effect.flatMap(LogArchive, (log) => {
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
  handler: ({ from = 1, to = Number.MAX_SAFE_INTEGER, limit = pageItemsMax, timeout = 0 }) =>
    Effect.andThen(awaitNews(from, timeout), readPage(Math.max(from, 1), to, limit))
})

/** The last `count` records (20; at most 1000). */
const eventlogTail = defineMethod({
  name: "eventlog_tail",
  states: anyState,
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({ count: optional(Uint32) }),
  handler: ({ count = 20 }) =>
    Effect.flatMap(LogArchive, (log) => {
      const { seq } = log.durable()
      const wanted = Math.min(count, pageItemsMax)
      return readPage(Math.max(1, seq - wanted + 1), seq, wanted)
    })
})

/** This file's methods. */
export const readMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogRead, eventlogTail]
