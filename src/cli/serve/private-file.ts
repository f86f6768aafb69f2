/** Small files that are for the server alone: keys, ids, tokens. */
import { open, rename, stat } from "node:fs/promises"
import { dirname } from "node:path"

/** Written as a whole, mode 0600, and on stable storage when this resolves: a crash leaves the old file or the new. */
export const writePrivateFile = async (path: string, text: string): Promise<void> => {
  const file = await open(`${path}.new`, "w", 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const directory = await open(dirname(path), "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Whether anybody but the owner may read or write it. */
export const isShared = async (path: string): Promise<boolean> => ((await stat(path)).mode & 0o077) !== 0

/** Whether a file operation failed because there is no such file. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT"
