/**
 * A copied or idle log directory for the command line: reads and verifies, appends nothing.
 *
 * Reading changes nothing in the directory (`reading-view.ts`), and gives of a damaged log what can be read of it. A
 * directory that a process has open fails with `LogLocked`; ask that process by RPC instead.
 */
import { Effect, type Scope } from "effect"
import { archiveOf } from "./archive-service.ts"
import { buildIndex } from "./index/index-builder.ts"
import { noIndex, openIndex, type TagIndex } from "./index/TagIndex.ts"
import { type LogArchive, noTagging, type Tagging } from "./LogArchive.ts"
import type { StoreSource } from "./LogReader.ts"
import type { StoreWrite } from "./LogStore.ts"
import { readLosses } from "./loss.ts"
import { type LogDirectory, openFailed } from "./open/log-directory.ts"
import {
  claimDirectory,
  claimForReading,
  damagedFiles,
  type Opened,
  openChecked,
  openView,
  tryOpen
} from "./open/open-database.ts"
import type { LogOpenError } from "./open/open-errors.ts"
import type { LogReadFailed } from "./reading.ts"
import { readExpired } from "./retain/expired.ts"
import { Past } from "./retain/Past.ts"

/** How to read it. */
export interface ReadingOptions {
  /** What `find` looks for records by; default nothing. */
  readonly tagging?: Tagging
}

/** How to read an open store; `at` is the directory that it is of. */
const sourceOf = (directory: string, at: LogDirectory, { genesis, mended, start, store }: Opened) =>
  Effect.gen(function* () {
    const [losses, expired] = yield* tryOpen(
      () => Promise.all([readLosses(store), readExpired(store)]),
      (error) => openFailed(directory, at.path, error)
    )
    const past = yield* Effect.promise(() => Past.open(at.path, genesis))
    const withPast = past.around(store)
    const source: StoreSource = {
      directory,
      store: () => withPast,
      durable: () => start.tail,
      past,
      closed: () => true,
      moved: Effect.void,
      exchanged: () => Promise.resolve(false),
      losses: () => losses,
      expired: () => expired,
      knownLosses: () => mended?.before ?? losses,
      fileDamages: () => damagedFiles(at)
    }
    return source
  })

/** The directory itself, for what is written into it; closed with the scope. */
const openInPlace = (directory: string) =>
  Effect.gen(function* () {
    const at = yield* claimDirectory(directory, { create: false, acceptLoss: false })
    const opened = yield* Effect.acquireRelease(openChecked(directory, at, false), ({ store }) =>
      Effect.promise(() => store.close())
    )
    return yield* sourceOf(directory, at, opened)
  })

const indexOf = (source: StoreSource, tagging: Tagging): Effect.Effect<TagIndex> =>
  Effect.promise(() => openIndex(source, tagging).catch(() => noIndex(source, tagging)))

/** Closed with the scope. */
export const openForReading = (
  directory: string,
  options: ReadingOptions = {}
): Effect.Effect<LogArchive["Service"], LogOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const { at, damage } = yield* claimForReading(directory)
    const opened = yield* openView(directory, at)
    const source = yield* sourceOf(directory, at, opened)
    const index = yield* indexOf(source, options.tagging ?? noTagging)
    return {
      ...archiveOf(source, index),
      damage: () => damage ?? opened.damage
    }
  })

/**
 * Indexes a directory that no running log has indexed, at full speed: about 15 s and 15 MB for a million records.
 * Reading alone never does, since a copy of a log is evidence, and should stay what it was.
 */
export const indexLog = (
  directory: string,
  tagging: Tagging,
  onProgress?: (done: number, total: number) => void
): Effect.Effect<void, LogOpenError | LogReadFailed> =>
  Effect.scoped(
    Effect.gen(function* () {
      const source = yield* openInPlace(directory)
      const index = yield* indexOf(source, tagging)
      const write = (writes: ReadonlyArray<StoreWrite>) => source.store().write(writes, false)
      yield* buildIndex({ source, index, write, pause: Effect.void }, onProgress)
    })
  )
