/**
 * What a replay needs of the outside: the records of the source, which were copied when the fork was made, and files of
 * disks. `src/cli/replay` has both.
 */
import { type Effect, Schema, type Scope } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import type { Event } from "../../domain/Event.ts"
import type { ForkMapping } from "../../domain/replay/Fork.ts"
import type { State } from "../../domain/State.ts"

/** The records cannot be written or read, or are not what they should be. */
export class ReplayRecordsFailed extends Schema.TaggedError<ReplayRecordsFailed>()("ReplayRecordsFailed", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `the records to be played, in ${this.path}: ${this.detail}`
  }
}

/** What there is. Seqs are the source's. */
export interface ReplayContent {
  /** Instance id of the source. */
  readonly instanceId: string
  /** The records come after this one. */
  readonly from: number
  /** The last one; `from` if there is none. */
  readonly through: number
  readonly records: number
}

/** Records from a place on. */
export interface RecordPage {
  readonly records: ReadonlyArray<LogRecord>
  /** Where the next one is. */
  readonly next: number
}

/** The records, in order. Places are bytes, for nobody else to reckon with. */
export interface ReplayRecords {
  readonly content: ReplayContent
  /** The place of the first record after `seq`, or the end of all. */
  readonly seek: (seq: number) => Effect.Effect<number, ReplayRecordsFailed>
  /** At most `limit` records from a place on, and fewer if they are long; none at the end. */
  readonly read: (at: number, limit: number) => Effect.Effect<RecordPage, ReplayRecordsFailed>
}

/** The outside. */
export interface ReplaySurroundings {
  /** The fork's records; undefined if none were copied for it. */
  readonly records: Effect.Effect<ReplayRecords | undefined, ReplayRecordsFailed, Scope.Scope>
  /** Gives the fork's files the sizes that events (mapped to the fork) say; a sentence for each failure. */
  readonly prepareFiles: (
    mapping: ForkMapping,
    state: State,
    events: ReadonlyArray<Event>
  ) => Effect.Effect<ReadonlyArray<string>>
}
