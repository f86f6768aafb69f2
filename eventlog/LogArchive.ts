/**
 * The part of the event log that only reads. A running `EventLog` is one, and so is a directory that nobody has open
 * (`openForReading`): who asks questions about the past needs no more, and gets the same answers from both.
 */
import { Context, type Effect, type Stream } from "effect"
import type { KeptSnapshot } from "./kept-snapshots.ts"
import type { LogCheck } from "./LogCheck.ts"
import type { AcceptedLoss } from "./loss.ts"
import type { LogReadFailed, LogTail, ReadRange, Snapshot } from "./reading.ts"
import type { LogRecord } from "./record.ts"
import type { Expired } from "./retain/expired.ts"
import type { Genesis } from "./retain/genesis.ts"

/** What records are looked for by. The log knows nothing of it; an index built by another `version` is built anew. */
export interface Tagging {
  readonly version: number
  /** Pure, and never throws: records may be old. The order does not matter, nor does a tag that comes twice. */
  readonly tagsOf: (record: LogRecord) => ReadonlyArray<string>
}

/** No record has a tag. */
export const noTagging: Tagging = { version: 0, tagsOf: () => [] }

/** Which records to find. */
export interface FindQuery {
  /** Records that carry, of each of these lists, at least one tag. All records if there is no list. */
  readonly tags: ReadonlyArray<ReadonlyArray<string>>
  /** First seq, inclusive; default 1. */
  readonly from?: number
  /** Last seq, inclusive; default the last durable one. */
  readonly to?: number
  /** The newest first. */
  readonly reverse?: boolean
}

/** What `LogArchive` offers. */
export interface LogArchiveShape {
  /** Where the log stands on disk. */
  readonly durable: () => LogTail
  /** Where the control records that can be read begin, if not at number 1: the log was compacted, or is a fork. */
  readonly beginning: () => Genesis | undefined
  /** An archive of control records in front of the beginning that should be there and is not, as a sentence. */
  readonly missingArchive: () => string | undefined
  /** What is wrong with the log as it was found, if it could not be opened whole: then it gives what can be read. */
  readonly damage: () => string | undefined
  /** The observations that retention has dropped, if any: those that are left begin behind them. */
  readonly expired: () => Expired | undefined
  /** Breaks in the chains that were accepted knowingly: reading passes over them. */
  readonly losses: () => ReadonlyArray<AcceptedLoss>
  /** A record's stored bytes, for copies that must be exact; undefined if there is no such record. */
  readonly stored: (seq: number) => Effect.Effect<Uint8Array | undefined, LogReadFailed>
  /** The records of `range` (default all), as durable when the stream starts. */
  readonly read: (range?: ReadRange) => Stream.Stream<LogRecord, LogReadFailed>
  /** `read` as a plain left fold, for start-up: `step` is synchronous and may mutate and return the same state. */
  readonly fold: <S>(
    range: ReadRange,
    initial: S,
    step: (state: S, record: LogRecord) => S
  ) => Effect.Effect<S, LogReadFailed>
  /**
   * Everything from `from` on, then live, without gap or duplicate; ends when the log closes, of a directory after its
   * last record. A slow reader holds up nobody.
   */
  readonly subscribe: (from: number) => Stream.Stream<LogRecord, LogReadFailed>
  /** Reads everything and finds all that is wrong, a step at a time. */
  readonly check: () => LogCheck
  /** The newest snapshot with this fold version that belongs to this chain. */
  readonly readSnapshot: (foldVersion: number) => Effect.Effect<Snapshot | undefined, LogReadFailed>
  /** The newest snapshot with this fold version, of this chain, of control record `controlSeq` or an earlier one. */
  readonly snapshotAtOrBefore: (
    foldVersion: number,
    controlSeq: number
  ) => Effect.Effect<Snapshot | undefined, LogReadFailed>
  /** Snapshots kept for questions about the past, oldest first: sparse, at most 64 MiB; some may be damaged. */
  readonly keptSnapshots: Effect.Effect<ReadonlyArray<KeptSnapshot>, LogReadFailed>
  /** Seq of the last durable record written at or before this time (microseconds since the epoch); 0 without one. */
  readonly seqAt: (atMicros: number) => Effect.Effect<number, LogReadFailed>
  /** Up to this seq `find` has an index; what comes after it is read, at about 100,000 records a second. */
  readonly indexedTo: () => number
  /** The records that carry these tags, as durable when the stream starts: by index where there is one. */
  readonly find: (query: FindQuery) => Stream.Stream<LogRecord, LogReadFailed>
}

/** The service: needed by every question about the past. */
export class LogArchive extends Context.Service<LogArchive, LogArchiveShape>()("lunlog/eventlog/LogArchive") {}
