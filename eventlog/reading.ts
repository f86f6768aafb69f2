/** What all who read the log share: where it stands, what to read, snapshots, and how reading fails. */
import { Schema } from "effect"

/** Where the log stands: `seq` counts all records, the rest is of the last control record (0 and "" without one). */
export interface LogTail {
  readonly seq: number
  readonly controlSeq: number
  readonly controlNo: number
  readonly controlHash: string
}

/** Which records to read; all of them if nothing is said. */
export interface ReadRange {
  /** First seq, inclusive; default 1. */
  readonly from?: number
  /** Last seq, inclusive; default the last durable one. */
  readonly to?: number
  /** State folds from control records alone: `control` does not even read the observations. */
  readonly kind?: "control"
  /**
   * Check each record's digest, and that control records are gapless and chained; default true. Unchecked reading is
   * twice as fast and right for what was verified before.
   */
  readonly verify?: boolean
  /** The control record that the first one read must continue, as a snapshot names it; default for `from` 1: none. */
  readonly after?: { readonly controlSeq: number; readonly controlNo: number; readonly controlHash: string }
}

/** A folded state as of control record `controlSeq`, in its owner's encoding. */
export interface Snapshot {
  readonly controlSeq: number
  readonly controlNo: number
  readonly controlHash: string
  readonly foldVersion: number
  readonly state: Uint8Array
}

/** What can be done about records that are gone or changed. */
export const lossRemedy =
  "copy the directory back from a backup, or go on without what is gone: lunlog serve --accept-log-loss"

/** The log could not be read; `seq` is where, if known. */
export class LogReadFailed extends Schema.TaggedError<LogReadFailed>()("LogReadFailed", {
  directory: Schema.String,
  seq: Schema.optionalKey(Schema.Int),
  detail: Schema.String
}) {
  override get message() {
    const where = this.seq === undefined ? "" : ` at record ${this.seq}`
    return `cannot read the event log in ${this.directory}${where}: ${this.detail}`
  }
}
