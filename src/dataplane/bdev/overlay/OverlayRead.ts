/** A read of an overlay whose blocks are in several places: each run of granules from where it is. */
import type { Bdev, BdevIo } from "../Bdev.ts"
import { Granule } from "./GranuleMap.ts"
import type { OverlayStore } from "./OverlayStore.ts"
import { Pieces } from "./Pieces.ts"

/** Bytes from here on that are alike, and where they are. */
export interface Run {
  readonly state: Granule
  readonly byteLength: number
}

/** Within `byteLength`. */
export const runOf = ({ granuleBytes, map }: OverlayStore, byteOffset: number, byteLength: number): Run => {
  const first = Math.floor(byteOffset / granuleBytes)
  const end = Math.ceil((byteOffset + byteLength) / granuleBytes)
  const runEnd = map.runEnd(first, end) * granuleBytes
  return { state: map.at(first), byteLength: Math.min(byteLength, runEnd - byteOffset) }
}

/** The pieces, to give them up by; `io` ends when all have. */
export const readRuns = (
  base: Bdev,
  store: OverlayStore,
  byteOffset: number,
  target: Buffer,
  targetStart: number,
  byteLength: number,
  io: Pick<BdevIo, "ioDone">
): Pieces => {
  const pieces = new Pieces((status, at) => io.ioDone(status, at))
  for (let done = 0; done < byteLength; ) {
    const at = byteOffset + done
    const run = runOf(store, at, byteLength - done)
    const start = targetStart + done
    if (run.state === Granule.zeros) target.fill(0, start, start + run.byteLength)
    else if (run.state === Granule.own) store.read(at, target, start, run.byteLength, pieces.next())
    else base.read(at, target, start, run.byteLength, pieces.next())
    done += run.byteLength
  }
  return pieces
}
