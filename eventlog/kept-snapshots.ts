/**
 * Snapshots for questions about the past: the state at any record is then a few thousand records away. They are kept
 * beside the newest ones (`snapshots.ts`), sparse and bounded in bytes: when they are too many, those go that leave the
 * smallest gap. Derived data: what is damaged, or of another chain, is passed over.
 *
 * Each lies under a key of its own. A list says which there are, so that none need be read to find one; if the list is
 * damaged it is made anew from what lies there.
 */
import { keptSnapshotKey, keptSnapshotsKey, lastSeq, numberOfKeptSnapshot } from "./key.ts"
import type { LogStore, StoreWrite } from "./LogStore.ts"
import type { Snapshot } from "./reading.ts"
import { pack, seal, unpack, unseal } from "./record-codec.ts"
import { belongs, decodeSnapshot, encodeSnapshot } from "./snapshots.ts"

/** What may be kept, over all fold versions. */
export const keptLimits = { bytes: 64 * 1024 * 1024, count: 1024 } as const

/** Control records between two of them, if the limits allow. */
export const keptSpacing = 4000

/** A snapshot that is kept, by what it is. */
export interface KeptSnapshot {
  readonly controlSeq: number
  readonly controlNo: number
  readonly foldVersion: number
  /** As it is stored. */
  readonly bytes: number
}

const format = 1

const isKept = (value: unknown): value is KeptSnapshot => {
  const { bytes, controlNo, controlSeq, foldVersion }: { readonly [name: string]: unknown } = Object(value)
  return [bytes, controlNo, controlSeq, foldVersion].every(Number.isSafeInteger)
}

/** By reading all of them, a few at a time. */
const listAnew = async (store: LogStore): Promise<ReadonlyArray<KeptSnapshot>> => {
  const list: Array<KeptSnapshot> = []
  for (let from = 0; ; ) {
    const entries = await store.range({ gte: keptSnapshotKey(from), lte: keptSnapshotKey(lastSeq), limit: 4 })
    for (const [key, value] of entries) {
      from = (numberOfKeptSnapshot(key) ?? from) + 1
      const snapshot = decodeSnapshot(value)
      if (snapshot === undefined || keptSnapshotKey(snapshot.controlSeq) !== key) continue
      const { controlNo, controlSeq, foldVersion } = snapshot
      list.push({ controlSeq, controlNo, foldVersion, bytes: value.length })
    }
    if (entries.length < 4) return list
  }
}

/** Which snapshots are kept, oldest first. Some of them may turn out to be damaged. */
export const listKept = async (store: LogStore): Promise<ReadonlyArray<KeptSnapshot>> => {
  const [value] = await store.get([keptSnapshotsKey])
  const body = value === undefined ? "missing" : unseal(format, value, true)
  const list = typeof body === "string" ? undefined : unpack(body)
  return Array.isArray(list) ? list.filter(isKept) : listAnew(store)
}

/** The one that is missed least: between its neighbours lies the least, and of equals it is the oldest. */
const leastMissed = (list: ReadonlyArray<KeptSnapshot>): KeptSnapshot | undefined => {
  let least = list[0]
  let leastGap = Number.POSITIVE_INFINITY
  for (let at = 0; at < list.length - 1; at++) {
    const gap = (list[at + 1]?.controlNo ?? 0) - (list[at - 1]?.controlNo ?? 0)
    if (gap >= leastGap) continue
    least = list[at]
    leastGap = gap
  }
  return least
}

/** As many as the limits allow; the newest always. */
export const thinned = (list: ReadonlyArray<KeptSnapshot>): ReadonlyArray<KeptSnapshot> => {
  let kept = list
  let bytes = list.reduce((sum, snapshot) => sum + snapshot.bytes, 0)
  while (kept.length > 1 && (kept.length > keptLimits.count || bytes > keptLimits.bytes)) {
    const gone = leastMissed(kept)
    kept = kept.filter((snapshot) => snapshot !== gone)
    bytes -= gone?.bytes ?? 0
  }
  return kept
}

/**
 * Keeps a snapshot, unless there is one near it. Those of older fold versions go: nobody reads them any more. Not
 * synced: what a crash takes away is folded again.
 */
export const keepSnapshot = async (store: LogStore, snapshot: Snapshot): Promise<void> => {
  const { controlNo, controlSeq, foldVersion } = snapshot
  const before = await listKept(store)
  const own = before.filter((other) => other.foldVersion >= foldVersion && other.controlSeq !== controlSeq)
  const isNear = (other: KeptSnapshot) => Math.abs(other.controlNo - controlNo) < keptSpacing / 2
  if (own.some((other) => other.foldVersion === foldVersion && isNear(other))) return
  const value = encodeSnapshot(snapshot)
  if (value.length > keptLimits.bytes / 4) return
  const added = { controlSeq, controlNo, foldVersion, bytes: value.length }
  const after = thinned([...own, added].sort((a, b) => a.controlSeq - b.controlSeq))
  const writes: Array<StoreWrite> = before
    .filter((other) => !after.includes(other))
    .map((other) => ({ type: "del", key: keptSnapshotKey(other.controlSeq) }))
  if (after.includes(added)) writes.push({ type: "put", key: keptSnapshotKey(controlSeq), value })
  writes.push({ type: "put", key: keptSnapshotsKey, value: seal(format, pack(after)).value })
  await store.write(writes, false)
}

/** The newest of this fold version, of control record `controlSeq` or an earlier one, that is whole and belongs. */
export const readKept = async (
  store: LogStore,
  foldVersion: number,
  controlSeq: number
): Promise<Snapshot | undefined> => {
  const list = await listKept(store)
  for (const kept of list.toReversed()) {
    if (kept.foldVersion !== foldVersion || kept.controlSeq > controlSeq) continue
    const [value] = await store.get([keptSnapshotKey(kept.controlSeq)])
    const snapshot = value === undefined ? undefined : decodeSnapshot(value)
    const isIt = snapshot?.foldVersion === foldVersion && snapshot.controlSeq === kept.controlSeq
    if (isIt && (await belongs(store, snapshot))) return snapshot
  }
  return undefined
}
