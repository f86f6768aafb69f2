/**
 * A copied or idle log directory for the command line: reads and verifies, appends nothing.
 *
 * LevelDB has no read-only mode: opening turns its journal into tables and needs a writable directory, but no record
 * changes. A directory that a process has open fails with `LogLocked`; ask that process by RPC instead.
 */
import { Effect, type Scope } from "effect"
import { type EventLog, LogReadFailed, type VerifyReport } from "./EventLog.ts"
import { foldOf, type StoreSource, streamOf } from "./LogReader.ts"
import { storeError } from "./LogStore.ts"
import { openFailed } from "./log-directory.ts"
import { verifyOf } from "./log-service.ts"
import { readLosses } from "./loss.ts"
import { claimDirectory, openChecked, tableDamageIn, tryOpen } from "./open-database.ts"
import type { LogOpenError } from "./open-errors.ts"
import { readNewest } from "./snapshots.ts"

/** The part of the event log that changes nothing. */
export type LogArchive = Pick<EventLog["Service"], "durable" | "read" | "fold" | "verify" | "readSnapshot">

/** Closed with the scope. */
export const openForReading = (directory: string): Effect.Effect<LogArchive, LogOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const at = yield* claimDirectory(directory, { create: false, acceptLoss: false })
    const { start, store } = yield* Effect.acquireRelease(openChecked(directory, at, false), ({ store }) =>
      Effect.promise(() => store.close())
    )
    const losses = yield* tryOpen(
      () => readLosses(store),
      (error) => openFailed(directory, at.path, error)
    )
    const source: StoreSource = {
      directory,
      store: () => store,
      durable: () => start.tail,
      closed: () => true,
      moved: Effect.void,
      exchanged: () => Promise.resolve(false),
      losses: () => losses,
      fileDamage: () => tableDamageIn(at.database, Number.POSITIVE_INFINITY)
    }
    return {
      durable: () => start.tail,
      read: (range = {}) => streamOf(source, range),
      fold: (range, initial, step) => foldOf(source, range, initial, step),
      verify: (onProgress = () => undefined) => verifyOf(source, onProgress),
      readSnapshot: (foldVersion) =>
        Effect.tryPromise({
          try: () => readNewest(store, start.tail, foldVersion),
          catch: (error) => new LogReadFailed({ directory, detail: storeError(error).message })
        })
    }
  })

/** Opens, reads and checks everything. */
export const verifyLog = (
  directory: string,
  onProgress?: (done: number, total: number) => void
): Effect.Effect<VerifyReport, LogOpenError | LogReadFailed> =>
  Effect.scoped(Effect.flatMap(openForReading(directory), (log) => log.verify(onProgress)))
