/**
 * Losses that somebody accepted knowingly, so that the log goes on without the records that are gone. Kept in the store
 * beside the records: reading passes over exactly these breaks of the chain and no other.
 */
import { lossesKey } from "./key.ts"
import type { LogStore } from "./LogStore.ts"
import { pack, seal, unpack, unseal } from "./record-codec.ts"

/** The chain jumps from the record with one hash to the record with the other. "" is the beginning of the log. */
export interface AcceptedLoss {
  readonly afterHash: string
  readonly nextHash: string
}

const format = 1

const isLoss = (value: unknown): value is AcceptedLoss =>
  typeof value === "object" &&
  value !== null &&
  "afterHash" in value &&
  "nextHash" in value &&
  typeof value.afterHash === "string" &&
  typeof value.nextHash === "string"

/** What cannot be read accepts nothing: the break that it excused is then reported again. */
export const readLosses = async (store: LogStore): Promise<ReadonlyArray<AcceptedLoss>> => {
  const [entry] = await store.range({ gte: lossesKey, lte: lossesKey, limit: 1 })
  if (entry === undefined) return []
  const body = unseal(format, entry[1], true)
  const list = typeof body === "string" ? [] : unpack(body)
  return Array.isArray(list) ? list.filter(isLoss) : []
}

/** Replaces the list. */
export const writeLosses = (store: LogStore, losses: ReadonlyArray<AcceptedLoss>): Promise<void> =>
  store.write([{ type: "put", key: lossesKey, value: seal(format, pack(losses)).value }], true)
