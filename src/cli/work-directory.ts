/** A folder for what a command needs while it runs. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { CliFailure } from "./CliFailure.ts"

/** Removed with the scope; nobody else can look into it. `purpose` is a part of its name. */
export const workDirectory = (purpose: string): Effect.Effect<string, CliFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => mkdtemp(join(tmpdir(), `lunlog-${purpose}-`)),
      catch: (error) => new CliFailure({ message: `cannot write to ${tmpdir()}: ${String(error)}` })
    }),
    (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
  )
