/**
 * Where the chain of control records begins, if not at number 1: the state that the records in front had led to, in
 * place of them. A log begins so because it was compacted, or because it is a fork of another log.
 *
 * A genesis is no derived data: without it, what follows folds to nothing that ever was. So one that cannot be read is
 * damage, and its state is readable for ever, whatever `foldVersion` it has.
 */
import type { ChainAnchor } from "../chain.ts"
import { genesisKey } from "../key.ts"
import type { LogStore, StoreWrite } from "../LogStore.ts"
import { pack, seal, unpack, unseal } from "../record-codec.ts"
import { emptyPosition, type Position } from "../sequence.ts"
import type { Expired } from "./expired.ts"

/** The control record that the first one continues, and the state as of it. */
export interface Genesis extends ChainAnchor {
  /** Time of that record, microseconds since the epoch. */
  readonly at: number
  readonly foldVersion: number
  /** In its owner's encoding, as a snapshot's. */
  readonly state: Uint8Array
  /** `compacted`: the records in front were this log's. `forked`: they are another log's. */
  readonly origin: "compacted" | "forked"
  /** When it was written, microseconds since the epoch. */
  readonly madeAt: number
  /** Names of the files below `archive` with the records in front, oldest first; none if they were not kept. */
  readonly archives: ReadonlyArray<string>
}

const format = 1

const isCount = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value)
/** Nothing that leads out of the folder of archives. */
const isNames = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((name) => typeof name === "string" && /^\d{1,16}-\d{1,16}$/.test(name))

/** A genesis in the bytes that `encodeGenesis` gave, or what is wrong with them. Never throws. */
export const decodeGenesis = (value: Uint8Array): Genesis | string => {
  const body = unseal(format, value, true)
  if (typeof body === "string") return body
  const map: { readonly [name: string]: unknown } = Object(unpack(body))
  const { archives, at, controlHash, controlNo, controlSeq, foldVersion, madeAt, origin, state } = map
  const counted = isCount(at) && isCount(controlNo) && isCount(controlSeq) && isCount(foldVersion) && isCount(madeAt)
  if (!counted || typeof controlHash !== "string" || !(state instanceof Uint8Array) || !isNames(archives)) {
    return "is no genesis: fields are missing"
  }
  if (origin !== "compacted" && origin !== "forked") return `has the unknown origin ${String(origin)}`
  return { controlSeq, controlNo, controlHash, at, foldVersion, state, origin, madeAt, archives }
}

/** Sealed, as everything that the log stores. */
export const encodeGenesis = (genesis: Genesis): Uint8Array =>
  seal(format, pack({ ...genesis, state: Buffer.from(genesis.state) })).value

/** For a batch: the log begins there. */
export const genesisWrite = (genesis: Genesis): StoreWrite => ({
  type: "put",
  key: genesisKey,
  value: encodeGenesis(genesis)
})

/** The store's genesis, or what is wrong with it; `undefined` if its log begins at record 1. */
export const readGenesis = async (store: LogStore): Promise<Genesis | string | undefined> => {
  const [entry] = await store.range({ gte: genesisKey, lte: genesisKey, limit: 1 })
  return entry === undefined ? undefined : decodeGenesis(entry[1])
}

/** Where the first record of a log goes that begins so, and of whose observations these are gone. */
export const positionAt = (genesis: Genesis | undefined, expired?: Expired): Position => {
  const observation = { ...emptyPosition.observation, hash: expired?.hash ?? "" }
  if (genesis === undefined) return { ...emptyPosition, observation }
  const { at, controlHash, controlNo, controlSeq } = genesis
  return { tail: { seq: controlSeq, controlSeq, controlNo, controlHash }, at, observation }
}
