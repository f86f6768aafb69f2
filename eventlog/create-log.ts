/**
 * A new log directory that does not begin with nothing: a fork, or what is imported, goes on from another log's record.
 */
import { existsSync } from "node:fs"
import { Clock, Effect } from "effect"
import { openLevelStore } from "./level/LevelStore.ts"
import { HeadFile } from "./open/HeadFile.ts"
import { openFailed } from "./open/log-directory.ts"
import { claimDirectory, tryOpen } from "./open/open-database.ts"
import { type LogOpenError, LogOpenFailed } from "./open/open-errors.ts"
import type { Snapshot } from "./reading.ts"
import { type Genesis, genesisWrite } from "./retain/genesis.ts"

/**
 * Makes a log in `directory`, which must not hold one: `LogOpenFailed` with `EEXIST` if it does. Its first record will
 * continue `origin`, the state as of a control record of another log; seqs go on from there, so that incarnations in
 * that state stay unique. `at` is the time of that record in microseconds. On disk when it returns; if the process is
 * killed before, what is left is no log or an empty one.
 */
export const createLogAt = (
  directory: string,
  origin: Snapshot & { readonly at: number }
): Effect.Effect<void, LogOpenError> =>
  Effect.gen(function* () {
    if (existsSync(`${directory}/FORMAT`) || existsSync(`${directory}/db`)) {
      const detail = "File exists"
      return yield* new LogOpenFailed({ directory, path: directory, code: "EEXIST", detail })
    }
    const madeAt = Number((yield* Clock.currentTimeNanos) / 1000n)
    const at = yield* claimDirectory(directory, { create: true, acceptLoss: false })
    const genesis: Genesis = { ...origin, origin: "forked", madeAt, archives: [] }
    yield* tryOpen(
      async () => {
        const store = await openLevelStore(at.database, true)
        try {
          await store.write([genesisWrite(genesis)], true)
        } finally {
          await store.close()
        }
        const { controlHash, controlNo, controlSeq } = genesis
        await (await HeadFile.open(at.path, { controlSeq, controlNo, controlHash })).close()
      },
      (error) => openFailed(directory, at.database, error)
    )
  }).pipe(Effect.scoped)
