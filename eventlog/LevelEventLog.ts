/**
 * The event log on LevelDB: opens a directory, checks that it ends where it was confirmed to end, and serves it until
 * the scope closes. One process and one layer per directory: build the layer once and share it.
 */

import { Effect, Layer, type Scope } from "effect"
import { runningArchive } from "./archive-service.ts"
import { EventLog } from "./EventLog.ts"
import { type LogArchive, noTagging, type Tagging } from "./LogArchive.ts"
import type { LogStore, StoreError } from "./LogStore.ts"
import { openLevelStore } from "./level/LevelStore.ts"
import { makeLogService } from "./log-service.ts"
import { readLosses } from "./loss.ts"
import { signHolder } from "./open/directory-holder.ts"
import { HeadFile } from "./open/HeadFile.ts"
import { type LogDirectory, openFailed } from "./open/log-directory.ts"
import { claimDirectory, damagedFiles, type Opened, openChecked, tryOpen } from "./open/open-database.ts"
import type { LogOpenError } from "./open/open-errors.ts"
import { readExpired } from "./retain/expired.ts"
import { Past } from "./retain/Past.ts"
import { ballastBytesDefault, dropBallast, fillBallast } from "./write/ballast.ts"
import { probe } from "./write/recovery.ts"

/** Which log, and how to open it. */
export interface LevelEventLogOptions {
  readonly directory: string
  /** Go on with what is left of a damaged log. What is unreadable is put aside, not deleted. */
  readonly acceptLoss?: boolean
  /** Bytes kept in reserve for a full disk; 0 for none. Default 12 MiB. */
  readonly ballastBytes?: number
  /** What `find` looks for records by; default nothing. */
  readonly tagging?: Tagging
  /** For tests: stands between the log and LevelDB. */
  readonly wrapStore?: (store: LogStore) => LogStore
}

/** Everything that a running log has beside its store. */
const attach = (options: LevelEventLogOptions, at: LogDirectory, opened: Opened) =>
  Effect.gen(function* () {
    const { path } = at
    const ballastBytes = options.ballastBytes ?? ballastBytesDefault
    const fail = (error: unknown) => openFailed(options.directory, path, error)
    const wrap = options.wrapStore ?? ((store: LogStore) => store)
    const head = yield* Effect.acquireRelease(
      tryOpen(async () => {
        await signHolder(path)
        await probe(opened.store)
        return HeadFile.open(path, opened.start.tail)
      }, fail),
      (head) => Effect.promise(() => head.close())
    )
    yield* Effect.promise(() => fillBallast(path, ballastBytes))
    const meta = () => Promise.all([readLosses(opened.store), readExpired(opened.store)])
    const [losses, expired] = yield* tryOpen(meta, fail)
    const past = yield* Effect.promise(() => Past.open(path, opened.genesis))
    const log = yield* makeLogService({
      directory: options.directory,
      store: past.around(wrap(opened.store)),
      start: opened.start,
      losses,
      expired,
      tagging: options.tagging ?? noTagging,
      past,
      path,
      reopen: async () => past.around(wrap(await openLevelStore(at.database, false))),
      committed: ({ tail }) => head.set(tail),
      suspect: ({ code }: StoreError) =>
        code === "ENOSPC" || code === "EDQUOT" ? dropBallast(path) : Promise.resolve(),
      recovered: () => void fillBallast(path, ballastBytes),
      fileDamages: () => damagedFiles(at)
    })
    return log
  })

/** Opens a directory for appending, creating it if there is none. */
const make = (options: LevelEventLogOptions): Effect.Effect<EventLog["Service"], LogOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const { acceptLoss = false, directory } = options
    const at = yield* claimDirectory(directory, { create: true, acceptLoss })
    const opened = yield* openChecked(directory, at, acceptLoss)
    const log = yield* attach(options, at, opened).pipe(
      Effect.onError(() => Effect.promise(() => opened.store.close()))
    )
    if (opened.mended !== undefined) {
      const { newBreaks, putAside } = opened.mended
      const payload = { newBreaks, putAside, controlNo: opened.start.tail.controlNo }
      log.observe({ type: "LossAccepted", v: 1, cause: { source: "log", actor: "local" }, payload })
    }
    return log
  })

/** `make` in a scope, or `layer`: build the layer once per process and directory. */
export const LevelEventLog = {
  make,
  layer: (options: LevelEventLogOptions): Layer.Layer<EventLog | LogArchive, LogOpenError> =>
    Layer.provideMerge(runningArchive, Layer.effect(EventLog, make(options)))
}
