/**
 * Opening a log directory: claim, LevelDB, and the check that it ends where it was confirmed to end.
 */
import { ClassicLevel } from "classic-level"
import { Effect, Result, type Scope } from "effect"
import { acceptLosses, type Mended, putBack, takeDamagedTables } from "./accept-loss.ts"
import { dropAside, keepAside, setAside } from "./aside.ts"
import { genesis } from "./chain.ts"
import { claim, holderOf, release } from "./directory-holder.ts"
import { type Damage, examine } from "./examine.ts"
import { HeadFile } from "./HeadFile.ts"
import { openLevelStore } from "./LevelStore.ts"
import type { LogStore, StoreEntry } from "./LogStore.ts"
import { damagedTables } from "./level-table.ts"
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
  // LevelDB asks for a read at an impossible offset (`Invalid argument`) when a table has been cut short.
  const damaged = code === "LEVEL_CORRUPTION" || /Corruption|Invalid argument|No such file/.test(failure.detail)
  if (!damaged) return failure
  return new LogDamaged({ directory, detail: `LevelDB cannot read it: ${failure.detail}`, lastControlSeq: 0 })
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

/** An open store whose end is known. `mended` if records were lost and that was accepted just now. */
export interface Opened {
  readonly store: LogStore
  readonly start: Position
  readonly mended: Mended | undefined
}

const isDamage = (found: Position | Damage): found is Damage => "detail" in found

/** The store's end, checked against HEAD; with `acceptLoss` whatever end there is. */
const examineStore = async (at: LogDirectory, store: LogStore, acceptLoss: boolean): Promise<Opened | Damage> => {
  const found = await examine(store, await HeadFile.read(at.path))
  if (!acceptLoss) return isDamage(found) ? found : { store, start: found, mended: undefined }
  const mended = await acceptLosses(store)
  const start = await examine(store, genesis)
  if (isDamage(start)) return start
  const lost = isDamage(found) || mended.newBreaks > 0 || mended.putAside > 0
  return { store, start, mended: lost ? mended : undefined }
}

/** Tables are checked up to this size in all at each start, and always when everything is verified. */
export const tableCheckBytes = 128 * 1024 * 1024

/** Damage that LevelDB must not see: it would abort the process. */
export const tableDamageIn = async (database: string, budgetBytes: number): Promise<string | undefined> => {
  const [first, ...others] = await damagedTables(database, budgetBytes)
  if (first === undefined) return undefined
  const more = others.length === 0 ? "" : `, and ${others.length} other tables are damaged`
  return `${first.file} ${first.detail}${more}`
}

/** Opens LevelDB and looks at what it holds; closes it again if that is no whole log. */
const openExamined = (
  directory: string,
  at: LogDirectory,
  acceptLoss: boolean,
  salvaged: ReadonlyArray<StoreEntry> = []
): Effect.Effect<Opened, LogOpenError> =>
  tryOpen(
    async () => {
      const detail = await tableDamageIn(at.database, tableCheckBytes)
      if (detail !== undefined) return new LogDamaged({ directory, detail, lastControlSeq: 0 })
      const store = await openLevelStore(at.database, at.isNew)
      try {
        await putBack(store, salvaged)
        const examined = await examineStore(at, store, acceptLoss)
        if ("store" in examined) return examined
        await store.close()
        return new LogDamaged({ directory, ...examined })
      } catch (error) {
        await store.close().catch(() => undefined)
        throw error
      }
    },
    (error) => levelFailure(directory, at, error)
  ).pipe(Effect.flatMap((opened) => (opened instanceof LogDamaged ? Effect.fail(opened) : Effect.succeed(opened))))

/** With what can be saved, when it cannot be opened or read as it is. */
const openRepaired = (directory: string, at: LogDirectory): Effect.Effect<Opened, LogOpenError> => {
  const repair = tryOpen(
    async () => {
      const salvaged = await takeDamagedTables(at.database)
      await ClassicLevel.repair(at.database)
      return salvaged
    },
    (error) => levelFailure(directory, at, error)
  )
  const repaired = Effect.flatMap(repair, (salvaged) => openExamined(directory, at, true, salvaged))
  // Creating a database over the remains of one would delete them; of nothing, a repair makes an empty one.
  return at.isNew ? repaired : Effect.catchTag(openExamined(directory, at, true), "LogDamaged", () => repaired)
}

/** Opens what was claimed. Files of a damaged log are kept as they were before. The store is the caller's to close. */
export const openChecked = (
  directory: string,
  at: LogDirectory,
  acceptLoss: boolean
): Effect.Effect<Opened, LogOpenError> =>
  Effect.gen(function* () {
    const aside = yield* Effect.promise(() => setAside(at.path, at.database))
    const opened = yield* Effect.result(acceptLoss ? openRepaired(directory, at) : openExamined(directory, at, false))
    const damaged = Result.isSuccess(opened)
      ? opened.success.mended !== undefined
      : opened.failure._tag === "LogDamaged"
    if (!damaged) yield* Effect.promise(() => dropAside(at.path, aside))
    const kept = damaged ? yield* Effect.promise(() => keepAside(at.path, aside)) : undefined
    if (Result.isSuccess(opened)) return opened.success
    const { failure } = opened
    if (failure._tag !== "LogDamaged" || kept === undefined) return yield* failure
    const { detail, lastControlSeq } = failure
    return yield* new LogDamaged({ directory, detail, lastControlSeq, kept })
  }).pipe(Effect.uninterruptible)
