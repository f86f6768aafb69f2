/**
 * What a record is, in memory. `record-codec.ts` says how it is stored.
 */

/** Who asked for, or caused, a record. */
export interface Cause {
  /**
   * `log` is the event log itself: a recovered failure, a stepped clock, a loss that was accepted. `replay`: it comes
   * from another log, and the rest says who asked for it there.
   */
  readonly source: "rpc" | "cli" | "config" | "hotplug" | "initiator" | "boot" | "dataplane" | "log" | "replay"
  /** An address, or `local`; CLI and HTTP clients name themselves. */
  readonly actor: string
  /** The RPC method or CLI command, if there is one. */
  readonly method?: string
  /** The JSON-RPC id as text, if there is one. */
  readonly requestId?: string
  /** Seq of the record that led here. */
  readonly correlationId?: number
}

interface RecordBase {
  /** Position in the log: 1, 2, 3 ... over all kinds. */
  readonly seq: number
  /** Microseconds since the epoch; never below the record before. */
  readonly at: number
  readonly type: string
  readonly v: number
  readonly cause: Cause
  /** Plain data: null, booleans, numbers, bigints, text, Uint8Array, arrays and objects of these. */
  readonly payload: unknown
}

/** A change: chained, fsynced, kept. */
export interface ControlRecord extends RecordBase {
  readonly kind: "control"
  /** Gapless number among control records: 1, 2, 3 ... */
  readonly controlNo: number
  /** Hash (SHA-256, hexadecimal) of the control record before; "" for the first. */
  readonly prevControl: string
  /** Hash of this record's stored bytes. */
  readonly hash: string
}

/** What was noticed: may be dropped by retention, a whole segment at a time, oldest first. */
export interface ObservationRecord extends RecordBase {
  readonly kind: "observation"
  /** Segment that it is stored in: 1, 2, 3 ... A new one begins with each start and after `observationsPerSegment`. */
  readonly segment: number
  /** Gapless number within the segment: 1, 2, 3 ... */
  readonly segmentNo: number
  /** Hash of the observation before, also across segments; "" for the first of all. */
  readonly prevObservation: string
  /** Hash of the last control record when the segment began: ties the segment to the control chain. */
  readonly anchor: string
  /** Hash of this record's stored bytes. */
  readonly hash: string
}

/** A record of either kind; `kind` tells. */
export type LogRecord = ControlRecord | ObservationRecord

/** A control record that its writer wants appended. `type` and `v` name the payload's meaning, which never changes. */
export interface ControlEntry {
  readonly type: string
  readonly v: number
  readonly payload: unknown
}

/** What was found out and is worth remembering, but decides nothing. */
export interface ObservationEntry {
  readonly type: string
  readonly v: number
  readonly cause: Cause
  readonly payload: unknown
}
