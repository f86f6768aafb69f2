/**
 * LevelDB's opening is not harmless: it turns the journal into tables, passing over what it cannot read, and deletes
 * what it no longer needs. So its files are linked aside first, and stay there if the log turns out to be damaged: one
 * flipped bit hides up to 32 KiB of records behind it, but their bytes are still there.
 *
 * Links cost no space and no time to speak of. LevelDB never writes into a file of an earlier opening, so they stay
 * what they were. LOCK is left out: nothing here may open it (see `directory-holder.ts`).
 */
import { link, mkdir, readdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"

const temporaryPrefix = "opening-"
const keptPrefix = "damaged-"
/** A start that is repeated for ever keeps the first ones: they hold the most. */
const keptMax = 4
/** Whether a file of that name is part of the database. */
export const isContent = (name: string): boolean => /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb|sst))$/.test(name)

/** Whether there is such a process, whoever owns it. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/** LevelDB's files as they are now, or `undefined` where that cannot be: a full disk, a file system without links. */
export const setAside = async (directory: string, database: string): Promise<string | undefined> => {
  const aside = join(directory, `${temporaryPrefix}${process.pid}`)
  try {
    const names = (await readdir(database)).filter(isContent)
    if (names.length === 0) return undefined
    await rm(aside, { recursive: true, force: true })
    await mkdir(aside, { mode: 0o700 })
    await Promise.all(names.map((name) => link(join(database, name), join(aside, name))))
    return aside
  } catch {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined)
    return undefined
  }
}

/** The log is whole: removes them, and those of processes that were killed while they opened it. */
export const dropAside = async (directory: string, aside: string | undefined): Promise<void> => {
  if (aside !== undefined) await rm(aside, { recursive: true, force: true }).catch(() => undefined)
  const names = await readdir(directory).catch((): Array<string> => [])
  const dead = names.filter((name) => {
    return name.startsWith(temporaryPrefix) && !isRunning(Number(name.slice(temporaryPrefix.length)))
  })
  await Promise.all(
    dead.map((name) => rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined))
  )
}

/** The log is damaged: keeps them under the first free name, and says where. */
export const keepAside = async (directory: string, aside: string | undefined): Promise<string | undefined> => {
  if (aside === undefined) return undefined
  const names = await readdir(directory).catch((): Array<string> => [])
  for (let n = 1; n <= keptMax; n++) {
    if (names.includes(`${keptPrefix}${n}`)) continue
    const kept = join(directory, `${keptPrefix}${n}`)
    try {
      await rename(aside, kept)
      return kept
    } catch {
      break
    }
  }
  await rm(aside, { recursive: true, force: true }).catch(() => undefined)
  return undefined
}
