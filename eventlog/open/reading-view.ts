/**
 * A log directory as something to read: LevelDB has no read-only mode, and turns its journal into tables and deletes
 * what it no longer needs. So a reader opens links to the files in a folder of its own, and the directory, which may be
 * evidence, stays what it was. Where there can be no links (a read-only file system, somebody else's directory), the
 * files are copied to the folder of temporary files.
 *
 * LOCK is linked, too: a lock is on the file and not on its name, so that a log that is in use is still noticed.
 */
import { constants, copyFile, link, mkdir, mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isContent, isRunning } from "./aside.ts"
import type { LogDirectory } from "./log-directory.ts"

const prefix = "reading-"

type Take = (from: string, to: string) => Promise<void>

const copy: Take = (from, to) => copyFile(from, to, constants.COPYFILE_FICLONE)

const fill = async (view: string, original: LogDirectory, take: Take, lock: boolean): Promise<LogDirectory> => {
  const database = join(view, "db")
  await mkdir(database, { mode: 0o700 })
  const names = (await readdir(original.database)).filter((name) => isContent(name) || (lock && name === "LOCK"))
  for (const name of names) await take(join(original.database, name), join(database, name))
  // HEAD is copied, as only LevelDB never writes into a file that is there.
  await copyFile(join(original.path, "HEAD"), join(view, "HEAD")).catch(() => undefined)
  return { path: view, home: original.home, database, isNew: names.every((name) => name === "LOCK") }
}

/** Removes views of processes that were killed. */
const sweep = async (directory: string): Promise<void> => {
  const names = await readdir(directory).catch((): Array<string> => [])
  const dead = names.filter((name) => name.startsWith(prefix) && !isRunning(Number(name.split("-")[1])))
  await Promise.all(
    dead.map((name) => rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined))
  )
}

/** Makes a view of `original`; rejects with the file system's error if its files cannot even be copied. */
export const makeView = async (original: LogDirectory): Promise<LogDirectory> => {
  await sweep(original.path)
  const near = await mkdtemp(join(original.path, `${prefix}${process.pid}-`)).catch(() => undefined)
  if (near !== undefined) {
    try {
      return await fill(near, original, link, true)
    } catch {
      await removeView(near)
    }
  }
  const far = await mkdtemp(join(tmpdir(), `lunlog-${prefix}${process.pid}-`))
  try {
    return await fill(far, original, copy, false)
  } catch (error) {
    await removeView(far)
    throw error
  }
}

/** Removes it. */
export const removeView = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true }).catch(() => undefined)
