/** Where a command that makes a configuration writes it: to stdout, or to a file for the owner alone. */
import { chmod, writeFile } from "node:fs/promises"
import { Effect } from "effect"
import { CliFailure } from "../CliFailure.ts"
import { outputPlace } from "../output-place.ts"

/** A file is made with mode 0600; one that is there is only replaced with `replace`. `-` is stdout, too. */
export const writeOutput = (
  path: string | undefined,
  text: string,
  replace: boolean
): Effect.Effect<void, CliFailure> => {
  if (path === undefined || path === "-") return Effect.sync(() => void process.stdout.write(text))
  return Effect.tryPromise({
    try: async () => {
      const { _tag } = await outputPlace(path)
      if (_tag !== "File") return await writeFile(path, text)
      await writeFile(path, text, { flag: replace ? "w" : "wx", mode: 0o600 })
      await chmod(path, 0o600)
    },
    catch: (error) => {
      const exists = error instanceof Error && "code" in error && error.code === "EEXIST"
      const reason = error instanceof Error ? error.message : String(error)
      const why = exists ? "is there already; --force replaces it" : `cannot be written: ${reason}`
      return new CliFailure({ message: `${path} ${why}` })
    }
  })
}
