/**
 * Builds the index in the background, block by block, from records that are durable: never on the writer's path, and
 * with a small share of the processor. What it writes is not synced: a crash takes at most the newest blocks, in order.
 */
import { Effect, Option } from "effect"
import { blockKey, postingKey } from "../key.ts"
import { askStore, reading, type StoreSource } from "../LogReader.ts"
import { type StoreWrite, storeError } from "../LogStore.ts"
import { LogReadFailed } from "../reading.ts"
import type { LogRecord } from "../record.ts"
import {
  type BlockSummary,
  blockSeqs,
  decodeSummary,
  encodePosting,
  encodeSummary,
  placeOf,
  tagHash
} from "./posting-codec.ts"
import { scan } from "./scan.ts"
import { indexedEntry, type TagIndex, wholeBlocks } from "./TagIndex.ts"

/** Entries written at once: the writer's next batch waits for no more. */
const writesMost = 256

/** What building needs of the log. */
export interface IndexBuilding {
  readonly source: StoreSource
  readonly index: TagIndex
  /** Writes without sync; must not disturb records that are being written. */
  readonly write: (writes: ReadonlyArray<StoreWrite>) => Promise<void>
  /** Between two windows of records. */
  readonly pause: Effect.Effect<void>
}

/** Places of a block's records by the hash of their tags. */
class BlockPostings {
  readonly #hashes = new Map<string, string>()
  readonly #places = new Map<string, Array<number>>()

  add(record: LogRecord, tags: ReadonlyArray<string>): void {
    const place = placeOf(record)
    for (const tag of tags) {
      const hash = this.#hashOf(tag)
      const places = this.#places.get(hash)
      if (places === undefined) this.#places.set(hash, [place])
      else if (places.at(-1) !== place) places.push(place)
    }
  }

  /** What it takes away of an earlier indexing comes first, the summary last: without one, a block is not indexed. */
  writes(block: number, version: number, earlier: BlockSummary | undefined): ReadonlyArray<StoreWrite> {
    const writes: Array<StoreWrite> = []
    for (const hash of earlier?.hashes() ?? []) {
      if (!this.#places.has(hash)) writes.push({ type: "del", key: postingKey(hash, block) })
    }
    for (const [hash, places] of this.#places) {
      const key = postingKey(hash, block)
      writes.push({ type: "put", key, value: encodePosting(key, places) })
    }
    const key = blockKey(block)
    return [...writes, { type: "put", key, value: encodeSummary(key, version, this.#places.keys()) }]
  }

  #hashOf(tag: string): string {
    const known = this.#hashes.get(tag)
    if (known !== undefined) return known
    const hash = tagHash(tag)
    this.#hashes.set(tag, hash)
    return hash
  }
}

const summaryOf = async (source: StoreSource, block: number): Promise<BlockSummary | undefined> => {
  const key = blockKey(block)
  const [value] = await askStore(source, (store) => store.get([key]))
  return value === undefined ? undefined : decodeSummary(key, value)
}

/** What to write for a block. */
const blockWrites = ({ index, pause, source }: IndexBuilding, block: number) =>
  Effect.gen(function* () {
    const postings = new BlockPostings()
    const windows = scan(source, { from: block * blockSeqs, to: (block + 1) * blockSeqs - 1 }, false)
    for (;;) {
      const { value: records } = yield* reading(() => windows.next())
      if (records === undefined) break
      for (const record of records) postings.add(record, index.tagging.tagsOf(record))
      yield* pause
    }
    const earlier = yield* reading(() => summaryOf(source, block))
    return postings.writes(block, index.tagging.version, earlier)
  })

const put = ({ source, write }: IndexBuilding, writes: ReadonlyArray<StoreWrite>) =>
  Effect.tryPromise({
    try: () => write(writes),
    catch: (error) => new LogReadFailed({ directory: source.directory, detail: storeError(error).message })
  })

/** Indexes one whole block. A block that cannot be read stays unindexed: who looks there is told what is wrong. */
const indexBlock = (building: IndexBuilding, block: number): Effect.Effect<void, LogReadFailed> =>
  Effect.gen(function* () {
    const { index } = building
    const writes = Option.getOrElse(yield* Effect.option(blockWrites(building, block)), () => [])
    for (let at = 0; at < writes.length; at += writesMost) yield* put(building, writes.slice(at, at + writesMost))
    const [key, value] = indexedEntry(index.after(block))
    yield* put(building, [{ type: "put", key, value }])
    index.indexed(block)
  })

/** Indexes what is durable now. `onProgress` gets the seq that is done and the last one. */
export const buildIndex = (
  building: IndexBuilding,
  onProgress: (done: number, total: number) => void = () => undefined
): Effect.Effect<void, LogReadFailed> =>
  Effect.gen(function* () {
    const { index, source } = building
    for (let block = index.due; block !== undefined; block = index.due) {
      yield* indexBlock(building, block)
      const { seq } = source.durable()
      onProgress(index.blocks < wholeBlocks(seq) ? index.blocks * blockSeqs : seq, seq)
    }
  })

/** After a failure, which the writer deals with. */
const retryMillis = 1000

/** Goes on as the log grows, until it is closed. */
export const keepIndexed = (building: IndexBuilding): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { source } = building
    while (!source.closed()) {
      const failed = yield* Effect.option(Effect.flip(buildIndex(building)))
      if (failed._tag === "Some") yield* Effect.sleep(retryMillis)
      else if (!source.closed()) yield* source.moved
    }
  })
