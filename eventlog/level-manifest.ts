/**
 * Which table files belong to a LevelDB database: those that its MANIFEST names. Others are being written, or were left
 * unfinished by a crash or a full disk; LevelDB removes them, and what is wrong in them does not matter.
 *
 * Format (leveldb/doc/log_format.md): blocks of 32 KiB with fragments `CRC (4, LE) | length (2, LE) | type (1) | data`,
 * type 1 whole, 2 first, 3 middle, 4 last. A record is a version edit: tags, each with its operands.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Cursor, maskedCrc } from "./level-bytes.ts"

const blockBytes = 32 * 1024
const headerBytes = 7
const fragment = { whole: 1, first: 2, middle: 3, last: 4 } as const

/** The records up to the first that is not whole: the last one may be on its way to the disk. */
const recordsIn = (log: Buffer): ReadonlyArray<Buffer> => {
  const records: Array<Buffer> = []
  let parts: Array<Buffer> = []
  for (let at = 0; at + headerBytes <= log.length; ) {
    const left = blockBytes - (at % blockBytes)
    if (left < headerBytes) {
      at += left
      continue
    }
    const length = log.readUInt16LE(at + 4)
    const type = log[at + 6]
    const end = at + headerBytes + length
    if (length > left - headerBytes || end > log.length) break
    if (maskedCrc(log.subarray(at + 6, end)) !== log.readUInt32LE(at)) break
    if (type === fragment.whole || type === fragment.first) parts = []
    parts.push(log.subarray(at + headerBytes, end))
    if (type === fragment.whole || type === fragment.last) records.push(Buffer.concat(parts))
    at = end
  }
  return records
}

/** Tags of a version edit (leveldb/db/version_edit.cc). */
const tag = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  prevLogNumber: 9
} as const

/** Applies one edit to the sizes of tables by number; `false` if it cannot be read. */
const applyEdit = (edit: Buffer, sizes: Map<number, number>): boolean => {
  const cursor = new Cursor(edit, 0)
  while (!cursor.atEnd) {
    switch (cursor.varint()) {
      case tag.comparator:
        cursor.skipString()
        break
      case tag.logNumber:
      case tag.nextFileNumber:
      case tag.lastSequence:
      case tag.prevLogNumber:
        cursor.varint()
        break
      case tag.compactPointer:
        cursor.varint()
        cursor.skipString()
        break
      case tag.deletedFile:
        cursor.varint()
        sizes.delete(cursor.varint())
        break
      case tag.newFile: {
        cursor.varint()
        const number = cursor.varint()
        sizes.set(number, cursor.varint())
        cursor.skipString()
        cursor.skipString()
        break
      }
      default:
        return false
    }
  }
  return !cursor.failed
}

/**
 * Bytes of each table by its number, or `undefined` where the MANIFEST cannot be read: LevelDB itself checks that one
 * and says what is wrong with it.
 */
export const liveTables = async (database: string): Promise<ReadonlyMap<number, number> | undefined> => {
  try {
    const name = (await readFile(join(database, "CURRENT"), "utf8")).trim()
    if (!/^MANIFEST-\d+$/.test(name)) return undefined
    const sizes = new Map<number, number>()
    const records = recordsIn(await readFile(join(database, name)))
    // A file that is moved to another level is deleted and new in one edit, in this order.
    return records.length > 0 && records.every((edit) => applyEdit(edit, sizes)) ? sizes : undefined
  } catch {
    return undefined
  }
}
