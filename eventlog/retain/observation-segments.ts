/**
 * Finds the segments of observations with a few point reads each: a segment is what retention drops, and a log of a
 * million observations has some 250 of them.
 */
import { lastSeq, observationKey } from "../key.ts"
import type { LogStore } from "../LogStore.ts"
import type { ObservationRecord } from "../record.ts"
import { decodeRecord } from "../record-codec.ts"
import { observationsPerSegment } from "../sequence.ts"

/** One segment, as far as it is in the store. */
export interface Segment {
  readonly segment: number
  readonly count: number
  readonly first: ObservationRecord
  readonly last: ObservationRecord
}

/** The one observation that a range gives; `undefined` if there is none, or none that can be read. */
const only = async (store: LogStore, from: number, to: number, reverse: boolean) => {
  const [entry] = await store.range({ gte: observationKey(from), lte: observationKey(to), limit: 1, reverse })
  const record = entry === undefined ? undefined : decodeRecord(entry[1], true)
  return typeof record === "object" && record.kind === "observation" ? record : undefined
}

const firstFrom = (store: LogStore, seq: number) => only(store, seq, lastSeq, false)
const lastUpTo = (store: LogStore, from: number, seq: number) => only(store, from, seq, true)

/** The last observation of the segment that `first` is in. */
const endOf = async (store: LogStore, first: ObservationRecord): Promise<ObservationRecord> => {
  let last = first
  for (;;) {
    const next = await firstFrom(store, last.seq + 1)
    if (next === undefined || next.segment !== first.segment) return last
    last = next
    // All in one segment if no control record came in between; else it ends in front of it, or behind.
    let high = last.seq + observationsPerSegment - last.segmentNo
    while (high > last.seq) {
      const found = await lastUpTo(store, last.seq, high)
      if (found === undefined) return last
      if (found.segment === first.segment) {
        last = found
        break
      }
      high = last.seq + Math.floor((high - last.seq) / 2)
    }
  }
}

/** All segments from seq `from` on, in order, as far as they can be read. */
export const segmentsFrom = async (store: LogStore, from: number): Promise<Array<Segment>> => {
  const segments: Array<Segment> = []
  for (let seq = from; ; ) {
    const first = await firstFrom(store, seq)
    if (first === undefined) return segments
    const last = await endOf(store, first)
    segments.push({ segment: first.segment, count: last.segmentNo - first.segmentNo + 1, first, last })
    seq = last.seq + 1
  }
}
