/**
 * `eventlog_read` and `eventlog_tail`: records as they are stored, payload included, oldest first; all or those of a
 * filter; with `words` in plain words, too.
 */
import { Clock, Effect, Schema, Stream } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import type { LogRecord } from "../../../../eventlog/record.ts"
import type { LogFilter } from "../../../history/LogFilter.ts"
import { optional, SafeUint64, Uint32 } from "../../param.ts"
import type { RpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { logError } from "../dispatch.ts"
import { filterOf, filterParams } from "./filter-params.ts"
import { firstSeqOf, lastSeqOf } from "./place.ts"
import { pageItemsMax, takePage } from "./record-page.ts"
import { recordInWords, recordView } from "./record-view.ts"

/** Longest that a read waits for news, in milliseconds; below what clients wait. */
const newsTimeoutMax = 30_000

interface Window {
  readonly from: number
  readonly to: number
  readonly limit: number
  readonly words: boolean
}

const viewOf = (words: boolean) => (record: LogRecord) => (words ? recordInWords(record) : recordView(record))

const hasNoTags = (filter: LogFilter): boolean => filter.tags.length === 0

/** What the tags let through. Reading in order checks the chain; looking things up does not. */
const recordsOf = (log: LogArchive["Service"], filter: LogFilter, { from, to }: Window) =>
  hasNoTags(filter) ? log.read({ from, to }) : log.find({ from, to, tags: filter.tags })

/** Records of the window, as many as fit, which may be none; `next` is where to go on, absent at the end. */
const readPage = (filter: LogFilter, window: Window) =>
  Effect.gen(function* () {
    const log = yield* LogArchive
    const durable = log.durable().seq
    const { from, limit, words } = window
    const to = Math.min(window.to, durable)
    const records = recordsOf(log, filter, { ...window, to })
    const { items, rest } = yield* takePage(records, limit, viewOf(words), filter.matches)
    const next = rest === undefined ? {} : { next: rest.seq }
    return { isEmpty: items.length === 0 && from <= durable, page: { records: items, durable_seq: durable, ...next } }
  })

/** Up to `millis` for a record `from` or later to become durable; none at all for a log that nobody writes. */
const awaitNews = (from: number, millis: number): Effect.Effect<void, RpcError, LogArchive> =>
  Effect.flatMap(LogArchive, (log) => {
    if (millis <= 0 || log.durable().seq >= from) return Effect.void
    const first = Stream.runDrain(Stream.take(log.subscribe(from), 1))
    return Effect.asVoid(Effect.timeoutOption(Effect.mapError(first, logError), millis))
  })

/** Until the filter lets something through, or the time is up. */
const readNews = (filter: LogFilter, window: Window, timeout: number) =>
  Effect.gen(function* () {
    const deadline = (yield* Clock.currentTimeMillis) + Math.min(timeout, newsTimeoutMax)
    let from = window.from
    for (;;) {
      yield* awaitNews(from, deadline - (yield* Clock.currentTimeMillis))
      const { isEmpty, page } = yield* readPage(filter, { ...window, from })
      if (!isEmpty || (yield* Clock.currentTimeMillis) >= deadline) return page
      from = page.next ?? page.durable_seq + 1
    }
  })

/** With `timeout` (ms, at most 30 s) it waits for a record to come: `lunlog log tail -f` is made of these. */
const eventlogRead = defineMethod({
  name: "eventlog_read",
  states: anyState,
  kind: "wait",
  paramsOptional: true,
  params: Schema.Struct({
    from: optional(SafeUint64),
    to: optional(SafeUint64),
    limit: optional(Uint32),
    timeout: optional(Uint32),
    words: optional(Schema.Boolean),
    ...filterParams
  }),
  handler: ({ from = 1, limit = pageItemsMax, timeout = 0, to, words = false, ...conditions }) =>
    Effect.gen(function* () {
      const filter = yield* filterOf(conditions)
      const first = Math.max(from, yield* firstSeqOf("since", conditions.since))
      const until =
        conditions.until === undefined ? Number.MAX_SAFE_INTEGER : yield* lastSeqOf("until", conditions.until)
      const window = { from: first, to: Math.min(to ?? until, until), limit, words }
      return yield* timeout === 0
        ? Effect.map(readPage(filter, window), ({ page }) => page)
        : readNews(filter, window, timeout)
    })
})

/** The last `count` records (20; at most 1000) up to `to`; `earlier` is where the rest ends, absent at the start. */
const eventlogTail = defineMethod({
  name: "eventlog_tail",
  states: anyState,
  kind: "wait",
  paramsOptional: true,
  params: Schema.Struct({
    count: optional(Uint32),
    to: optional(SafeUint64),
    words: optional(Schema.Boolean),
    ...filterParams
  }),
  handler: ({ count = 20, to, words = false, ...conditions }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const durable = log.durable().seq
      const filter = yield* filterOf(conditions)
      const from = yield* firstSeqOf("since", conditions.since)
      const until = Math.min(durable, to ?? durable, yield* lastSeqOf("until", conditions.until))
      const newest = log.find({ tags: filter.tags, from, to: until, reverse: true })
      const { items, rest } = yield* takePage(newest, count, viewOf(words), filter.matches)
      const earlier = rest === undefined ? {} : { earlier: rest.seq }
      return { records: items.toReversed(), durable_seq: durable, ...earlier }
    })
})

/** This file's methods. */
export const readMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogRead, eventlogTail]
