/**
 * Opening paths that somebody else has named, without being led astray: what is checked is what is opened. A path is
 * first opened without touching what it leads to (O_PATH of open(2)), the kernel says what that is (/proc/self/fd), and
 * if it is allowed, exactly that is opened. Links that change meanwhile change nothing. A new file is made in a folder
 * that has been checked in the same way.
 *
 * Hard links and bind mounts lead to a file by a path that is allowed: they are not found out.
 */
import * as fs from "node:fs"
import { open, readlink, realpath } from "node:fs/promises"
import { basename, dirname, isAbsolute, join, normalize } from "node:path"
import { type AllowedPaths, isAllowed, mayBeAllowed, type PathKind, PathRefused, pathRefused } from "./AllowedPaths.ts"

/** Gives a descriptor, or an error with a `code`. Tests have some that fail and hang. */
export type OpenPath = (path: string, flags: number, mode?: number) => Promise<number>

/** What a path led to when it was checked. */
export interface PinnedPath {
  /** Leads to exactly that, whatever becomes of the path, until `release`: to open, or to connect to. */
  readonly path: string
  readonly realPath: string
  readonly kind: PathKind
  readonly release: () => Promise<void>
}

/** Of Linux on x86-64, ARM64, RISC-V, POWER and S/390; Node has no name for it. */
const O_PATH = 0o10000000
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW } = fs.constants

const openNow: OpenPath = (path, flags, mode) =>
  new Promise((resolve, reject) => {
    fs.open(path, flags, mode, (error, descriptor) => (error === null ? resolve(descriptor) : reject(error)))
  })

/** That there is nothing is only for those to know who may use what would be there. */
const unopened = async (allowed: AllowedPaths, path: string, error: unknown): Promise<unknown> => {
  const folder = await realpath(dirname(path)).catch(() => dirname(normalize(path)))
  return mayBeAllowed(allowed, join(folder, basename(path))) ? error : pathRefused(allowed, path, "file")
}

const pinAny = async (allowed: AllowedPaths, path: string, flags = 0): Promise<PinnedPath> => {
  if (!isAbsolute(path)) throw new PathRefused(path, "it is no absolute path")
  const handle = await open(path, O_PATH | flags).catch(async (error: unknown) => {
    throw await unopened(allowed, path, error)
  })
  try {
    const pinned = `/proc/self/fd/${handle.fd}`
    const realPath = await readlink(pinned)
    const stat = await handle.stat()
    const kind = stat.isBlockDevice() || stat.isCharacterDevice() ? "device" : "file"
    return { path: pinned, realPath, kind, release: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** What `path` leads to, if it is allowed; else it fails with `PathRefused`, or with an error of open(2). */
export const pinPath = async (allowed: AllowedPaths, path: string): Promise<PinnedPath> => {
  const pinned = await pinAny(allowed, path)
  if (isAllowed(allowed, pinned.realPath, pinned.kind)) return pinned
  await pinned.release()
  throw pathRefused(allowed, path, pinned.kind)
}

const everything: AllowedPaths = { own: [] }

/**
 * Does something with a name in its folder, such as making or removing it, while the folder is the one that was
 * checked. A link of that name is not followed; `use` must not follow it either. `undefined` allows everything.
 */
export const withAllowedEntry = async <A>(
  allowed: AllowedPaths | undefined,
  path: string,
  use: (path: string) => Promise<A>
): Promise<A> => {
  const among = allowed ?? everything
  const folder = await pinAny(among, dirname(path), O_DIRECTORY)
  try {
    const name = basename(path)
    if (!isAllowed(among, join(folder.realPath, name), "file")) throw pathRefused(among, path, "file")
    return await use(`${folder.path}/${name}`)
  } finally {
    await folder.release()
  }
}

/** Does something with a path while it leads to what was checked. `undefined` allows everything. */
export const withAllowedPath = async <A>(
  allowed: AllowedPaths | undefined,
  path: string,
  use: (path: string) => Promise<A>
): Promise<A> => {
  if (allowed === undefined) return use(path)
  if (allowed.restriction === undefined) {
    // Against mistakes: whoever may name every path may change links, too. Other errors are those of the use.
    const pinned = await pinPath(allowed, path).catch((error: unknown) => {
      if (error instanceof PathRefused) throw error
    })
    await pinned?.release()
    return use(path)
  }
  const pinned = await pinPath(allowed, path)
  try {
    return await use(pinned.path)
  } finally {
    await pinned.release()
  }
}

/**
 * Opens what `path` leads to, if it is allowed; `undefined` allows everything. With O_CREAT the file has to be new
 * (EEXIST), and its `mode` is what it says, less the umask.
 */
export const openAllowed = async (
  allowed: AllowedPaths | undefined,
  path: string,
  flags: number,
  mode = 0o600,
  openPath: OpenPath = openNow
): Promise<number> => {
  if ((flags & O_CREAT) === 0) {
    return withAllowedPath(allowed, path, (checked) => openPath(checked, flags, mode))
  }
  return withAllowedEntry(allowed, path, (entry) => openPath(entry, flags | O_EXCL | O_NOFOLLOW, mode))
}
