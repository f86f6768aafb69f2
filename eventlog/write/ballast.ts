/**
 * A file of no content that is given up when the disk is full: LevelDB cannot even be reopened without some room (a
 * manifest, a log, a table of what the old log held).
 */
import { randomBytes } from "node:crypto"
import { open, rename, stat, statfs, unlink } from "node:fs/promises"
import { join } from "node:path"

/** Two of LevelDB's write buffers, and its bookkeeping. */
export const ballastBytesDefault = 12 * 1024 * 1024
const chunkBytes = 1024 * 1024
/** Free space that must be left after filling it, in ballasts. */
const spareBallasts = 2

const ballastFile = (directory: string): string => join(directory, "ballast")

/** Fills it if there is room enough. Best effort: a log without ballast is as good until the disk is full. */
export const fillBallast = async (directory: string, bytes: number): Promise<void> => {
  const path = ballastFile(directory)
  if (bytes === 0 || (await stat(path).catch(() => undefined))?.size === bytes) return
  const temporary = `${path}.new`
  try {
    const { bavail, bsize } = await statfs(directory)
    if (bavail * bsize < bytes * (1 + spareBallasts)) return
    const file = await open(temporary, "w", 0o600)
    try {
      // Random, so that no file system stores it as a hole or compresses it away.
      const chunk = randomBytes(chunkBytes)
      for (let at = 0; at < bytes; at += chunkBytes) await file.write(chunk, 0, Math.min(chunkBytes, bytes - at), at)
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch {
    await unlink(temporary).catch(() => undefined)
  }
}

/** Frees its space, at once. */
export const dropBallast = (directory: string): Promise<void> => unlink(ballastFile(directory)).catch(() => undefined)
