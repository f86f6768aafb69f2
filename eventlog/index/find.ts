/**
 * Finds records by their tags: by index where there is one, else by reading all of them. What the index says is checked
 * against the records, so that it can cost time but never a wrong answer.
 */
import { Effect, Option, Stream } from "effect"
import { controlKey, observationKey } from "../key.ts"
import type { FindQuery, Tagging } from "../LogArchive.ts"
import { askStore, reading, type StoreSource } from "../LogReader.ts"
import type { LogReadFailed } from "../reading.ts"
import type { LogRecord } from "../record.ts"
import { blockSeqs, type Posting, postingAt } from "./posting-codec.ts"
import { decodeEntry, type SeqRange, scan } from "./scan.ts"
import type { BlockPlaces, TagIndex } from "./TagIndex.ts"

/** Blocks looked up at once: few for the first answer, more for what is rare. */
const lookUpBlocks = { first: 8, most: 256 } as const
/** Records fetched at once. */
const fetchMost = 256

const carries = (tagging: Tagging, tags: FindQuery["tags"], record: LogRecord): boolean => {
  const carried = new Set(tagging.tagsOf(record))
  return tags.every((any) => any.some((tag) => carried.has(tag)))
}

type Found = AsyncGenerator<ReadonlyArray<LogRecord>, undefined>

interface Search {
  readonly source: StoreSource
  readonly index: TagIndex
  readonly tags: FindQuery["tags"]
  readonly reverse: boolean
}

const matching = ({ index, tags }: Search, records: ReadonlyArray<LogRecord>): ReadonlyArray<LogRecord> =>
  tags.length === 0 ? records : records.filter((record) => carries(index.tagging, tags, record))

async function* byReading(search: Search, range: SeqRange): Found {
  for await (const records of scan(search.source, range, search.reverse)) yield matching(search, records)
  return undefined
}

/** Records that retention or compaction has taken are gone from the log and may still be in its index. */
const fetchRecords = async (source: StoreSource, postings: ReadonlyArray<Posting>) => {
  const keys = postings.map(({ kind, seq }) => (kind === "control" ? controlKey(seq) : observationKey(seq)))
  const values = await askStore(source, (store) => store.get(keys))
  return keys.flatMap((key, at) => {
    const value = values[at]
    return value === undefined ? [] : [decodeEntry(source, [key, value])]
  })
}

async function* fetchAll(search: Search, postings: ReadonlyArray<Posting>): Found {
  for (let at = 0; at < postings.length; at += fetchMost) {
    yield matching(search, await fetchRecords(search.source, postings.slice(at, at + fetchMost)))
  }
  return undefined
}

/** What lies in `block` of the range. */
const clip = ({ from, to }: SeqRange, block: number): SeqRange => ({
  from: Math.max(from, block * blockSeqs),
  to: Math.min(to, (block + 1) * blockSeqs - 1)
})

const postingsIn = (places: ReadonlyArray<number>, block: number, { from, to }: SeqRange, reverse: boolean) => {
  const postings = places.map((place) => postingAt(block, place)).filter(({ seq }) => seq >= from && seq <= to)
  return reverse ? postings.reverse() : postings
}

/** Blocks `first..last`, looked up. */
async function* inBlocks(search: Search, range: SeqRange, first: number, found: ReadonlyArray<BlockPlaces>): Found {
  const { reverse } = search
  const last = first + found.length - 1
  let postings: Array<Posting> = []
  for (let n = 0; n < found.length; n++) {
    const block = reverse ? last - n : first + n
    const places = found[block - first] ?? "unknown"
    if (places === "unknown") {
      yield* fetchAll(search, postings)
      postings = []
      yield* byReading(search, clip(range, block))
      continue
    }
    for (const posting of postingsIn(places, block, range, reverse)) postings.push(posting)
    if (postings.length < fetchMost) continue
    yield* fetchAll(search, postings)
    postings = []
  }
  yield* fetchAll(search, postings)
  return undefined
}

/** All of the range is in indexed blocks. */
async function* byIndex(search: Search, { from, to }: SeqRange): Found {
  const { index, reverse, tags } = search
  let first = Math.floor(from / blockSeqs)
  let last = Math.floor(to / blockSeqs)
  for (let count: number = lookUpBlocks.first; first <= last; count = Math.min(2 * count, lookUpBlocks.most)) {
    const low = reverse ? Math.max(first, last - count + 1) : first
    const high = reverse ? last : Math.min(last, first + count - 1)
    yield* inBlocks(search, { from, to }, low, await index.lookUp(tags, low, high))
    if (reverse) last = low - 1
    else first = high + 1
  }
  return undefined
}

async function* findAll(search: Search, { from, to }: SeqRange): Found {
  const { index, reverse, tags } = search
  if (from > to || tags.some((any) => any.length === 0)) return undefined
  const indexedEnd = tags.length === 0 ? 0 : index.blocks * blockSeqs - 1
  const indexed = { from, to: Math.min(to, indexedEnd) }
  const rest = { from: Math.max(from, indexedEnd + 1), to }
  if (reverse) yield* byReading(search, rest)
  if (indexed.from <= indexed.to) yield* byIndex(search, indexed)
  if (!reverse) yield* byReading(search, rest)
  return undefined
}

type Page = readonly [ReadonlyArray<LogRecord>, Option.Option<Found>]

/** The records that a query asks for, as durable when the stream starts. */
export const findIn = (
  source: StoreSource,
  index: TagIndex,
  query: FindQuery
): Stream.Stream<LogRecord, LogReadFailed> =>
  Stream.suspend(() => {
    const { seq } = source.durable()
    const { from = 1, reverse = false, tags, to = seq } = query
    const search = { source, index, tags, reverse }
    return Stream.paginate(findAll(search, { from: Math.max(index.firstSeq, from), to: Math.min(seq, to) }), (found) =>
      Effect.map(
        reading(() => found.next()),
        ({ done, value }): Page => (done === true ? [[], Option.none()] : [value ?? [], Option.some(found)])
      )
    )
  })
