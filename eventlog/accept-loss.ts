/**
 * Going on knowingly with a damaged log: what cannot be read is put aside under its own key with an `x` in front, and
 * each break of a chain is noted as accepted, so that reading passes over it and over no other.
 */
import { readFile, unlink } from "node:fs/promises"
import { type ChainAnchor, chainStart } from "./chain.ts"
import { readGenesis } from "./genesis.ts"
import { controlKey, genesisKey, lastSeq, numberOfKey, observationKey } from "./key.ts"
import type { LogStore, StoreEntry, StoreWrite } from "./LogStore.ts"
import { damagedTables, salvageTable } from "./level-table.ts"
import { type AcceptedLoss, readLosses, writeLosses } from "./loss.ts"
import type { LogRecord } from "./record.ts"
import { decodeRecord } from "./record-codec.ts"

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

/** Puts back those records among `entries` that are whole and not there. */
export const putBack = async (store: LogStore, entries: ReadonlyArray<StoreEntry>): Promise<void> => {
  for (const [key, value] of entries) {
    const record = decodeRecord(value, true)
    if (typeof record === "string" || numberOfKey(key) !== record.seq) continue
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

const observationContinues = (last: LogRecord | undefined, next: LogRecord): boolean => {
  if (next.kind !== "observation") return false
  if (last?.kind !== "observation") return true
  const follows = next.segment === last.segment ? next.segmentNo === last.segmentNo + 1 : next.segmentNo === 1
  return follows && next.prevObservation === last.hash
}

/** What was accepted, newly and in all. */
export interface Mended {
  readonly losses: ReadonlyArray<AcceptedLoss>
  readonly newBreaks: number
  readonly putAside: number
}

/** A genesis that cannot be read is put aside as well: the chain then begins with a loss. */
const mendGenesis = async (store: LogStore): Promise<{ readonly beginning: ChainAnchor; readonly aside: number }> => {
  const genesis = await readGenesis(store)
  if (genesis === undefined) return { beginning: chainStart, aside: 0 }
  if (typeof genesis !== "string") return { beginning: genesis, aside: 0 }
  const [entry] = await store.range({ gte: genesisKey, lte: genesisKey, limit: 1 })
  if (entry === undefined) return { beginning: chainStart, aside: 0 }
  const [key, value] = entry
  const writes: ReadonlyArray<StoreWrite> = [
    { type: "put", key: `x${key}`, value },
    { type: "del", key }
  ]
  await store.write(writes, true)
  return { beginning: chainStart, aside: 1 }
}

/** Reads the whole store and mends it; afterwards it verifies. */
export const acceptLosses = async (store: LogStore): Promise<Mended> => {
  const before = await readLosses(store)
  const { aside, beginning } = await mendGenesis(store)
  const from = (seq: number) => controlKey(Math.max(seq, beginning.controlSeq + 1))
  const control = await mend(store, from, beginning.controlHash, controlContinues(beginning))
  const observed = await mend(store, observationKey, "", observationContinues)
  const losses = [...control.losses, ...observed.losses]
  await writeLosses(store, losses)
  const known = new Set(before.map(({ nextHash }) => nextHash))
  const newBreaks = losses.filter(({ nextHash }) => !known.has(nextHash)).length
  return { losses, newBreaks, putAside: aside + control.aside + observed.aside }
}
