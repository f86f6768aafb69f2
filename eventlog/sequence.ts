/**
 * The next place in the log: pure arithmetic of seq, time and the two hash chains. `LogWriter` decides when a place is
 * taken; nothing here waits or fails.
 */

import type { LogTail } from "./reading.ts"
import type { Cause, ControlEntry, ControlRecord, ObservationEntry, ObservationRecord } from "./record.ts"
import { encodeControl, encodeObservation } from "./record-codec.ts"

/** After so many observations a new segment begins: the unit of retention. */
export const observationsPerSegment = 4096

/** And after a day, so that a quiet target's old observations go, too. */
const segmentAgeMicros = 24 * 60 * 60 * 1_000_000

/** Where the next record goes. */
export interface Position {
  readonly tail: LogTail
  /** Time of the last record, microseconds. */
  readonly at: number
  readonly observation: {
    /** 0 before the first. */
    readonly segment: number
    readonly segmentNo: number
    readonly hash: string
    readonly anchor: string
    /** Time of the segment's first, microseconds. */
    readonly beganAt: number
  }
}

/** Of an empty log. */
export const emptyTail: LogTail = { seq: 0, controlSeq: 0, controlNo: 0, controlHash: "" }

/** Of an empty log. */
export const emptyPosition: Position = {
  tail: emptyTail,
  at: 0,
  observation: { segment: 0, segmentNo: 0, hash: "", anchor: "", beganAt: 0 }
}

/** A record with its stored bytes and the place behind it. */
export interface Placed<R> {
  readonly record: R
  readonly value: Uint8Array
  readonly next: Position
}

/** The control record that comes next. `at` is raised to the last record's if it is below. */
export const placeControl = (from: Position, at: number, cause: Cause, entry: ControlEntry): Placed<ControlRecord> => {
  const seq = from.tail.seq + 1
  const controlNo = from.tail.controlNo + 1
  const plain = {
    seq,
    at: Math.max(at, from.at),
    kind: "control" as const,
    type: entry.type,
    v: entry.v,
    cause,
    payload: entry.payload,
    controlNo,
    prevControl: from.tail.controlHash
  }
  const { hash, value } = encodeControl(plain)
  return {
    record: { ...plain, hash },
    value,
    next: { ...from, tail: { seq, controlSeq: seq, controlNo, controlHash: hash }, at: plain.at }
  }
}

/** The observation that comes next; begins a segment when the last one is full or from another start. */
export const placeObservation = (from: Position, at: number, entry: ObservationEntry): Placed<ObservationRecord> => {
  const seq = from.tail.seq + 1
  const last = from.observation
  const time = Math.max(at, from.at)
  const isFull = last.segmentNo >= observationsPerSegment || time - last.beganAt > segmentAgeMicros
  const begins = last.segmentNo === 0 || isFull
  const plain = {
    seq,
    at: time,
    kind: "observation" as const,
    type: entry.type,
    v: entry.v,
    cause: entry.cause,
    payload: entry.payload,
    segment: begins ? last.segment + 1 : last.segment,
    segmentNo: begins ? 1 : last.segmentNo + 1,
    prevObservation: last.hash,
    anchor: begins ? from.tail.controlHash : last.anchor
  }
  const { hash, value } = encodeObservation(plain)
  const { segment, segmentNo, anchor } = plain
  const beganAt = begins ? time : last.beganAt
  return {
    record: { ...plain, hash },
    value,
    next: { tail: { ...from.tail, seq }, at: plain.at, observation: { segment, segmentNo, hash, anchor, beganAt } }
  }
}

/**
 * The place behind these last records of a stored log that begins at `from`. The next observation begins a new segment.
 */
export const positionAfter = (
  from: Position,
  control: ControlRecord | undefined,
  observation: ObservationRecord | undefined
): Position => ({
  tail: {
    seq: Math.max(control?.seq ?? from.tail.seq, observation?.seq ?? 0),
    controlSeq: control?.seq ?? from.tail.controlSeq,
    controlNo: control?.controlNo ?? from.tail.controlNo,
    controlHash: control?.hash ?? from.tail.controlHash
  },
  at: Math.max(control?.at ?? from.at, observation?.at ?? 0),
  observation: {
    segment: observation?.segment ?? 0,
    segmentNo: 0,
    hash: observation?.hash ?? from.observation.hash,
    anchor: "",
    beganAt: 0
  }
})
