/**
 * What is known of the index of an open log: how far it goes, by which tags, and what was found damaged in it. Looks up
 * which records have given tags. An index may lack anything at any time: then the records themselves are read.
 */
import { blockKey, controlKey, indexKey, lastSeq, numberOfKey, observationKey, postingKey } from "../key.ts"
import type { Tagging } from "../LogArchive.ts"
import { askStore, type StoreSource } from "../LogReader.ts"
import type { LogStore, StoreEntry } from "../LogStore.ts"
import {
  type BlockSummary,
  blockSeqs,
  decodeIndexed,
  decodePosting,
  decodeSummary,
  encodeIndexed,
  type IndexedBlocks,
  tagHash
} from "./posting-codec.ts"

/** Blocks all of whose seqs are given out when `last` is the last. */
export const wholeBlocks = (last: number): number => Math.floor((last + 1) / blockSeqs)

/** The places of a block's records that may be what is looked for, ascending; or that the index does not know. */
export type BlockPlaces = ReadonlyArray<number> | "unknown"

/** One per open log. */
export class TagIndex {
  readonly tagging: Tagging
  /** There is no record in front of it. */
  readonly firstSeq: number
  readonly #source: StoreSource
  readonly #holes = new Set<number>()
  /** A block is mended once: one that cannot be read stays a hole. */
  readonly #mended = new Set<number>()
  #indexed: IndexedBlocks

  constructor(
    source: StoreSource,
    tagging: Tagging,
    { firstSeq, indexed }: { readonly firstSeq: number; readonly indexed: IndexedBlocks }
  ) {
    this.#source = source
    this.tagging = tagging
    this.firstSeq = firstSeq
    this.#indexed = indexed
  }

  /** All blocks before this one are indexed, but for holes. */
  get blocks(): number {
    return this.#indexed.blocks
  }

  /** The next block to index: what was found damaged comes first, and what retention has emptied last. */
  get due(): number | undefined {
    const [hole] = this.#holes
    if (hole !== undefined) return hole
    const { blocks, trimmed } = this.#indexed
    if (blocks < wholeBlocks(this.#source.durable().seq)) return blocks
    return trimmed < Math.min(blocks, this.#expiredBlocks) ? trimmed : undefined
  }

  /** Blocks whose observations are all gone. */
  get #expiredBlocks(): number {
    return wholeBlocks(this.#source.expired()?.through ?? 0)
  }

  /** How far the index goes when `block` has been indexed. */
  after(block: number): IndexedBlocks {
    const { blocks, trimmed, version } = this.#indexed
    const isTrimmed = block === trimmed && block < this.#expiredBlocks
    return {
      version,
      blocks: block === blocks ? block + 1 : blocks,
      trimmed: isTrimmed ? block + 1 : trimmed
    }
  }

  /** `block` is indexed, or as well as it can be. */
  indexed(block: number): void {
    if (this.#holes.delete(block)) this.#mended.add(block)
    this.#indexed = this.after(block)
  }

  /** For each block of `first..last` where the records are that have, of each list, at least one tag. */
  async lookUp(
    tags: ReadonlyArray<ReadonlyArray<string>>,
    first: number,
    last: number
  ): Promise<ReadonlyArray<BlockPlaces>> {
    const lists = tags.map((any) => any.map(tagHash))
    const hashes = [...new Set(lists.flat())]
    const limit = last - first + 1
    const [summaries, ...postings] = await askStore(this.#source, (store) =>
      Promise.all([
        store.range({ gte: blockKey(first), lte: blockKey(last), limit }),
        ...hashes.map((hash) => store.range({ gte: postingKey(hash, first), lte: postingKey(hash, last), limit }))
      ])
    )
    const stored = new Map([...(summaries ?? []), ...postings.flat()])
    return Array.from({ length: limit }, (_, at) => {
      const places = this.#placesIn(stored, lists, first + at)
      if (places === "unknown" && !this.#mended.has(first + at)) this.#holes.add(first + at)
      return places
    })
  }

  #placesIn(
    stored: ReadonlyMap<string, Uint8Array>,
    lists: ReadonlyArray<ReadonlyArray<string>>,
    block: number
  ): BlockPlaces {
    const key = blockKey(block)
    const value = stored.get(key)
    const summary = value === undefined ? undefined : decodeSummary(key, value)
    if (summary === undefined || summary.version !== this.tagging.version) return "unknown"
    let places: ReadonlyArray<number> | undefined
    for (const any of lists) {
      const found = unionOf(any.map((hash) => placesOf(stored, summary, hash, block)))
      if (found === "unknown") return "unknown"
      places = places === undefined ? found : intersectionOf(places, found)
      if (places.length === 0) return places
    }
    return places ?? "unknown"
  }
}

const placesOf = (
  stored: ReadonlyMap<string, Uint8Array>,
  summary: BlockSummary,
  hash: string,
  block: number
): BlockPlaces => {
  const key = postingKey(hash, block)
  const value = stored.get(key)
  if (value === undefined) return summary.has(hash) ? "unknown" : []
  return decodePosting(key, value) ?? "unknown"
}

const unionOf = (lists: ReadonlyArray<BlockPlaces>): BlockPlaces => {
  const all: Array<number> = []
  for (const places of lists) {
    if (places === "unknown") return "unknown"
    if (lists.length === 1) return places
    for (const place of places) all.push(place)
  }
  return [...new Set(all)].sort((a, b) => a - b)
}

const intersectionOf = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): ReadonlyArray<number> => {
  const inB = new Set(b)
  return a.filter((place) => inB.has(place))
}

const readStored = async (store: LogStore): Promise<IndexedBlocks | undefined> => {
  const [value] = await store.get([indexKey])
  return value === undefined ? undefined : decodeIndexed(indexKey, value)
}

/** What to put to say how far the index goes. */
export const indexedEntry = (indexed: IndexedBlocks): StoreEntry => [indexKey, encodeIndexed(indexKey, indexed)]

/** The first record that is there, or the place of the first one to come. */
const readFirstSeq = async (source: StoreSource): Promise<number> => {
  const observed = observationKey((source.expired()?.through ?? 0) + 1)
  const firsts = await askStore(source, (store) =>
    Promise.all([
      store.range({ gte: controlKey(0), lte: controlKey(lastSeq), limit: 1 }),
      store.range({ gte: observed, lte: observationKey(lastSeq), limit: 1 })
    ])
  )
  return Math.min(source.durable().seq + 1, ...firsts.flat().map(([key]) => numberOfKey(key) ?? 0))
}

const clipped = ({ blocks, trimmed, version }: IndexedBlocks, last: number): IndexedBlocks => {
  const whole = wholeBlocks(last)
  return { version, blocks: Math.min(blocks, whole), trimmed: Math.min(trimmed, whole) }
}

/** The index of a log that does not grow. A log may begin late: there is nothing to index in front of its beginning. */
export const openIndex = async (source: StoreSource, tagging: Tagging): Promise<TagIndex> => {
  const { version } = tagging
  const none = { version, blocks: 0, trimmed: 0 }
  const firstSeq = await readFirstSeq(source)
  const stored = await askStore(source, readStored)
  const { blocks, trimmed } = stored?.version === version ? clipped(stored, source.durable().seq) : none
  const empty = Math.floor(firstSeq / blockSeqs)
  const indexed = { version, blocks: Math.max(blocks, empty), trimmed: Math.max(trimmed, empty) }
  return new TagIndex(source, tagging, { firstSeq, indexed })
}

/**
 * The index of a log that will grow. Observations that a crash has taken give their seqs to others: blocks that are not
 * whole any more must not count as indexed when they are whole again.
 */
export const claimIndex = async (source: StoreSource, tagging: Tagging): Promise<TagIndex> => {
  const { seq } = source.durable()
  const stored = await askStore(source, readStored)
  if (stored !== undefined && stored.blocks > wholeBlocks(seq)) {
    const [key, value] = indexedEntry(clipped(stored, seq))
    await source.store().write([{ type: "put", key, value }], true)
  }
  return openIndex(source, tagging)
}

/** An index that knows nothing: everything is read. */
export const noIndex = (source: StoreSource, tagging: Tagging): TagIndex =>
  new TagIndex(source, tagging, { firstSeq: 1, indexed: { version: tagging.version, blocks: 0, trimmed: 0 } })
