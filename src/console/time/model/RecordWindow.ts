/**
 * The records that a list holds: a window on a log of any length, the newest first. It grows at both ends, page by
 * page, and lets go at the other end what is more than a browser should hold.
 */
import type { LogRecord } from "../../rpc/log-methods.ts"

/** Records that a window holds. */
export const windowMax = 4000

/** What a list shows. */
export interface RecordWindow {
  /** The newest first. */
  readonly records: ReadonlyArray<LogRecord>
  /** Where older ones go on (`to` of `eventlog_tail`); undefined: there are none. */
  readonly earlier: number | undefined
  /** Where newer ones go on (`from` of `eventlog_read`). */
  readonly next: number
  /** There are newer ones that were let go: what is new does not belong in front of these. */
  readonly isCut: boolean
}

/** A page of `eventlog_tail`: the oldest first. */
export interface OlderPage {
  readonly records: ReadonlyArray<LogRecord>
  readonly durable_seq: number
  readonly earlier: number | undefined
}

/** A page of `eventlog_read`: the oldest first. */
export interface NewerPage {
  readonly records: ReadonlyArray<LogRecord>
  readonly durable_seq: number
  readonly next: number | undefined
}

/** The newest page, for a list that begins. */
export const windowOf = ({ durable_seq, earlier, records }: OlderPage): RecordWindow => ({
  records: records.toReversed(),
  earlier,
  next: durable_seq + 1,
  isCut: false
})

/** With a page of older records behind it. */
export const withOlder = (window: RecordWindow, page: OlderPage): RecordWindow => {
  const oldest = window.records.at(-1)?.seq ?? Number.POSITIVE_INFINITY
  const all = [...window.records, ...page.records.toReversed().filter(({ seq }) => seq < oldest)]
  const records = all.slice(-windowMax)
  const [first] = records
  if (records.length === all.length || first === undefined) return { ...window, records, earlier: page.earlier }
  return { records, earlier: page.earlier, next: first.seq + 1, isCut: true }
}

/** With a page of newer records in front of it. */
export const withNewer = (window: RecordWindow, page: NewerPage): RecordWindow => {
  const newest = window.records[0]?.seq ?? 0
  const all = [...page.records.toReversed().filter(({ seq }) => seq > newest), ...window.records]
  const records = all.slice(0, windowMax)
  return {
    records,
    earlier: all[windowMax]?.seq ?? window.earlier,
    next: page.next ?? Math.max(window.next, page.durable_seq + 1),
    isCut: window.isCut && page.next !== undefined
  }
}
