/**
 * Opening a log directory: claim, LevelDB, and the check that it ends where it was confirmed to end.
 */
import { ClassicLevel } from "classic-level"
import { Effect, type Scope } from "effect"
import { acceptLosses, type Mended } from "./accept-loss.ts"
import { genesis } from "./chain.ts"
import { claim, holderOf, release } from "./directory-holder.ts"
import { type Damage, examine } from "./examine.ts"
import { HeadFile } from "./HeadFile.ts"
import { openLevelStore } from "./LevelStore.ts"
import type { LogStore } from "./LogStore.ts"
import { type LogDirectory, openFailed, prepareDirectory } from "./log-directory.ts"
import { LogDamaged, LogLocked, type LogOpenError } from "./open-errors.ts"
import type { Position } from "./sequence.ts"

/** A promise whose rejection is a typed reason not to open. */
export const tryOpen = <A>(
  run: () => Promise<A>,
  failed: (error: unknown) => LogOpenError
): Effect.Effect<A, LogOpenError> => Effect.tryPromise({ try: run, catch: failed })

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return ""
  const inner = error.cause === undefined ? "" : codeOf(error.cause)
  return inner !== "" ? inner : "code" in error ? String(error.code) : ""
}

/** What LevelDB's refusal to open means. */
const levelFailure = (directory: string, { database }: LogDirectory, error: unknown): LogOpenError => {
  const code = codeOf(error)
  if (code === "LEVEL_LOCKED") {
    const holderPid = holderOf(directory, `${database}/LOCK`)
    return new LogLocked({ directory, ...(holderPid === undefined ? {} : { holderPid }) })
  }
  const failure = openFailed(directory, database, error)
  const damaged = code === "LEVEL_CORRUPTION" || /orruption|CURRENT|Invalid argument/.test(failure.detail)
  if (!damaged && failure.code !== "ENOENT" && failure.code !== "EIO") return failure
  return new LogDamaged({ directory, detail: `LevelDB cannot open it: ${failure.detail}`, lastControlSeq: 0 })
}

/** Prepares and claims the directory; the claim ends with the scope. */
export const claimDirectory = (
  directory: string,
  options: { readonly create: boolean; readonly acceptLoss: boolean }
): Effect.Effect<LogDirectory, LogOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const prepared = yield* Effect.promise(() => prepareDirectory(directory, options))
    if (!("database" in prepared)) return yield* prepared
    const claimed = yield* Effect.acquireRelease(
      Effect.sync(() => claim(prepared.path)),
      (claimed) => (claimed ? Effect.promise(() => release(prepared.path)) : Effect.void)
    )
    if (!claimed) return yield* new LogLocked({ directory, holderPid: process.pid })
    return prepared
  })

/** Opens LevelDB, repaired if need be. */
const openDatabase = (directory: string, at: LogDirectory, acceptLoss: boolean) => {
  const open = tryOpen(
    () => openLevelStore(at.database, at.isNew),
    (error) => levelFailure(directory, at, error)
  )
  if (!acceptLoss) return open
  const repair = tryOpen(
    () => ClassicLevel.repair(at.database),
    (error) => levelFailure(directory, at, error)
  )
  // Creating a database over the remains of one would delete them; of nothing, a repair makes an empty one.
  if (at.isNew) return Effect.andThen(repair, open)
  return open.pipe(Effect.catchTag("LogDamaged", () => Effect.andThen(repair, open)))
}

/** An open store whose end is known. `mended` if records were lost and that was accepted just now. */
export interface Opened {
  readonly store: LogStore
  readonly start: Position
  readonly mended: Mended | undefined
}

const isDamage = (found: Position | Damage): found is Damage => "detail" in found

/** The store's end, checked against HEAD; with `acceptLoss` whatever end there is. */
const examineStore = async (directory: string, store: LogStore, acceptLoss: boolean): Promise<Opened | LogDamaged> => {
  const found = await examine(store, await HeadFile.read(directory))
  if (!isDamage(found) && !acceptLoss) return { store, start: found, mended: undefined }
  if (isDamage(found) && !acceptLoss) return new LogDamaged({ directory, ...found })
  const mended = await acceptLosses(store)
  const start = await examine(store, genesis)
  if (isDamage(start)) return new LogDamaged({ directory, ...start })
  const lost = isDamage(found) || mended.newBreaks > 0 || mended.putAside > 0
  return { store, start, mended: lost ? mended : undefined }
}

/** Opens what was claimed. The store is the caller's to close. */
export const openChecked = (
  directory: string,
  at: LogDirectory,
  acceptLoss: boolean
): Effect.Effect<Opened, LogOpenError> =>
  Effect.gen(function* () {
    const store = yield* openDatabase(directory, at, acceptLoss)
    const examined = yield* tryOpen(
      () => examineStore(at.path, store, acceptLoss),
      (error) => openFailed(directory, at.database, error)
    ).pipe(Effect.onError(() => Effect.promise(() => store.close())))
    if ("store" in examined) return examined
    yield* Effect.promise(() => store.close())
    return yield* examined
  }).pipe(Effect.uninterruptible)
