/**
 * Where a reactor stands among several: the front accepts connections and reads their first login request, the homes
 * have the targets. What all of them must agree on at once (who has a connection, how many sessions an address has)
 * is in memory that they share.
 */
import { peersMax } from "../../limits.ts"

/** Of one reactor. */
export interface Place {
  /** 0 is the front; homes are 1 to `of`. */
  readonly index: number
  /** How many homes there are. */
  readonly of: number
  /** Int32 of each slot of a connection: see `Claims`. */
  readonly claims: SharedArrayBuffer
  /** Int32 of each slot of an address, in a row for each reactor: see `SessionCounts`. */
  readonly sessions: SharedArrayBuffer
}

const int32Bytes = Int32Array.BYTES_PER_ELEMENT
/** A connection that gave way has its slot until its home has said so. */
const claimsPerConnection = 2

/** Cells of one row of `sessions`: one for each address, and one for all together. */
export const sessionRowCells: number = peersMax + 1

/** The places of a front, which comes first, and of its homes; there are at most `connectionsMax` connections. */
export const placesOf = (homes: number, connectionsMax: number): ReadonlyArray<Place> => {
  const claims = new SharedArrayBuffer(connectionsMax * claimsPerConnection * int32Bytes)
  const sessions = new SharedArrayBuffer((homes + 1) * sessionRowCells * int32Bytes)
  return Array.from({ length: homes + 1 }, (_, index) => ({ index, of: homes, claims, sessions }))
}
