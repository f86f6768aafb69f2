/**
 * Which record was the last at a time: a binary search over seq, since `at` never decreases with it. Seqs may be
 * missing (dropped observations, compacted control records), so each step asks for the last record up to the middle.
 */
import { controlKey, numberOfKey, observationKey } from "../key.ts"
import type { LogStore } from "../LogStore.ts"
import type { LogRecord } from "../record.ts"
import { decodeRecord } from "../record-codec.ts"

/** Records looked at, backwards, for one that can be read: damaged ones are somebody else's to report. */
const readableWithin = 16

const lastOf = async (
  store: LogStore,
  keyOf: (seq: number) => string,
  from: number,
  to: number
): Promise<LogRecord | undefined> => {
  let last = to
  for (let tried = 0; tried < readableWithin && last >= from; tried++) {
    const [entry] = await store.range({ gte: keyOf(from), lte: keyOf(last), limit: 1, reverse: true })
    if (entry === undefined) return undefined
    const record = decodeRecord(entry[1], false)
    if (typeof record === "object") return record
    last = (numberOfKey(entry[0]) ?? 0) - 1
  }
  return undefined
}

/** The last record with `from <= seq <= to`. */
const lastBetween = async (store: LogStore, from: number, to: number): Promise<LogRecord | undefined> => {
  const [control, observation] = await Promise.all([
    lastOf(store, controlKey, from, to),
    lastOf(store, observationKey, from, to)
  ])
  return (control?.seq ?? 0) >= (observation?.seq ?? 0) ? control : observation
}

/** Seq of the last record up to `last` whose time is `at` or before; 0 if there is none. */
export const seqAtIn = async (store: LogStore, last: number, at: number): Promise<number> => {
  let found = 0
  let low = 0
  let high = last + 1
  // No record in found+1..low was written at or before `at`; all from `high` on were written later.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const record = await lastBetween(store, low + 1, middle)
    if (record !== undefined && record.at > at) {
      high = record.seq
      continue
    }
    if (record !== undefined) found = record.seq
    low = middle
  }
  return found
}
