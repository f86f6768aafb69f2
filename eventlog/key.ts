/**
 * Where things lie in the store. Keys are text whose byte order is the order of the numbers in them.
 *
 * Control records and observations have families of their own, so that folding state never reads an observation and
 * retention can drop whole ranges of them. `seq` still counts over both. What is derived from records (snapshots, the
 * index) can be deleted at any time.
 */

/** 14 hexadecimal digits hold every safe integer (2^53 - 1). */
const digits = 14
const text = (n: number): string => n.toString(16).padStart(digits, "0")

/** Key of the control record `seq`. */
export const controlKey = (seq: number): string => `c${text(seq)}`
/** Key of the observation `seq`. */
export const observationKey = (seq: number): string => `o${text(seq)}`
/** A snapshot lies at the control record that it was folded to. */
export const snapshotKey = (controlSeq: number): string => `s${text(controlSeq)}`
/** A snapshot for questions about the past, at the control record that it was folded to. */
export const keptSnapshotKey = (controlSeq: number): string => `h${text(controlSeq)}`
/** The inverse of `keptSnapshotKey`; undefined if it is none. */
export const numberOfKeptSnapshot = (key: string): number | undefined =>
  /^h[0-9a-f]{14}$/.test(key) ? Number.parseInt(key.slice(1), 16) : undefined
/** Which of them there are. */
export const keptSnapshotsKey = "mkept"
/** What a block of records is indexed by; see `index/`. */
export const blockKey = (block: number): string => `i${text(block)}`
/** Which records of a block have a tag, by the tag's hash (16 hexadecimal digits). */
export const postingKey = (tagHash: string, block: number): string => `p${tagHash}${text(block)}`
/** How far the records are indexed, and by which tagging. */
export const indexKey = "mindex"
/** Written with sync after each open: proves that the store takes writes before the log says so. */
export const probeKey = "mprobe"
/** Losses that somebody accepted knowingly; see `loss.ts`. */
export const lossesKey = "mlosses"
/** What retention has dropped; see `expired.ts`. */
export const expiredKey = "mexpired"
/** Where the chain of control records begins, if not at number 1; see `genesis.ts`. */
export const genesisKey = "mgenesis"

/** No record has a greater seq. */
export const lastSeq = Number.MAX_SAFE_INTEGER

/** The number in a key of any of the three families, or `undefined` if the key is none of ours. */
export const numberOfKey = (key: string): number | undefined => {
  if (key.length !== digits + 1 || !/^[cos][0-9a-f]{14}$/.test(key)) return undefined
  return Number.parseInt(key.slice(1), 16)
}
