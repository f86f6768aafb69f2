/** Files that are there as a whole, or not at all. */
import { createWriteStream } from "node:fs"
import { open, rename, rm } from "node:fs/promises"
import type { Writable } from "node:stream"
import { Effect } from "effect"
import { CliFailure } from "./CliFailure.ts"
import { outputPlace, passingStream } from "./output-place.ts"

const syncFile = async (path: string): Promise<void> => {
  const file = await open(path, "r+")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Writes to the end of what it is given. */
type WriteAll = (into: Writable, signal: AbortSignal) => Promise<void>

const attempt = <A>(name: string, act: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({
    try: act,
    catch: (error) => {
      if (error instanceof CliFailure) return error
      const why = error instanceof Error ? error.message : String(error)
      return new CliFailure({ message: `${name} cannot be written: ${why}` })
    }
  })

/**
 * Makes a file, mode 0600, or replaces the one that is there, by what `write` writes. Under another name until it is
 * whole: what was broken off leaves nothing behind. What is no file (see `outputPlace`) is written to as it is.
 */
export const writeWhole = (path: string, write: WriteAll): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const place = yield* attempt(path, () => outputPlace(path))
    if (place._tag !== "File") return yield* attempt(path, (signal) => write(passingStream(place), signal))
    const partial = `${place.path}.part-${process.pid}`
    const writing = attempt(path, async (signal) => {
      await write(createWriteStream(partial, { flags: "wx", mode: 0o600 }), signal)
      await syncFile(partial)
      await rename(partial, place.path)
    })
    yield* Effect.ensuring(
      writing,
      Effect.promise(() => rm(partial, { force: true }).catch(() => undefined))
    )
  })
