/**
 * Reads all records of a range in small windows, either way. Each window is decoded in one turn, so it is small: in a
 * running target IO goes on between two of them. Seqs that are missing cost nothing.
 */
import { controlKey, numberOfKey, observationKey } from "../key.ts"
import { askStore, damage, type StoreSource } from "../LogReader.ts"
import type { StoreEntry, StoreRange } from "../LogStore.ts"
import type { LogRecord } from "../record.ts"
import { decodeRecord } from "../record-codec.ts"

/** Records of one kind in a window: one to three milliseconds of decoding. */
const windowRecords = 256

/** A range of seqs, both inclusive. */
export interface SeqRange {
  readonly from: number
  readonly to: number
}

/** The record of an entry, its digest checked. */
export const decodeEntry = (source: StoreSource, [key, value]: StoreEntry): LogRecord => {
  const record = decodeRecord(value, true)
  if (typeof record === "string") throw damage(source, `what lies under ${key} ${record}`, numberOfKey(key))
  if (record.seq !== numberOfKey(key))
    throw damage(source, `record ${record.seq} lies under the key ${key}`, record.seq)
  return record
}

const seqOf = ([key]: StoreEntry): number => numberOfKey(key) ?? 0

/** The entries of both kinds at one end of the range, and how far they are all that there are. */
const fetchWindow = async (source: StoreSource, { from, to }: SeqRange, reverse: boolean) => {
  const rangeOf = (keyOf: (seq: number) => string, first: number): StoreRange => {
    return { gte: keyOf(first), lte: keyOf(to), limit: windowRecords, reverse }
  }
  // What was deleted takes long to pass over.
  const observed = Math.max(from, (source.expired()?.through ?? 0) + 1)
  const kinds = await askStore(
    source,
    (store) => Promise.all([store.range(rangeOf(controlKey, from)), store.range(rangeOf(observationKey, observed))]),
    from
  )
  // A kind that has filled its window may have more behind its last entry.
  const ends = kinds.flatMap((entries) => (entries.length < windowRecords ? [] : entries.slice(-1).map(seqOf)))
  const end = reverse ? Math.max(from, ...ends) : Math.min(to, ...ends)
  const entries = kinds
    .flat()
    .filter((entry) => (reverse ? seqOf(entry) >= end : seqOf(entry) <= end))
    .sort((a, b) => (reverse ? seqOf(b) - seqOf(a) : seqOf(a) - seqOf(b)))
  return { entries, end }
}

/** All records of the range in windows, some of which may be empty; the newest first if `reverse`. */
export async function* scan(
  source: StoreSource,
  range: SeqRange,
  reverse: boolean
): AsyncGenerator<ReadonlyArray<LogRecord>, undefined> {
  let { from, to } = range
  while (from <= to) {
    const { end, entries } = await fetchWindow(source, { from, to }, reverse)
    if (reverse) to = end - 1
    else from = end + 1
    yield entries.map((entry) => decodeEntry(source, entry))
  }
}
