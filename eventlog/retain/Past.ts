/**
 * What lies in front of the first control record that is in the store: the genesis, and the archives with the records
 * that were compacted away. Who reads need not care: a store that is wrapped here gives archived records as its own.
 */
import { join } from "node:path"
import { controlKey, numberOfKey } from "../key.ts"
import type { LogStore, StoreEntry, StoreRange } from "../LogStore.ts"
import { ArchiveFile } from "./archive-file.ts"
import type { Genesis } from "./genesis.ts"

/** Where the archives of a log directory lie. */
export const archiveDirectory = (directory: string): string => join(directory, "archive")

interface Shelf {
  readonly genesis: Genesis | undefined
  /** Newest first, each continued by the one before it, and the first by the store. */
  readonly archives: ReadonlyArray<ArchiveFile>
  /** What ends them: an archive that should be there, as a sentence. */
  readonly missing: string | undefined
}

const openShelf = async (
  directory: string | undefined,
  genesis: Genesis | undefined,
  known: ReadonlyArray<ArchiveFile>
): Promise<Shelf> => {
  const archives: Array<ArchiveFile> = []
  let next = genesis
  for (const name of genesis?.archives.toReversed() ?? []) {
    if (directory === undefined || next === undefined) break
    const path = join(archiveDirectory(directory), name)
    const file = known.find((file) => file.path === path) ?? (await ArchiveFile.open(path))
    if (typeof file === "string") return { genesis, archives, missing: `the archive ${path} ${file}` }
    if (file.footer.ends.controlHash !== next.controlHash) {
      return { genesis, archives, missing: `the archive ${path} is of another log` }
    }
    archives.push(file)
    next = file.footer.begins
  }
  return { genesis, archives, missing: undefined }
}

const laterKey = (a: string, b: string): string => (a < b ? b : a)
const keyLength = controlKey(0).length

/** Records of archives and of the store behind them, as one range. */
const readBoth = async (shelf: Shelf, store: LogStore, range: StoreRange): Promise<ReadonlyArray<StoreEntry>> => {
  const { gte, limit, lte, reverse = false } = range
  const boundary = shelf.genesis?.controlSeq ?? 0
  const first = controlKey(boundary + 1)
  const stored = async (most: number) =>
    lte < first ? [] : store.range({ gte: laterKey(gte, first), lte, limit: most, reverse })
  const archived = async (most: number) => {
    const found: Array<StoreEntry> = []
    // A key with something behind it asks for what comes after that key.
    const from = (numberOfKey(gte.slice(0, keyLength)) ?? 0) + (gte.length > keyLength ? 1 : 0)
    const to = Math.min(boundary, numberOfKey(lte.slice(0, keyLength)) ?? boundary)
    for (const file of reverse ? shelf.archives : shelf.archives.toReversed()) {
      if (found.length >= most) break
      const outside = to <= (file.footer.begins?.controlSeq ?? 0) || from > file.footer.ends.controlSeq
      if (!outside) found.push(...(await file.range(from, to, most - found.length, reverse)))
    }
    return found
  }
  const near = reverse ? await stored(limit) : await archived(limit)
  if (near.length >= limit) return near
  const left = limit - near.length
  return [...near, ...(reverse ? await archived(left) : await stored(left))]
}

/** The values of these keys, in their order, from wherever they lie. */
const getBoth = async (shelf: Shelf, store: LogStore, keys: ReadonlyArray<string>) => {
  const boundary = controlKey(shelf.genesis?.controlSeq ?? 0)
  const isArchived = (key: string) => key.startsWith("c") && key <= boundary
  const stored = keys.filter((key) => !isArchived(key))
  const values = new Map<string, Uint8Array | undefined>()
  const found = await store.get(stored)
  for (const [at, key] of stored.entries()) values.set(key, found[at])
  for (const key of keys.filter(isArchived)) {
    const [entry] = await readBoth(shelf, store, { gte: key, lte: key, limit: 1 })
    values.set(key, entry?.[1])
  }
  return keys.map((key) => values.get(key))
}

/** One per open log. */
export class Past {
  readonly #directory: string | undefined
  #shelf: Shelf

  private constructor(directory: string | undefined, shelf: Shelf) {
    this.#directory = directory
    this.#shelf = shelf
  }

  /** Opens the archives that `genesis` names, as far as they are there. A log without a directory has none. */
  static async open(directory: string | undefined, genesis: Genesis | undefined): Promise<Past> {
    return new Past(directory, await openShelf(directory, genesis, []))
  }

  /** The store's genesis is another now. */
  async move(genesis: Genesis | undefined): Promise<void> {
    this.#shelf = await openShelf(this.#directory, genesis, this.#shelf.archives)
  }

  /** Where control records in the store begin. */
  get genesis(): Genesis | undefined {
    return this.#shelf.genesis
  }

  /** Where control records that can be read begin, archives included. */
  get beginning(): Genesis | undefined {
    const oldest = this.#shelf.archives.at(-1)
    return oldest === undefined ? this.#shelf.genesis : oldest.footer.begins
  }

  /** Every place at which a state is known: newest first. */
  get geneses(): ReadonlyArray<Genesis> {
    const { archives, genesis } = this.#shelf
    return [genesis, ...archives.map(({ footer }) => footer.begins)].filter((known) => known !== undefined)
  }

  /** Why records in front of the beginning cannot be read, if an archive of them should be there. */
  get missing(): string | undefined {
    return this.#shelf.missing
  }

  /** The archives that can be read, newest first. */
  get archives(): ReadonlyArray<ArchiveFile> {
    return this.#shelf.archives
  }

  /** `store` with archived records among its own, and without those that a compaction has left over. */
  around(store: LogStore): LogStore {
    const { reclaim } = store
    return {
      write: (writes, sync) => store.write(writes, sync),
      range: async (range) => {
        const shelf = this.#shelf
        if (shelf.genesis === undefined || !range.gte.startsWith("c")) return store.range(range)
        return readBoth(shelf, store, range)
      },
      get: async (keys) => {
        const shelf = this.#shelf
        return shelf.genesis === undefined ? store.get(keys) : getBoth(shelf, store, keys)
      },
      leftovers: async (limit) => {
        const { genesis } = this.#shelf
        if (genesis === undefined) return []
        const found = await store.range({ gte: controlKey(0), lte: controlKey(genesis.controlSeq), limit })
        return found.map(([key]) => key)
      },
      ...(reclaim === undefined ? {} : { reclaim: (gte: string, lte: string) => reclaim(gte, lte) }),
      close: () => store.close()
    }
  }
}
