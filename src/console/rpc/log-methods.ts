/** Methods of the event log that the page calls: what `lunlog log tail -f` and `lunlog log tail` are made of. */

import { method } from "./RpcClient.ts"
import { anything, flag, list, number, object, optional, orElse, type Read, text, words } from "./reader-codec.ts"

/** Reads a cause. */
export const cause = object({
  source: text,
  actor: words,
  method: optional(text),
  requestId: optional(words),
  correlationId: optional(number)
})
/** Who asked for something, or what led to it. */
export type Cause = Read<typeof cause>

/** A record in words, with what is stored. */
export const logRecord = object({
  seq: number,
  /** Microseconds since 1970. */
  at: number,
  kind: text,
  type: text,
  v: number,
  cause,
  payload: anything,
  text: words,
  trouble: orElse(flag, false)
})
/** A record of the event log. */
export type LogRecord = Read<typeof logRecord>

/** `eventlog_read`; with `timeout` it waits for a record to come. */
export const readLog = method(
  "eventlog_read",
  object({ records: list(logRecord), durable_seq: number, next: optional(number) })
)

/** `eventlog_tail`: the newest records, oldest first; `earlier` is where the rest ends. */
export const tailLog = method(
  "eventlog_tail",
  object({ records: list(logRecord), durable_seq: number, earlier: optional(number) })
)
