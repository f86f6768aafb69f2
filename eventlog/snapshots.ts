/**
 * Folded states beside the records, so that a start need not read the whole log. Derived data: a snapshot that is
 * damaged, or that belongs to another chain, is passed over and never trusted.
 */

import { controlKey, lastSeq, snapshotKey } from "./key.ts"
import type { LogStore, StoreWrite } from "./LogStore.ts"
import type { LogTail, Snapshot } from "./reading.ts"
import { decodeRecord, pack, seal, unpack, unseal } from "./record-codec.ts"
import { readGenesis } from "./retain/genesis.ts"

/** Kept per fold version: the newest, and one to fall back to. */
const keptPerVersion = 2
/** Read at most, over all fold versions. */
const readMax = 64
/** Bytes of a folded state. */
export const snapshotBytesMax = 256 * 1024 * 1024
const format = 1

/** A stored snapshot; undefined if these are not the bytes of one. */
export const decodeSnapshot = (value: Uint8Array): Snapshot | undefined => {
  const body = unseal(format, value, true)
  if (typeof body === "string") return undefined
  const map = unpack(body)
  if (typeof map !== "object" || map === null) return undefined
  if (!("controlSeq" in map && "controlNo" in map && "controlHash" in map && "foldVersion" in map && "state" in map)) {
    return undefined
  }
  const { controlHash, controlNo, controlSeq, foldVersion, state } = map
  if (typeof controlSeq !== "number" || typeof controlNo !== "number" || typeof foldVersion !== "number")
    return undefined
  if (typeof controlHash !== "string" || !(state instanceof Uint8Array)) return undefined
  return { controlSeq, controlNo, controlHash, foldVersion, state }
}

/** The inverse of `decodeSnapshot`. */
export const encodeSnapshot = (snapshot: Snapshot): Uint8Array =>
  seal(format, pack({ ...snapshot, state: Buffer.from(snapshot.state) })).value

const stored = async (
  store: LogStore
): Promise<ReadonlyArray<readonly [key: string, snapshot: Snapshot | undefined]>> => {
  const entries = await store.range({ gte: snapshotKey(0), lte: snapshotKey(lastSeq), limit: readMax, reverse: true })
  return entries.map(([key, value]) => [key, decodeSnapshot(value)])
}

/** The chain must hold the very record that the snapshot was folded to. */
export const belongs = async (store: LogStore, { controlHash, controlSeq }: Snapshot): Promise<boolean> => {
  if (controlSeq === 0) return controlHash === ""
  const key = controlKey(controlSeq)
  const [entry] = await store.range({ gte: key, lte: key, limit: 1 })
  if (entry === undefined) {
    const genesis = await readGenesis(store)
    return typeof genesis === "object" && genesis.controlHash === controlHash
  }
  const record = decodeRecord(entry[1], true)
  return typeof record === "object" && record.kind === "control" && record.hash === controlHash
}

/** The newest of this fold version, up to `durable`, that is whole and belongs to the chain. */
export const readNewest = async (
  store: LogStore,
  durable: Pick<LogTail, "controlSeq">,
  foldVersion: number
): Promise<Snapshot | undefined> => {
  for (const [, snapshot] of await stored(store)) {
    if (snapshot === undefined || snapshot.foldVersion !== foldVersion || snapshot.controlSeq > durable.controlSeq)
      continue
    if (await belongs(store, snapshot)) return snapshot
  }
  return undefined
}

/** Not synced: a snapshot that a crash takes away is folded again. One per control record; the last one wins. */
export const storeSnapshot = async (store: LogStore, snapshot: Snapshot): Promise<void> => {
  const key = snapshotKey(snapshot.controlSeq)
  const same = (await stored(store)).filter(
    ([other, old]) => other !== key && (old === undefined || old.foldVersion === snapshot.foldVersion)
  )
  const old = same.filter(([other, { foldVersion } = { foldVersion: -1 }], at) => {
    return other > key || foldVersion === -1 || at >= keptPerVersion - 1
  })
  const writes: Array<StoreWrite> = old.map(([key]) => ({ type: "del", key }))
  writes.push({ type: "put", key, value: encodeSnapshot(snapshot) })
  await store.write(writes, false)
}
