/**
 * Going on knowingly with a damaged log: what cannot be read is put aside under its own key with an `x` in front, and
 * each break of a chain is noted as accepted, so that reading passes over it and over no other.
 */
import { readdir, readFile, unlink } from "node:fs/promises"
import { join } from "node:path"
import { type ChainAnchor, chainStart } from "../chain.ts"
import { controlKey, expiredKey, genesisKey, lastSeq, numberOfKey, observationKey } from "../key.ts"
import type { LogStore, StoreEntry, StoreWrite } from "../LogStore.ts"
import { damagedTables, salvageTable } from "../level/level-table.ts"
import { type AcceptedLoss, readLosses, writeLosses } from "../loss.ts"
import type { LogRecord } from "../record.ts"
import { decodeRecord } from "../record-codec.ts"
import { ArchiveFile } from "../retain/archive-file.ts"
import { decodeExpired, readExpired } from "../retain/expired.ts"
import { decodeGenesis, type Genesis, genesisWrite, readGenesis } from "../retain/genesis.ts"
import { archiveDirectory } from "../retain/Past.ts"

const windowEntries = 1000

/**
 * Takes damaged tables away from LevelDB, whose own repair would abort the process over them, and gives what is whole
 * in them. Their bytes stay where `aside.ts` has linked them.
 */
export const takeDamagedTables = async (database: string): Promise<ReadonlyArray<StoreEntry>> => {
  const salvaged: Array<StoreEntry> = []
  for (const { file } of await damagedTables(database, Number.POSITIVE_INFINITY)) {
    salvaged.push(...salvageTable(await readFile(file)))
    await unlink(file)
  }
  return salvaged
}

/** Where the log begins, as one of `entries` says it: the latest word holds. */
const latest = <A>(
  entries: ReadonlyArray<StoreEntry>,
  key: string,
  decode: (value: Uint8Array) => A | string,
  placeOf: (found: A) => number
): { readonly place: number; readonly value: Uint8Array | undefined } => {
  let place = 0
  let value: Uint8Array | undefined
  for (const [other, bytes] of entries) {
    const found = other === key ? decode(bytes) : ""
    if (typeof found === "string" || placeOf(found) < place) continue
    place = placeOf(found)
    value = bytes
  }
  return { place, value }
}

/**
 * Puts back what among `entries` is whole and not there: records, and where they begin. What was compacted or dropped
 * since it was written does not come back.
 */
export const putBack = async (store: LogStore, entries: ReadonlyArray<StoreEntry>): Promise<void> => {
  const metas = await store.range({ gte: "m", lte: "n", limit: windowEntries })
  const all = [...entries, ...metas]
  const genesis = latest(all, genesisKey, decodeGenesis, ({ controlSeq }) => controlSeq)
  const expired = latest(all, expiredKey, decodeExpired, ({ through }) => through)
  if (genesis.value !== undefined) await store.write([{ type: "put", key: genesisKey, value: genesis.value }], false)
  if (expired.value !== undefined) await store.write([{ type: "put", key: expiredKey, value: expired.value }], false)
  for (const [key, value] of entries) {
    const record = decodeRecord(value, true)
    if (typeof record === "string" || numberOfKey(key) !== record.seq) continue
    if (record.seq <= (record.kind === "control" ? genesis.place : expired.place)) continue
    const [there] = await store.range({ gte: key, lte: key, limit: 1 })
    if (there === undefined) await store.write([{ type: "put", key, value }], false)
  }
}

/** Puts aside what is no record, and gives the losses between those that are. */
const mend = async (
  store: LogStore,
  keyOf: (seq: number) => string,
  beginningHash: string,
  continues: (last: LogRecord | undefined, next: LogRecord) => boolean
): Promise<{ readonly losses: ReadonlyArray<AcceptedLoss>; readonly aside: number }> => {
  const losses: Array<AcceptedLoss> = []
  let aside = 0
  let last: LogRecord | undefined
  for (let from = keyOf(0); ; ) {
    const entries = await store.range({ gte: from, lte: keyOf(lastSeq), limit: windowEntries })
    const writes: Array<StoreWrite> = []
    for (const [key, value] of entries) {
      const record = decodeRecord(value, true)
      if (typeof record === "string" || numberOfKey(key) !== record.seq) {
        writes.push({ type: "put", key: `x${key}`, value }, { type: "del", key })
        aside++
        continue
      }
      if (!continues(last, record)) losses.push({ afterHash: last?.hash ?? beginningHash, nextHash: record.hash })
      last = record
    }
    if (writes.length > 0) await store.write(writes, true)
    const end = entries.at(-1)
    if (end === undefined || entries.length < windowEntries) return { losses, aside }
    from = `${end[0]}\0`
  }
}

const controlContinues =
  (beginning: ChainAnchor) =>
  (last: LogRecord | undefined, next: LogRecord): boolean => {
    if (next.kind !== "control") return false
    const before = last?.kind === "control" ? last : { controlNo: beginning.controlNo, hash: beginning.controlHash }
    return next.controlNo === before.controlNo + 1 && next.prevControl === before.hash
  }

const observationContinues =
  (expiredHash: string) =>
  (last: LogRecord | undefined, next: LogRecord): boolean => {
    if (next.kind !== "observation") return false
    if (last?.kind !== "observation") return next.segmentNo === 1 && next.prevObservation === expiredHash
    const follows = next.segment === last.segment ? next.segmentNo === last.segmentNo + 1 : next.segmentNo === 1
    return follows && next.prevObservation === last.hash
  }

/** What was accepted, newly and in all. */
export interface Mended {
  /** What had been accepted before. */
  readonly before: ReadonlyArray<AcceptedLoss>
  readonly losses: ReadonlyArray<AcceptedLoss>
  readonly newBreaks: number
  readonly putAside: number
}

/**
 * A genesis that cannot be read, or is gone, is in the archive that it was made with, too. Without that it is put
 * aside: the chain then begins with a loss.
 */
const mendGenesis = async (store: LogStore, home: string): Promise<{ beginning: ChainAnchor; aside: number }> => {
  const genesis = await readGenesis(store)
  if (typeof genesis === "object") return { beginning: genesis, aside: 0 }
  const [entry] = await store.range({ gte: genesisKey, lte: genesisKey, limit: 1 })
  const writes: Array<StoreWrite> = []
  if (entry !== undefined) writes.push({ type: "put", key: `x${genesisKey}`, value: entry[1] })
  const archived = await genesisInArchives(store, home)
  if (archived !== undefined) writes.push(genesisWrite(archived))
  else if (entry !== undefined) writes.push({ type: "del", key: genesisKey })
  if (writes.length > 0) await store.write(writes, true)
  return { beginning: archived ?? chainStart, aside: entry === undefined ? 0 : 1 }
}

/** The end of the archive that the first control record continues. */
const genesisInArchives = async (store: LogStore, home: string): Promise<Genesis | undefined> => {
  const [entry] = await store.range({ gte: controlKey(0), lte: controlKey(lastSeq), limit: 1 })
  const first = entry === undefined ? undefined : decodeRecord(entry[1], true)
  if (typeof first !== "object" || first.kind !== "control" || first.controlNo === 1) return undefined
  const directory = archiveDirectory(home)
  for (const name of await readdir(directory).catch((): Array<string> => [])) {
    const file = await ArchiveFile.open(join(directory, name))
    if (typeof file !== "string" && file.footer.ends.controlHash === first.prevControl) return file.footer.ends
  }
  return undefined
}

/** Reads the whole store and mends it; afterwards it verifies. */
export const acceptLosses = async (store: LogStore, home: string): Promise<Mended> => {
  const before = await readLosses(store)
  const { aside, beginning } = await mendGenesis(store, home)
  const from = (seq: number) => controlKey(Math.max(seq, beginning.controlSeq + 1))
  const control = await mend(store, from, beginning.controlHash, controlContinues(beginning))
  const expired = await readExpired(store)
  const expiredHash = expired?.hash ?? ""
  const observedFrom = (seq: number) => observationKey(Math.max(seq, (expired?.through ?? 0) + 1))
  const observed = await mend(store, observedFrom, expiredHash, observationContinues(expiredHash))
  const losses = [...control.losses, ...observed.losses]
  await writeLosses(store, losses)
  const known = new Set(before.map(({ nextHash }) => nextHash))
  const newBreaks = losses.filter(({ nextHash }) => !known.has(nextHash)).length
  return { before, losses, newBreaks, putAside: aside + control.aside + observed.aside }
}
