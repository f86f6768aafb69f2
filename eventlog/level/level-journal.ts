/**
 * Checks LevelDB's journals, and saves what is in them. LevelDB passes over a damaged place without an error, with all
 * that follows in the same 32 KiB, and then deletes the journal. So journals are looked at before LevelDB sees them.
 *
 * A record of a journal is a batch: `sequence (8, LE) | count (4, LE)`, then per entry `1 | key | value` for a put and
 * `0 | key` for a deletion, key and value each with a varint length in front (leveldb/db/write_batch.cc).
 */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { numberOfKey } from "../key.ts"
import type { StoreEntry } from "../LogStore.ts"
import { Cursor } from "./level-bytes.ts"
import { readLevelLog } from "./level-log.ts"
import { readManifest } from "./level-manifest.ts"

const batchHeaderBytes = 12

/** A journal in which something is damaged that must not be. */
export interface JournalDamage {
  readonly file: string
  readonly detail: string
}

/** Keys and values that a batch puts; those in front of whatever cannot be read. */
const putsIn = (batch: Buffer): ReadonlyArray<StoreEntry> => {
  const puts: Array<StoreEntry> = []
  const cursor = new Cursor(batch, batchHeaderBytes)
  while (!cursor.atEnd) {
    const isPut = cursor.varint() === 1
    const key = cursor.string()
    const value = isPut ? cursor.string() : undefined
    if (cursor.failed) break
    if (value !== undefined) puts.push([key.toString("utf8"), Buffer.from(value)])
  }
  return puts
}

/** The journals that LevelDB would replay. */
const journalsOf = async (database: string): Promise<ReadonlyArray<string>> => {
  const first = (await readManifest(database))?.logNumber ?? 0
  const names = await readdir(database).catch((): Array<string> => [])
  return names
    .filter((name) => /^\d+\.log$/.test(name) && Number.parseInt(name, 10) >= first)
    .map((name) => join(database, name))
}

const isConfirmed = (key: string, controlSeq: number): boolean =>
  key.startsWith("c") && (numberOfKey(key) ?? Number.POSITIVE_INFINITY) <= controlSeq

/**
 * Journals that are damaged in front of a control record that was confirmed: up to `controlSeq`, as HEAD says. What
 * lies behind that was never promised, and a power failure may leave it in any state.
 */
export const damagedJournals = async (database: string, controlSeq: number): Promise<ReadonlyArray<JournalDamage>> => {
  const damaged: Array<JournalDamage> = []
  for (const file of await journalsOf(database)) {
    const { firstBad, records } = readLevelLog(await readFile(file).catch(() => Buffer.alloc(0)))
    if (firstBad === undefined) continue
    const behind = records.filter(({ offset }) => offset > firstBad)
    if (!behind.some(({ data }) => putsIn(data).some(([key]) => isConfirmed(key, controlSeq)))) continue
    damaged.push({ file, detail: `does not match its checksum at byte ${firstBad}, in front of confirmed records` })
  }
  return damaged
}

/** All that the journals put, whether LevelDB would find it or not. */
export const salvageJournals = async (database: string): Promise<ReadonlyArray<StoreEntry>> => {
  const puts: Array<StoreEntry> = []
  for (const file of await journalsOf(database)) {
    const { records } = readLevelLog(await readFile(file).catch(() => Buffer.alloc(0)))
    for (const { data } of records) puts.push(...putsIn(data))
  }
  return puts
}
