/**
 * Looks at a store that was just opened: where it ends, and whether that is the end that was confirmed.
 *
 * A start does not read the whole log: it checks the last records against HEAD. What lies before is checked when it is
 * read; `LogCheck` reads everything.
 */
import type { ChainAnchor } from "../chain.ts"
import { controlKey, lastSeq, numberOfKey, observationKey } from "../key.ts"
import type { LogStore } from "../LogStore.ts"
import type { LogRecord } from "../record.ts"
import { decodeRecord } from "../record-codec.ts"
import { readExpired } from "../retain/expired.ts"
import { type Genesis, positionAt, readGenesis } from "../retain/genesis.ts"
import { type Position, positionAfter } from "../sequence.ts"

/** What is wrong with a store, as far as a start looks. */
export interface Damage {
  readonly detail: string
  readonly lastControlSeq: number
}

const lastOf = async (store: LogStore, keyOf: (seq: number) => string): Promise<LogRecord | Damage | undefined> => {
  const [entry] = await store.range({ gte: keyOf(0), lte: keyOf(lastSeq), limit: 1, reverse: true })
  if (entry === undefined) return undefined
  const record = decodeRecord(entry[1], true)
  if (typeof record === "string") return { detail: `the last record, under ${entry[0]}, ${record}`, lastControlSeq: 0 }
  if (numberOfKey(entry[0]) !== record.seq) {
    return { detail: `record ${record.seq} lies under the key ${entry[0]}`, lastControlSeq: 0 }
  }
  return record
}

const checkHead = async (
  store: LogStore,
  last: ChainAnchor,
  head: ChainAnchor | "missing" | "damaged",
  beginning: ChainAnchor | undefined
): Promise<Damage | undefined> => {
  const { controlNo, controlSeq: lastControlSeq } = last
  if (head === "damaged" || head === "missing") {
    // Of a log without control records nothing can be gone; a first start that was killed may leave it so.
    if (controlNo === 0) return undefined
    const what = head === "damaged" ? "cannot be read" : "is gone"
    return { detail: `HEAD ${what}, so a loss at the end could not be seen`, lastControlSeq }
  }
  if (head.controlNo > controlNo) {
    const detail = `control records ${controlNo + 1} to ${head.controlNo} were confirmed and are gone`
    return { detail, lastControlSeq }
  }
  // HEAD is not synced: a power failure may leave it behind a genesis.
  if (head.controlNo < (beginning?.controlNo ?? 1)) return undefined
  if (head.controlNo === beginning?.controlNo) {
    if (head.controlHash === beginning.controlHash) return undefined
    return { detail: `the log does not begin at the control record ${head.controlNo} of its HEAD`, lastControlSeq }
  }
  const key = controlKey(head.controlSeq)
  const [entry] = await store.range({ gte: key, lte: key, limit: 1 })
  const record = entry === undefined ? `is gone` : decodeRecord(entry[1], true)
  if (typeof record === "object" && record.hash === head.controlHash) return undefined
  const how = typeof record === "string" ? record : "is not the one that was confirmed"
  return { detail: `control record ${head.controlNo} (seq ${head.controlSeq}) ${how}`, lastControlSeq }
}

/** Where the log begins and goes on. */
export interface Extent {
  readonly genesis: Genesis | undefined
  readonly position: Position
}

/** Where the log begins and goes on, or what is wrong. */
export const examine = async (store: LogStore, head: ChainAnchor | "missing" | "damaged"): Promise<Extent | Damage> => {
  const genesis = await readGenesis(store)
  if (typeof genesis === "string") {
    return { detail: `the genesis, which stands for the records in front of the first, ${genesis}`, lastControlSeq: 0 }
  }
  const control = await lastOf(store, controlKey)
  if (control !== undefined && "detail" in control) return control
  const observation = await lastOf(store, observationKey)
  if (observation !== undefined && "detail" in observation) return observation
  const expired = await readExpired(store)
  const position = positionAfter(
    positionAt(genesis, expired),
    control?.kind === "control" && control.controlNo > (genesis?.controlNo ?? 0) ? control : undefined,
    observation?.kind === "observation" ? observation : undefined
  )
  return (await checkHead(store, position.tail, head, genesis)) ?? { genesis, position }
}
