/** Two moments as configuration files, compared line by line by diff(1). */
import { spawn } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import { CliFailure } from "../CliFailure.ts"
import { workDirectory } from "../work-directory.ts"
import { ask, type LogSource } from "./log-source.ts"

const Text = Schema.Struct({ seq: Schema.Number, text: Schema.String })

/** Folding a long log without snapshots takes its time; in milliseconds. */
const stateMillis = 600_000

const failed = (detail: string): CliFailure =>
  new CliFailure({ message: `diff -u cannot be used: ${detail}; compare two outputs of lunlog log state instead` })

/** What differs goes to stdout. True if anything does. */
const runDiff = (directory: string, labels: readonly [string, string]): Effect.Effect<boolean, CliFailure> =>
  Effect.callback<boolean, CliFailure>((resume) => {
    const args = ["-u", "--label", labels[0], "--label", labels[1], join(directory, "a"), join(directory, "b")]
    const child = spawn("diff", args, { stdio: ["ignore", "inherit", "inherit"] })
    child.once("error", (error) => resume(Effect.fail(failed(error.message))))
    child.once("close", (code) =>
      resume(code === 0 || code === 1 ? Effect.succeed(code === 1) : Effect.fail(failed(`it ended with code ${code}`)))
    )
    return Effect.sync(() => child.kill())
  })

/** Without the comments at the top, which always differ. */
const body = (text: string): string => text.replace(/^(?:#.*\n)*/u, "")

/** Whether the states at two places differ, as files. */
export const unifiedDiff = (source: LogSource, places: { readonly from: string; readonly to: string }) =>
  Effect.gen(function* () {
    const state = (at: string) => ask(source, Text, "eventlog_state", { at }, { timeoutMillis: stateMillis })
    const [a, b] = [yield* state(places.from), yield* state(places.to)]
    const directory = yield* workDirectory("diff")
    const write = (name: string, text: string) =>
      Effect.tryPromise({
        try: () => writeFile(join(directory, name), body(text), { mode: 0o600 }),
        catch: (error) => new CliFailure({ message: `cannot write to ${directory}: ${String(error)}` })
      })
    yield* write("a", a.text)
    yield* write("b", b.text)
    return yield* runDiff(directory, [`record ${a.seq}`, `record ${b.seq}`])
  })
