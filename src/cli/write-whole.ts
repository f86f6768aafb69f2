/** Files that are there as a whole, or not at all. */
import { createWriteStream, type WriteStream } from "node:fs"
import { open, rename, rm } from "node:fs/promises"
import { Effect } from "effect"
import { CliFailure } from "./CliFailure.ts"

const syncFile = async (path: string): Promise<void> => {
  const file = await open(path, "r+")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * Makes a file, mode 0600, or replaces the one that is there, by what `write` writes. Under another name until it is
 * whole: what was broken off leaves nothing behind.
 */
export const writeWhole = (
  path: string,
  write: (file: WriteStream, signal: AbortSignal) => Promise<void>
): Effect.Effect<void, CliFailure> => {
  const partial = `${path}.part-${process.pid}`
  const writing = Effect.tryPromise({
    try: async (signal) => {
      await write(createWriteStream(partial, { flags: "wx", mode: 0o600 }), signal)
      await syncFile(partial)
      await rename(partial, path)
    },
    catch: (error) => {
      if (error instanceof CliFailure) return error
      const why = error instanceof Error ? error.message : String(error)
      return new CliFailure({ message: `${path} cannot be written: ${why}` })
    }
  })
  return Effect.ensuring(
    writing,
    Effect.promise(() => rm(partial, { force: true }).catch(() => undefined))
  )
}
