/**
 * Opening a log directory: claim, LevelDB, and the check that it ends where it was confirmed to end.
 */
import { join } from "node:path"
import { ClassicLevel } from "classic-level"
import { Effect, Result, type Scope } from "effect"
import { chainStart } from "../chain.ts"
import type { FileDamage } from "../LogReader.ts"
import type { LogStore, StoreEntry } from "../LogStore.ts"
import { openLevelStore } from "../level/LevelStore.ts"
import { damagedJournals, salvageJournals } from "../level/level-journal.ts"
import { damagedTables } from "../level/level-table.ts"
import type { Genesis } from "../retain/genesis.ts"
import type { Position } from "../sequence.ts"
import { acceptLosses, type Mended, putBack, takeDamagedTables } from "./accept-loss.ts"
import { dropAside, keepAside, setAside } from "./aside.ts"
import { claim, holderOf, livingHolder, release } from "./directory-holder.ts"
import { type Damage, type Extent, examine } from "./examine.ts"
import { HeadFile } from "./HeadFile.ts"
import { type LogDirectory, openFailed, prepareDirectory } from "./log-directory.ts"
import { LogDamaged, LogLocked, type LogOpenError } from "./open-errors.ts"
import { makeView, removeView } from "./reading-view.ts"

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

/** Claims a directory that is to be read, with what is wrong with its layout, if it can be read all the same. */
export const claimForReading = (
  directory: string
): Effect.Effect<{ readonly at: LogDirectory; readonly damage: string | undefined }, LogOpenError, Scope.Scope> =>
  claimDirectory(directory, { create: false, acceptLoss: false }).pipe(
    Effect.map((at) => ({ at, damage: undefined })),
    Effect.catchTag("LogDamaged", (error) =>
      claimDirectory(directory, { create: false, acceptLoss: true }).pipe(
        Effect.map((at) => ({ at, damage: error.detail })),
        Effect.mapError(() => error)
      )
    )
  )

/** An open store whose beginning and end are known. `mended` if records were lost and that was accepted just now. */
export interface Opened {
  readonly store: LogStore
  readonly genesis: Genesis | undefined
  readonly start: Position
  readonly mended: Mended | undefined
}

const isDamage = (found: Extent | Damage): found is Damage => "detail" in found

/** The store's end, checked against HEAD; with `acceptLoss` whatever end there is. */
const examineStore = async (at: LogDirectory, store: LogStore, acceptLoss: boolean): Promise<Opened | Damage> => {
  const found = await examine(store, await HeadFile.read(at.path))
  const opened = ({ genesis, position: start }: Extent, mended?: Mended): Opened => ({ store, genesis, start, mended })
  if (!acceptLoss) return isDamage(found) ? found : opened(found)
  const mended = await acceptLosses(store, at.home)
  const left = await examine(store, chainStart)
  if (isDamage(left)) return left
  const lost = isDamage(found) || mended.newBreaks > 0 || mended.putAside > 0
  return opened(left, lost ? mended : undefined)
}

/** Tables are checked up to this size in all at each start, and always when everything is verified. */
const tableCheckBytes = 128 * 1024 * 1024

/** Damage that LevelDB must not see: it would abort the process. */
const tableDamageIn = async (database: string, budgetBytes: number): Promise<string | undefined> => {
  const [first, ...others] = await damagedTables(database, budgetBytes)
  if (first === undefined) return undefined
  const more = others.length === 0 ? "" : `, and ${others.length} other tables are damaged`
  return `${first.file} ${first.detail}${more}`
}

/** What is wrong with files that LevelDB has not seen yet: it would delete the ones and abort over the others. */
const fileDamageIn = async (at: LogDirectory): Promise<string | undefined> => {
  const head = await HeadFile.read(at.path)
  const [journal] = typeof head === "object" ? await damagedJournals(at.database, head.controlSeq) : []
  if (journal !== undefined) return `${journal.file} ${journal.detail}`
  return tableDamageIn(at.database, tableCheckBytes)
}

/** All that is wrong with the files of a log, whether LevelDB has them open or not. */
export const damagedFiles = async (at: LogDirectory): Promise<ReadonlyArray<FileDamage>> => {
  const head = await HeadFile.read(at.path)
  const journals = typeof head === "object" ? await damagedJournals(at.database, head.controlSeq) : []
  const file = join(at.path, "HEAD")
  const detail = head === "damaged" ? "cannot be read, so a loss at the end could not be seen" : undefined
  const tables = await damagedTables(at.database, Number.POSITIVE_INFINITY)
  return [...(detail === undefined ? [] : [{ file, detail }]), ...journals, ...tables]
}

/** Opens LevelDB and looks at what it holds; closes it again if that is no whole log. */
const openExamined = (
  directory: string,
  at: LogDirectory,
  salvaged: ReadonlyArray<StoreEntry> | undefined
): Effect.Effect<Opened, LogOpenError> =>
  tryOpen(
    async () => {
      const store = await openLevelStore(at.database, at.isNew)
      try {
        await putBack(store, salvaged ?? [])
        const examined = await examineStore(at, store, salvaged !== undefined)
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
  const attempt = <A>(run: () => Promise<A>) => tryOpen(run, (error) => levelFailure(directory, at, error))
  return Effect.gen(function* () {
    const journaled = yield* attempt(() => salvageJournals(at.database))
    const tabled = yield* attempt(() => takeDamagedTables(at.database))
    const salvaged = [...tabled, ...journaled]
    const repair = attempt(() => ClassicLevel.repair(at.database))
    const repaired = Effect.andThen(repair, openExamined(directory, at, salvaged))
    // Creating a database over the remains of one would delete them; of nothing, a repair makes an empty one.
    if (at.isNew || tabled.length > 0) return yield* repaired
    return yield* Effect.catchTag(openExamined(directory, at, salvaged), "LogDamaged", () => repaired)
  })
}

/** Opens what was claimed, accepting no loss. Files that LevelDB may have changed are kept as they were before. */
const openWhole = (directory: string, at: LogDirectory): Effect.Effect<Opened, LogOpenError> =>
  Effect.gen(function* () {
    const detail = yield* tryOpen(
      () => fileDamageIn(at),
      (error) => openFailed(directory, at.database, error)
    )
    if (detail !== undefined) return yield* new LogDamaged({ directory, detail, lastControlSeq: 0 })
    const aside = yield* Effect.promise(() => setAside(at.path, at.database))
    const opened = yield* Effect.result(openExamined(directory, at, undefined))
    const isDamaged = Result.isFailure(opened) && opened.failure._tag === "LogDamaged"
    const kept = isDamaged ? yield* Effect.promise(() => keepAside(at.path, aside)) : undefined
    if (!isDamaged) yield* Effect.promise(() => dropAside(at.path, aside))
    if (Result.isSuccess(opened)) return opened.success
    if (opened.failure._tag !== "LogDamaged" || kept === undefined) return yield* opened.failure
    const { lastControlSeq } = opened.failure
    return yield* new LogDamaged({ directory, detail: opened.failure.detail, lastControlSeq, kept })
  })

/** What a reader opens: a view, with what is wrong with the log, if it is not whole. */
export interface OpenedView extends Opened {
  readonly damage: string | undefined
}

/** The whole log in a view, or why it is not whole. The view is then as LevelDB has left it. */
const openViewWhole = (directory: string, at: LogDirectory): Effect.Effect<Opened, LogOpenError> =>
  Effect.gen(function* () {
    const detail = yield* tryOpen(
      () => fileDamageIn(at),
      (error) => openFailed(directory, at.database, error)
    )
    if (detail !== undefined) return yield* new LogDamaged({ directory, detail, lastControlSeq: 0 })
    return yield* openExamined(directory, at, undefined)
  })

/** Opens a view of what was claimed, of a damaged log with what can be read of it. The view goes with the scope. */
export const openView = (
  directory: string,
  original: LogDirectory
): Effect.Effect<OpenedView, LogOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const view = Effect.acquireRelease(
      tryOpen(
        () => makeView(original),
        (error) => openFailed(directory, original.database, error)
      ),
      ({ path }) => Effect.promise(() => removeView(path))
    )
    const store = (open: Effect.Effect<Opened, LogOpenError>) =>
      Effect.acquireRelease(Effect.uninterruptible(open), ({ store }) => Effect.promise(() => store.close()))
    const first = yield* view
    // Links share the lock, which LevelDB then finds taken; of copies only the holder's own word is left.
    const holderPid = livingHolder(original.path, join(original.database, "LOCK"))
    if (!first.path.startsWith(original.path) && holderPid !== undefined) {
      return yield* new LogLocked({ directory, holderPid })
    }
    const opened = yield* Effect.result(store(openViewWhole(directory, first)))
    if (Result.isSuccess(opened)) return { ...opened.success, damage: undefined }
    if (opened.failure._tag !== "LogDamaged") return yield* opened.failure
    // LevelDB may have passed over what is damaged, and deleted it: another view still has it.
    const second = yield* view
    const left = yield* store(openRepaired(directory, second))
    return { ...left, damage: opened.failure.detail.replaceAll(first.path, original.path) }
  })

/** As `openWhole`, but goes on with what is left. */
const openDespiteLoss = (directory: string, at: LogDirectory): Effect.Effect<Opened, LogOpenError> =>
  Effect.gen(function* () {
    const aside = yield* Effect.promise(() => setAside(at.path, at.database))
    const opened = yield* Effect.result(openRepaired(directory, at))
    const isWhole = Result.isSuccess(opened) && opened.success.mended === undefined
    yield* Effect.promise<unknown>(() => (isWhole ? dropAside(at.path, aside) : keepAside(at.path, aside)))
    return yield* Effect.fromResult(opened)
  })

/** Opens what was claimed. The store is the caller's to close. */
export const openChecked = (
  directory: string,
  at: LogDirectory,
  acceptLoss: boolean
): Effect.Effect<Opened, LogOpenError> =>
  Effect.uninterruptible(acceptLoss ? openDespiteLoss(directory, at) : openWhole(directory, at))
