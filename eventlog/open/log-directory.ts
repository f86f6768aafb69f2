/**
 * The files of a log directory (created with mode 0700, as is `db`; our own files have 0600):
 *
 * - `FORMAT`  layout version as JSON; read before LevelDB is touched
 * - `db/`     LevelDB
 * - `HEAD`    last confirmed control record (`HeadFile.ts`)
 * - `holder`  the process that has it open (`directory-holder.ts`)
 * - `ballast` space to give up when the disk is full (`ballast.ts`)
 */
import { mkdir, open, readdir, readFile, realpath, rename } from "node:fs/promises"
import { join } from "node:path"
import { storeError } from "../LogStore.ts"
import { LogDamaged, type LogOpenError, LogOpenFailed, LogTooNew } from "./open-errors.ts"

/**
 * Versions, newest first:
 * - 1: as above; keys as in `key.ts`, records as in `record-codec.ts`.
 */
export const layoutVersion = 1

/** A directory that is there and of a layout that we read. */
export interface LogDirectory {
  /** Without symbolic links: what locks are about. */
  readonly path: string
  /** Where its archives are: the same, unless this is a view of it. */
  readonly home: string
  readonly database: string
  /** Nothing has been recorded in it yet. */
  readonly isNew: boolean
}

/** A failure of the file system at `path` in the words that a user can act on. */
export const openFailed = (directory: string, path: string, error: unknown): LogOpenFailed => {
  const { code, message: detail } = storeError(error)
  return new LogOpenFailed({ directory, path, code, detail })
}

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT"

/** Creates `path` at once and whole: a half-written one would look like damage. */
const writeFormat = async (path: string): Promise<void> => {
  const file = await open(`${path}.new`, "w", 0o600)
  try {
    await file.writeFile(`${JSON.stringify({ product: "lunlog event log", layout: layoutVersion })}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

const layoutOf = (text: string): number | undefined => {
  try {
    const { layout } = JSON.parse(text)
    return Number.isSafeInteger(layout) ? layout : undefined
  } catch {
    return undefined
  }
}

/** Whether `FORMAT` is there and one that this version reads. */
const checkFormat = async (directory: string, acceptLoss: boolean): Promise<boolean | LogOpenError> => {
  const path = join(directory, "FORMAT")
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (error) {
    if (isMissing(error)) return false
    return openFailed(directory, path, error)
  }
  const layout = layoutOf(text)
  if (layout === undefined) {
    if (acceptLoss) return false
    return new LogDamaged({ directory, detail: `${path} cannot be read as a layout version`, lastControlSeq: 0 })
  }
  if (layout > layoutVersion) return new LogTooNew({ directory, found: layout, supported: layoutVersion })
  return true
}

const holdsDatabase = async (database: string): Promise<boolean> => {
  const names = await readdir(database).catch((): Array<string> => [])
  return names.includes("CURRENT")
}

/** Makes sure that the directory is there, ours, and of a layout that we read. */
export const prepareDirectory = async (
  directory: string,
  options: { readonly create: boolean; readonly acceptLoss: boolean }
): Promise<LogDirectory | LogOpenError> => {
  let path = directory
  try {
    if (options.create) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
    }
    path = await realpath(directory)
    const database = join(path, "db")
    const known = await checkFormat(path, options.acceptLoss)
    if (typeof known === "object") return known
    const present = await holdsDatabase(database)
    if (known !== present && !options.acceptLoss && (await isUsed(path, present))) {
      const detail = present ? `${join(path, "FORMAT")} is gone` : `${database} is gone or empty`
      return new LogDamaged({ directory, detail, lastControlSeq: 0 })
    }
    if (!present && !options.create) return openFailed(directory, database, new Error("No such file or directory"))
    if (!known && options.create) await writeFormat(join(path, "FORMAT"))
    if (options.create) await mkdir(database, { recursive: true, mode: 0o700 })
    return { path, home: path, database, isNew: !present }
  } catch (error) {
    return openFailed(directory, path, error)
  }
}

/** HEAD is written when the first start is complete: before it, a part of the files is no damage. */
const isUsed = async (path: string, present: boolean): Promise<boolean> =>
  present || (await readdir(path)).includes("HEAD")
