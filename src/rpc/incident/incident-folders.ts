/** The folders of incidents, as the target writes them: whole or not at all, within bounds, for nobody else to read. */
import { mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises"
import { join } from "node:path"

/** How much is kept: folders, and bytes of all of them. */
export interface IncidentBounds {
  readonly count: number
  readonly bytes: number
}

/** Content by name. */
export type FolderFiles = ReadonlyMap<string, Uint8Array | string>

const isSeq = (name: string): boolean => /^[1-9]\d{0,15}$/u.test(name)
/** Of a folder that is being made; one that is left was broken off. */
const unfinished = ".new"

const writeFile = async (path: string, content: Uint8Array | string): Promise<void> => {
  const file = await open(path, "wx", 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Bytes that must be free beside: the event log is on the same file system, and comes first. */
const freeMin = 64 * 1024 * 1024

const checkRoom = async (directory: string): Promise<void> => {
  const { bavail, bsize } = await statfs(directory)
  const free = bavail * bsize
  if (free < freeMin) throw new Error(`only ${free} bytes are free, and the event log needs them`)
}

/** Makes the folder of an incident; throws what the system says, and leaves nothing then. */
export const writeFolder = async (directory: string, seq: number, files: FolderFiles): Promise<void> => {
  const path = join(directory, String(seq))
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await checkRoom(directory)
  await rm(`${path}${unfinished}`, { recursive: true, force: true })
  try {
    await mkdir(`${path}${unfinished}`, { mode: 0o700 })
    for (const [name, content] of files) await writeFile(join(`${path}${unfinished}`, name), content)
    await rename(`${path}${unfinished}`, path)
  } catch (error) {
    await rm(`${path}${unfinished}`, { recursive: true, force: true }).catch(() => undefined)
    throw error
  }
}

/** Replaces a file of a folder, or adds it: the old one is there until the new one is whole. */
export const writeInto = async (
  directory: string,
  seq: number,
  name: string,
  content: Uint8Array | string
): Promise<void> => {
  const path = join(directory, String(seq), name)
  await rm(`${path}${unfinished}`, { force: true })
  try {
    await writeFile(`${path}${unfinished}`, content)
    await rename(`${path}${unfinished}`, path)
  } catch (error) {
    await rm(`${path}${unfinished}`, { force: true }).catch(() => undefined)
    throw error
  }
}

const bytesOf = async (folder: string): Promise<number> => {
  const names = await readdir(folder)
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Removes the oldest folders until the rest is within the bounds, and what was broken off; never the newest one. */
export const pruneFolders = async (directory: string, bounds: IncidentBounds): Promise<void> => {
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((one) => one.endsWith(unfinished))) {
    await rm(join(directory, name), { recursive: true, force: true })
  }
  const newestFirst = names.filter(isSeq).toSorted((a, b) => Number(b) - Number(a))
  let bytes = 0
  for (const [index, name] of newestFirst.entries()) {
    const folder = join(directory, name)
    bytes += await bytesOf(folder)
    const isTooMuch = index >= bounds.count || bytes > bounds.bytes
    if (index > 0 && isTooMuch) await rm(folder, { recursive: true, force: true })
  }
}
