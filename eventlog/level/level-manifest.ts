/**
 * Which files belong to a LevelDB database: those that its MANIFEST names. Other tables are being written, or were left
 * unfinished by a crash or a full disk; LevelDB removes them, and what is wrong in them does not matter.
 *
 * A record of the MANIFEST is a version edit: tags, each with its operands (leveldb/db/version_edit.cc).
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Cursor } from "./level-bytes.ts"
import { readLevelLog } from "./level-log.ts"

/** What a database consists of. */
export interface Manifest {
  /** Bytes of each table, by its number. */
  readonly tables: ReadonlyMap<number, number>
  /** The first journal that is not yet in tables. */
  readonly logNumber: number
}

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

/** Applies edits one after the other. */
class Edits {
  readonly tables = new Map<number, number>()
  logNumber = 0

  /** `false` if the edit cannot be read. */
  apply(edit: Buffer): boolean {
    const cursor = new Cursor(edit, 0)
    while (!cursor.atEnd) if (!this.#applyTag(cursor.varint(), cursor)) return false
    return !cursor.failed
  }

  #applyTag(kind: number, cursor: Cursor): boolean {
    switch (kind) {
      case tag.comparator:
        cursor.string()
        return true
      case tag.logNumber:
        this.logNumber = cursor.varint()
        return true
      case tag.nextFileNumber:
      case tag.lastSequence:
      case tag.prevLogNumber:
        cursor.varint()
        return true
      case tag.compactPointer:
        cursor.varint()
        cursor.string()
        return true
      case tag.deletedFile:
        cursor.varint()
        this.tables.delete(cursor.varint())
        return true
      case tag.newFile: {
        cursor.varint()
        const number = cursor.varint()
        this.tables.set(number, cursor.varint())
        cursor.string()
        cursor.string()
        return true
      }
      default:
        return false
    }
  }
}

/** `undefined` where it cannot be read: LevelDB itself checks the MANIFEST and says what is wrong with it. */
export const readManifest = async (database: string): Promise<Manifest | undefined> => {
  try {
    const name = (await readFile(join(database, "CURRENT"), "utf8")).trim()
    if (!/^MANIFEST-\d+$/.test(name)) return undefined
    const { firstBad, records } = readLevelLog(await readFile(join(database, name)))
    const edits = new Edits()
    const applied = firstBad === undefined && records.every(({ data }) => edits.apply(data))
    return applied && records.length > 0 ? edits : undefined
  } catch {
    return undefined
  }
}
