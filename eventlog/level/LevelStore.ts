/**
 * A `LogStore` on LevelDB (`level`). Opening is the caller's matter to guard: a second, failing open of a directory
 * that this very process has open would silently release its lock (see `directory-holder.ts`).
 */
import { ClassicLevel } from "classic-level"
import { type LogStore, type StoreEntry, storeError } from "../LogStore.ts"

/** Bytes that one native call may hand over; the default of 16 KiB makes long reads ten times slower. */
const readAheadBytes = 8 * 1024 * 1024

/** Rejects with LevelDB's own error (`LEVEL_LOCKED`, `LEVEL_CORRUPTION` ...); later calls with `StoreError`. */
export const openLevelStore = async (directory: string, createIfMissing: boolean): Promise<LogStore> => {
  // Uncompressed: a flipped bit then hits one record and not a block of them, and `level-table.ts` can look inside.
  const options = { valueEncoding: "buffer", createIfMissing, compression: false }
  const db = new ClassicLevel<string, Uint8Array>(directory, options)
  try {
    await db.open()
  } catch (error) {
    // LevelDB keeps file handles of a failed open until it is closed.
    await db.close().catch(() => undefined)
    throw error
  }
  return {
    write: async (writes, sync) => {
      try {
        await db.batch([...writes], { sync })
      } catch (error) {
        throw storeError(error)
      }
    },
    get: async (keys) => {
      try {
        return await db.getMany([...keys])
      } catch (error) {
        throw storeError(error)
      }
    },
    range: async ({ gte, lte, limit, reverse = false }) => {
      const iterator = db.iterator({ gte, lte, limit, reverse, fillCache: false, highWaterMarkBytes: readAheadBytes })
      try {
        const entries: Array<StoreEntry> = await iterator.nextv(limit)
        for (let more = entries.length > 0; more && entries.length < limit; ) {
          const next = await iterator.nextv(limit - entries.length)
          for (const entry of next) entries.push(entry)
          more = next.length > 0
        }
        return entries
      } catch (error) {
        throw storeError(error)
      } finally {
        await iterator.close()
      }
    },
    reclaim: async (gte, lte) => {
      try {
        await db.compactRange(gte, lte)
      } catch (error) {
        throw storeError(error)
      }
    },
    close: () => db.close()
  }
}
