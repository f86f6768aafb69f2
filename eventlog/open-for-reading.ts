/**
 * A copied or idle log directory for the command line: reads and verifies, appends nothing.
 *
 * LevelDB has no read-only mode: opening turns its journal into tables and needs a writable directory, but no record
 * changes. A directory that a process has open fails with `LogLocked`; ask that process by RPC instead.
 */
import { Effect, type Scope } from "effect"
import { archiveOf } from "./archive-service.ts"
import type { LogReadFailed, VerifyReport } from "./EventLog.ts"
import { readExpired } from "./expired.ts"
import { type LogArchive, noTagging, type Tagging } from "./LogArchive.ts"
import type { StoreSource } from "./LogReader.ts"
import { openFailed } from "./log-directory.ts"
import { verifyOf } from "./log-service.ts"
import { readLosses } from "./loss.ts"
import { claimDirectory, openChecked, tableDamageIn, tryOpen } from "./open-database.ts"
import type { LogOpenError } from "./open-errors.ts"

/** How to read it. */
export interface ReadingOptions {
  /** What `find` looks for records by; default nothing. */
  readonly tagging?: Tagging
}

/** Closed with the scope. */
export const openForReading = (
  directory: string,
  options: ReadingOptions = {}
): Effect.Effect<LogArchive["Service"], LogOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const at = yield* claimDirectory(directory, { create: false, acceptLoss: false })
    const { genesis, start, store } = yield* Effect.acquireRelease(openChecked(directory, at, false), ({ store }) =>
      Effect.promise(() => store.close())
    )
    const [losses, expired] = yield* tryOpen(
      () => Promise.all([readLosses(store), readExpired(store)]),
      (error) => openFailed(directory, at.path, error)
    )
    const source: StoreSource = {
      directory,
      store: () => store,
      durable: () => start.tail,
      beginning: () => genesis,
      closed: () => true,
      moved: Effect.void,
      exchanged: () => Promise.resolve(false),
      losses: () => losses,
      expired: () => expired,
      fileDamage: () => tableDamageIn(at.database, Number.POSITIVE_INFINITY)
    }
    return {
      ...archiveOf(source, options.tagging ?? noTagging),
      verify: (onProgress = () => undefined) => verifyOf(source, onProgress)
    }
  })

/** Opens, reads and checks everything. */
export const verifyLog = (
  directory: string,
  onProgress?: (done: number, total: number) => void
): Effect.Effect<VerifyReport, LogOpenError | LogReadFailed> =>
  Effect.scoped(Effect.flatMap(openForReading(directory), (log) => log.verify(onProgress)))
