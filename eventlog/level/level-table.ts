/**
 * Checks LevelDB's table files by their own checksums. LevelDB does not when it reads (classic-level exposes no
 * option), and a flipped bit in a key or a length makes it abort the process instead of reporting an error. So tables
 * are checked before LevelDB sees them.
 *
 * Format (leveldb/doc/table_format.md): blocks `contents | type (1) | CRC-32C of both, masked (4, LE)`, the last one an
 * index of the others, and a footer of 48 bytes `metaindex handle | index handle | padding | magic (8, LE)`. A handle
 * is two varints: offset and size of the contents.
 */
import { open, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { Cursor, maskedCrc } from "./level-bytes.ts"
import { readManifest } from "./level-manifest.ts"

const footerBytes = 48
const trailerBytes = 5
const magic = 0xdb4775248b80fb57n

interface Handle {
  readonly offset: number
  readonly size: number
}

/** A table that is not what LevelDB wrote. */
export interface TableDamage {
  readonly file: string
  readonly detail: string
}

const handleAt = (cursor: Cursor): Handle => ({ offset: cursor.varint(), size: cursor.varint() })

/** The block's contents if its checksum is right. */
const blockAt = (table: Buffer, { offset, size }: Handle): Buffer | undefined => {
  const end = offset + size + trailerBytes
  if (end > table.length - footerBytes) return undefined
  const crc = table.readUInt32LE(offset + size + 1)
  if (maskedCrc(table.subarray(offset, offset + size + 1)) !== crc) return undefined
  return table.subarray(offset, offset + size)
}

type BlockEntry = readonly [key: Buffer, value: Buffer]

/** Entries of a block: `shared | unshared | value length | key behind what it shares with the one before | value`. */
const entriesIn = (block: Buffer): ReadonlyArray<BlockEntry> | undefined => {
  if (block.length < 4) return undefined
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4)
  const entries: Array<BlockEntry> = []
  const cursor = new Cursor(block, 0)
  let last = Buffer.alloc(0)
  while (cursor.at < end) {
    const shared = cursor.varint()
    const unshared = cursor.varint()
    const valueBytes = cursor.varint()
    const keyEnd = cursor.at + unshared
    if (cursor.failed || shared > last.length || keyEnd + valueBytes > end) return undefined
    last = Buffer.concat([last.subarray(0, shared), block.subarray(cursor.at, keyEnd)])
    entries.push([last, block.subarray(keyEnd, keyEnd + valueBytes)])
    cursor.at = keyEnd + valueBytes
  }
  return cursor.at === end ? entries : undefined
}

interface Blocks {
  readonly data: ReadonlyArray<Handle>
  /** The index of filters, and the filters. */
  readonly meta: ReadonlyArray<Handle>
}

/** The handles that are the values of a block's entries. */
const handlesIn = (block: Buffer | undefined): ReadonlyArray<Handle> | undefined =>
  (block === undefined ? undefined : entriesIn(block))?.map(([, value]) => handleAt(new Cursor(value, 0)))

/** Where a table's blocks are: by its index. `compressed` if it cannot be looked into. */
const blocksOf = (table: Buffer): Blocks | "damaged" | "compressed" => {
  const footer = new Cursor(table, table.length - footerBytes)
  const metaindex = handleAt(footer)
  const index = handleAt(footer)
  const block = footer.failed ? undefined : blockAt(table, index)
  // `LevelStore` compresses nothing: such a table is somebody else's.
  if (block !== undefined && table[index.offset + index.size] !== 0) return "compressed"
  const data = handlesIn(block)
  if (data === undefined) return "damaged"
  return { data, meta: [metaindex, ...(handlesIn(blockAt(table, metaindex)) ?? [])] }
}

/** Why these are not the bytes of a whole table, or `undefined` if they are. */
export const tableDamage = (table: Buffer): string | undefined => {
  if (table.length < footerBytes) return `has ${table.length} bytes, too few for a table`
  if (table.readBigUInt64LE(table.length - 8) !== magic) return "does not end as a table does: it is cut or overwritten"
  const blocks = blocksOf(table)
  if (blocks === "compressed") return undefined
  if (blocks === "damaged") return "has a damaged index"
  const bad = [...blocks.data, ...blocks.meta].find((handle) => blockAt(table, handle) === undefined)
  return bad === undefined ? undefined : `does not match its checksum in the block at byte ${bad.offset}`
}

/**
 * What can be read of a damaged table: keys and values in those of its blocks that match their checksums. A stored key
 * is followed by eight bytes of LevelDB's, the first of which is 1 for a value and 0 for a deletion.
 */
export const salvageTable = (table: Buffer): ReadonlyArray<readonly [key: string, value: Uint8Array]> => {
  const blocks = table.length < footerBytes ? "damaged" : blocksOf(table)
  if (typeof blocks === "string") return []
  return blocks.data.flatMap((handle) => {
    const block = blockAt(table, handle)
    const entries = (block === undefined ? undefined : entriesIn(block)) ?? []
    return entries
      .filter(([key]) => key.length > 8 && key[key.length - 8] === 1)
      .map(([key, value]) => [key.toString("utf8", 0, key.length - 8), Buffer.from(value)] as const)
  })
}

interface TableFile {
  readonly path: string
  /** As the MANIFEST says; `undefined` if that cannot be read. */
  readonly bytes: number | undefined
}

/** The tables that belong to a database, newest first; all that lie there if its MANIFEST cannot be read. */
const tablesOf = async (database: string): Promise<ReadonlyArray<TableFile>> => {
  const live = (await readManifest(database))?.tables
  const names = await readdir(database).catch((): Array<string> => [])
  return names
    .filter((name) => /^\d+\.(ldb|sst)$/.test(name))
    .map((name) => ({ name, number: Number.parseInt(name, 10) }))
    .filter(({ number }) => live === undefined || live.has(number))
    .sort((a, b) => b.number - a.number)
    .map(({ name, number }) => ({ path: join(database, name), bytes: live?.get(number) }))
}

/** Memory that one table after the other is read into: a large log has a thousand of them. */
class Scratch {
  #buffer = Buffer.alloc(0)

  /** The whole file; valid until the next call. */
  async read(path: string): Promise<Buffer> {
    const file = await open(path, "r")
    try {
      const { size } = await file.stat()
      if (size > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(size)
      let length = 0
      for (let more = 1; more > 0 && length < size; length += more) {
        more = (await file.read(this.#buffer, length, size - length, length)).bytesRead
      }
      return this.#buffer.subarray(0, length)
    } finally {
      await file.close()
    }
  }
}

const damageOf = async ({ bytes, path }: TableFile, scratch: Scratch): Promise<string | undefined> => {
  // LevelDB may delete a table while the log is open.
  const table = await scratch.read(path).catch(() => undefined)
  if (table === undefined) return undefined
  return bytes === undefined || bytes === table.length ? tableDamage(table) : `has ${table.length} bytes of ${bytes}`
}

/**
 * Checks tables, the newest first, until `budgetBytes` have been read. A missing one is LevelDB's to report. Reads a
 * gigabyte in about a second.
 */
export const damagedTables = async (database: string, budgetBytes: number): Promise<ReadonlyArray<TableDamage>> => {
  const damaged: Array<TableDamage> = []
  const scratch = new Scratch()
  let read = 0
  for (const table of await tablesOf(database)) {
    read += table.bytes ?? (await stat(table.path).catch(() => undefined))?.size ?? 0
    if (read > budgetBytes) break
    const detail = await damageOf(table, scratch)
    if (detail !== undefined) damaged.push({ file: table.path, detail })
  }
  return damaged
}
