/**
 * From where a file has data and where holes to which blocks are mapped. A block is unmapped if all of it is in a hole.
 * All numbers are bytes, a run is as `Bdev.mappedRun` gives it.
 */

import { errorCodeOf } from "../io-status-of.ts"
import type { CodedError } from "./AioIo.ts"

/** The part of a disk that is asked about: whole blocks. */
export interface AskedRange {
  readonly byteOffset: number
  readonly byteLength: number
}

/**
 * The run that begins with the range, from where the next data is (Infinity: nowhere); undefined if the first block has
 * some of it, and so the hole behind it decides.
 */
export const runBeforeData = (
  { byteLength, byteOffset }: AskedRange,
  blockSize: number,
  dataAt: number
): number | undefined => {
  const hole = Math.min(byteLength, Math.floor((dataAt - byteOffset) / blockSize) * blockSize)
  return hole > 0 ? -hole : undefined
}

/** The run of a range whose first block has data, from where the next hole is behind that. */
export const runBeforeHole = ({ byteLength, byteOffset }: AskedRange, blockSize: number, holeAt: number): number => {
  const data = Math.ceil((holeAt - byteOffset) / blockSize) * blockSize
  // A hole that was made between two questions may be anywhere.
  return Math.min(byteLength, Math.max(blockSize, data))
}

/** Who looks for a run: `AioIo`. */
interface Seeking extends AskedRange {
  /** Where data begins; below 0 as long as that is not known. */
  dataAt: number
  run: number
}

/** Data or a hole begins here, or that is not known. False: the other of the two has to be looked for, too. */
export const noteSought = (io: Seeking, blockSize: number, error: CodedError, byteOffset: number): boolean => {
  const isNowhere = error !== null && errorCodeOf(error) === "ENXIO"
  if (error !== null && !isNowhere) return true
  const at = isNowhere ? Number.POSITIVE_INFINITY : byteOffset
  const run = io.dataAt < 0 ? runBeforeData(io, blockSize, at) : runBeforeHole(io, blockSize, at)
  if (run === undefined) io.dataAt = at
  else io.run = run
  return run !== undefined
}
