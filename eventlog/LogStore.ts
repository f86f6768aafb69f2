/**
 * What the log needs of a store: ordered keys, atomic batches, a sync that means it. `LevelStore` is LevelDB,
 * `MemoryStore` a sorted array; tests wrap either to make batches fail, hang or lie.
 */

/** One change of a batch. */
export type StoreWrite =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string }

/** Keys `gte..lte`, at most `limit` of them, from the end if `reverse`. */
export interface StoreRange {
  readonly gte: string
  readonly lte: string
  readonly limit: number
  readonly reverse?: boolean
}

/** What lies in the store. */
export type StoreEntry = readonly [key: string, value: Uint8Array]

/** An open store. */
export interface LogStore {
  /** Atomic. With `sync`, resolves when it is on disk. After a rejection the store is used for nothing but `close`. */
  readonly write: (writes: ReadonlyArray<StoreWrite>, sync: boolean) => Promise<void>
  /** The values under `keys`, in their order; undefined for what is not there. */
  readonly get: (keys: ReadonlyArray<string>) => Promise<ReadonlyArray<Uint8Array | undefined>>
  readonly range: (range: StoreRange) => Promise<ReadonlyArray<StoreEntry>>
  /** Gives back the space of what was deleted between these keys. May take long; writes and reads go on meanwhile. */
  readonly reclaim?: (gte: string, lte: string) => Promise<void>
  /** Keys of records that were compacted away and are still there, which `range` does not show; at most `limit`. */
  readonly leftovers?: (limit: number) => Promise<ReadonlyArray<string>>
  readonly close: () => Promise<void>
}

/** A file-system failure in the words of errno. */
export class StoreError extends Error {
  readonly code: string
  constructor(code: string, detail: string) {
    super(detail)
    this.name = "StoreError"
    this.code = code
  }
}

/** strerror texts, which is all that LevelDB passes on. */
const texts: ReadonlyArray<readonly [text: string, code: string]> = [
  ["No space left on device", "ENOSPC"],
  ["Disk quota exceeded", "EDQUOT"],
  ["File too large", "EFBIG"],
  ["Read-only file system", "EROFS"],
  ["Permission denied", "EACCES"],
  ["Operation not permitted", "EPERM"],
  ["Too many open files", "EMFILE"],
  ["No such file or directory", "ENOENT"],
  ["Not a directory", "ENOTDIR"],
  ["Input/output error", "EIO"]
]

const messages = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${messages(error.cause)}`
}

/** Any failure of the store or the file system as errno name and text; what is unknown is `EIO`. */
export const storeError = (error: unknown): StoreError => {
  if (error instanceof StoreError) return error
  const detail = messages(error)
  const known = texts.find(([text]) => detail.includes(text))
  if (known !== undefined) return new StoreError(known[1], detail)
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return new StoreError(/^E[A-Z]+$/.test(code) ? code : "EIO", detail)
}
