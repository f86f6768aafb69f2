/**
 * A log whose write failed is suspect: LevelDB refuses every write until it is reopened, and a record whose sync failed
 * may be there after all. So nobody is told anything until the store has been closed, reopened and asked.
 */

import { controlKey, lastSeq, probeKey } from "../key.ts"
import { type LogStore, StoreError, storeError } from "../LogStore.ts"
import { decodeRecord } from "../record-codec.ts"
import { readGenesis } from "../retain/genesis.ts"
import type { Position } from "../sequence.ts"
import type { Batch } from "./Batch.ts"

/** Milliseconds between attempts to reopen: doubled from the first to the last. */
export const reopenDelayMillis = { first: 50, last: 5000 } as const

/** What the reopened store holds of the batch that failed. */
export interface Reopened {
  readonly store: LogStore
  /** A batch is atomic: all of it has happened, or none. */
  readonly survived: boolean
  readonly attempts: number
}

/** The store came back without records that callers were told of: nothing may be built on it. */
export class DurableLost extends Error {}

const bytesAt = async (store: LogStore, key: string): Promise<Uint8Array | undefined> => {
  const [entry] = await store.range({ gte: key, lte: key, limit: 1 })
  return entry?.[1]
}

/** Proves that the store takes synced writes; also makes what it holds durable. */
export const probe = (store: LogStore): Promise<void> =>
  store.write([{ type: "put", key: probeKey, value: new Uint8Array(0) }], true)

/** Of the last control record. Archives are not asked: the log goes on without those that cannot be read. */
const lastHashIn = async (store: LogStore): Promise<string> => {
  const genesis = await readGenesis(store)
  if (typeof genesis === "string") return genesis
  const gte = controlKey((genesis?.controlSeq ?? 0) + 1)
  const [last] = await store.range({ gte, lte: controlKey(lastSeq), limit: 1, reverse: true })
  const record = last === undefined ? undefined : decodeRecord(last[1], true)
  return typeof record === "object" ? record.hash : (record ?? genesis?.controlHash ?? "")
}

const survivedIn = async (store: LogStore, batch: Batch, durable: Position): Promise<boolean> => {
  const present = await Promise.all(
    [batch.writes.at(0), batch.writes.at(-1)].map(async (write) => {
      if (write === undefined || write.type === "del") return false
      const bytes = await bytesAt(store, write.key)
      return bytes !== undefined && Buffer.from(write.value).equals(bytes)
    })
  )
  const survived = present.every((there) => there)
  const expected = survived ? batch.end.tail : durable.tail
  const hash = await lastHashIn(store)
  if (hash !== expected.controlHash) {
    throw new DurableLost(
      `after reopening, control record ${expected.controlSeq}, once confirmed, is not the last; restart to examine it`
    )
  }
  return survived
}

/** Tries until it succeeds or `signal` aborts; `DurableLost` if the store lacks records that were confirmed. */
export const reopenSuspect = async (options: {
  readonly open: () => Promise<LogStore>
  readonly batch: Batch
  readonly durable: Position
  readonly signal: AbortSignal
  readonly failed: (error: StoreError) => void
}): Promise<Reopened> => {
  let delay: number = reopenDelayMillis.first
  for (let attempts = 1; ; attempts++) {
    await pause(delay, options.signal)
    delay = Math.min(delay * 2, reopenDelayMillis.last)
    let store: LogStore | undefined
    try {
      store = await options.open()
      await probe(store)
      return { store, survived: await survivedIn(store, options.batch, options.durable), attempts }
    } catch (error) {
      await store?.close().catch(() => undefined)
      if (error instanceof DurableLost) throw error
      options.failed(storeError(error))
    }
  }
}

const pause = (millis: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer)
      reject(new StoreError("ESHUTDOWN", "closed before the log could be reopened"))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", aborted)
      resolve()
    }, millis)
    if (signal.aborted) aborted()
    else signal.addEventListener("abort", aborted, { once: true })
  })
