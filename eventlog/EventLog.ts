/**
 * The event log: one totally ordered, durable sequence of records, and the only place where a change becomes a fact.
 *
 * This file is the contract. `LevelEventLog` keeps it on LevelDB, `MemoryEventLog` in memory; both pass the same tests.
 * The log knows nothing of iSCSI: a record's payload is plain data that its owner encodes and decodes.
 *
 * - `seq` (1, 2, 3 ...) orders everything. It is assigned synchronously by `submit` and `observe`, so that a caller can
 *   decide its next command on top of records that are still on their way to the disk.
 * - Control records are chained by SHA-256, fsynced before anyone is told, and never dropped.
 * - Observations are written without sync, bounded, and dropped rather than waited for.
 */
import { Context, type Effect, type Result, Schema, type Scope } from "effect"
import type { LogArchiveShape } from "./LogArchive.ts"
import type { LogTail, Snapshot } from "./reading.ts"
import type { Cause, ControlEntry, ControlRecord, ObservationEntry } from "./record.ts"
import type { CompactFailed, Compaction, CompactOptions } from "./retain/compaction.ts"
import type { Retention } from "./retain/retention.ts"
import type { Written } from "./write/Batch.ts"
import type { LogCounters } from "./write/WriteCounters.ts"

/** Control records that have their place; `durable` ends when their fsync has, or fails with them undone. */
export interface Submission {
  /** In order; their payloads are the caller's objects, not copies: do not change them afterwards. */
  readonly records: ReadonlyArray<ControlRecord>
  readonly durable: Effect.Effect<void, AppendFailed>
  /** How they got to the disk, once they have; absent where nobody keeps it. */
  readonly written?: () => Written | undefined
}

/**
 * Told synchronously and in order, so that a fold can never be ahead of, or behind, what callers are told: `committed`
 * before any caller of the batch is resumed; after a failure first `committed` of what survived, then `rolledBack`,
 * then the log takes submissions again, then callers are resumed. Must not throw.
 */
export interface LogListener {
  /** Control records that are durable now. */
  readonly committed: (records: ReadonlyArray<ControlRecord>) => void
  /** Every submission after `tail.controlSeq` has failed and has not happened. */
  readonly rolledBack: (tail: LogTail) => void
}

/** Somebody else appended first: decide again on the newer state. */
export class SequenceConflict extends Schema.TaggedError<SequenceConflict>()("SequenceConflict", {
  expected: Schema.Int,
  actual: Schema.Int
}) {
  override get message() {
    return `expected the last control record to be ${this.expected}, it is ${this.actual}`
  }
}

/** Why the log takes no appends now; IO goes on meanwhile. */
export class LogUnavailable extends Schema.TaggedError<LogUnavailable>()("LogUnavailable", {
  /**
   * Linux errno name: `ENOSPC`, `EIO`, `EROFS` ... of the failure that is being recovered from; `EAGAIN` when too much
   * waits for the disk, `ETIMEDOUT` when the disk does not answer, `EMSGSIZE` for a record that is too large,
   * `ESHUTDOWN` when the log is closed.
   */
  code: Schema.String,
  directory: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `the event log in ${this.directory} takes no appends now (${this.code}): ${this.detail}`
  }
}

/**
 * The records did not become durable and are not in the log. Only with code `ESHUTDOWN` (closed while the disk was
 * failing) is it unknown whether they are, until the log is opened again; the message says so.
 */
export class AppendFailed extends Schema.TaggedError<AppendFailed>()("AppendFailed", {
  code: Schema.String,
  directory: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `not recorded in the event log in ${this.directory} (${this.code}): ${this.detail}`
  }
}

/** The service: see the top of this file for what it guarantees. */
export class EventLog extends Context.Service<
  EventLog,
  LogArchiveShape & {
    /** Where the log will stand when all that was submitted is durable. */
    readonly tip: () => LogTail
    /**
     * Gives `entries` their place, if the last control record (submitted, not necessarily durable) is still
     * `expectedControlSeq`. Synchronous; concurrent submissions share one fsync. Interrupting `durable` undoes nothing.
     */
    readonly submit: (
      expectedControlSeq: number,
      cause: Cause,
      entries: ReadonlyArray<ControlEntry>
    ) => Result.Result<Submission, SequenceConflict | LogUnavailable>
    /**
     * `submit`, then wait until it is durable. After a failed write that takes until the store is back, since only then
     * it is known what has happened: a caller with a deadline sets a timeout of its own, which undoes nothing.
     */
    readonly append: (
      expectedControlSeq: number,
      cause: Cause,
      entries: ReadonlyArray<ControlEntry>
    ) => Effect.Effect<ReadonlyArray<ControlRecord>, SequenceConflict | LogUnavailable | AppendFailed>
    /** The record's seq. Never waits and never fails: what does not fit is dropped and counted, and has none. */
    readonly observe: (entry: ObservationEntry) => number | undefined
    /** Which observations are kept from now on; `retentionDefault` until it is called. What is too much goes soon. */
    readonly setRetention: (retention: Retention) => void
    /** Why appends are refused now: a failure, a full queue, a disk that does not answer. Undefined while none is. */
    readonly unavailable: () => LogUnavailable | undefined
    /** What was written since it was opened, and how long that took. */
    readonly counters: () => LogCounters
    /** What its directory holds on disk now, in bytes; 0 of one without. */
    readonly storedBytes: Effect.Effect<number>
    /** Observations dropped since start, because the queue was full or the log away. */
    readonly droppedObservations: () => number
    /** Calls `listener` until the scope closes. One call per batch, before any waiter of the batch is resumed. */
    readonly listen: (listener: LogListener) => Effect.Effect<void, never, Scope.Scope>
    /**
     * The log begins at `snapshot`, the state as of one of its control records, from now on. The records up to it go
     * into a file of the directory, from which they are still read, or away. It may take long; appends go on.
     */
    readonly compact: (snapshot: Snapshot, options?: CompactOptions) => Effect.Effect<Compaction, CompactFailed>
    /**
     * Snapshots are derived data: the two newest per fold version are kept, a damaged one is passed over. One in a few
     * thousand control records also stays for questions about the past.
     */
    readonly writeSnapshot: (snapshot: Snapshot) => Effect.Effect<void, LogUnavailable | AppendFailed>
    /** A snapshot only for questions about the past, of any control record. */
    readonly keepSnapshot: (snapshot: Snapshot) => Effect.Effect<void, LogUnavailable | AppendFailed>
  }
>()("lunlog/eventlog/EventLog") {}
