/**
 * Observations that retention has dropped. One small entry tells them from damage: it is written in the very batch that
 * deletes them, so that the first observation that is left continues the last one that it names.
 */
import { expiredKey } from "../key.ts"
import type { LogStore, StoreWrite } from "../LogStore.ts"
import { pack, seal, unpack, unseal } from "../record-codec.ts"

/** What is gone, in all. */
export interface Expired {
  /** Seq of the last one. */
  readonly through: number
  readonly count: number
  /** Hash of the last one: the first that is left continues it. */
  readonly hash: string
  /** Times of the first and of the last one, microseconds. */
  readonly firstAt: number
  readonly lastAt: number
}

const format = 1

/** What lies under `expiredKey`, or what is wrong with it. Never throws. */
export const decodeExpired = (value: Uint8Array): Expired | string => {
  const body = unseal(format, value, true)
  if (typeof body === "string") return body
  const map: { readonly [name: string]: unknown } = Object(unpack(body))
  const { count, firstAt, hash, lastAt, through } = map
  if (typeof through !== "number" || typeof count !== "number" || typeof hash !== "string") return "lacks fields"
  if (typeof firstAt !== "number" || typeof lastAt !== "number") return "lacks fields"
  return { through, count, hash, firstAt, lastAt }
}

/** For the batch that deletes them. */
export const expiredWrite = (expired: Expired): StoreWrite => ({
  type: "put",
  key: expiredKey,
  value: seal(format, pack(expired)).value
})

/**
 * What the store says is gone; `undefined` if nothing is, or if that cannot be read: then the gap is one that nothing
 * explains, and is told as damage.
 */
export const readExpired = async (store: LogStore): Promise<Expired | undefined> => {
  const [entry] = await store.range({ gte: expiredKey, lte: expiredKey, limit: 1 })
  const expired = entry === undefined ? undefined : decodeExpired(entry[1])
  return typeof expired === "string" ? undefined : expired
}
