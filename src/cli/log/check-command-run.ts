/** A check of a state by a command of the user's: the state goes in, the exit code says what it is. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Verdict } from "../../history/bisect/Bisection.ts"
import { CliFailure } from "../CliFailure.ts"

/** As with `git bisect run`: the state cannot be tested. */
const skipCode = 125
/** What a shell says of a command that is not there, or cannot be run. */
const [notExecutable, notFound] = [126, 127] as const

/** A state for a check. */
export interface CheckedState {
  readonly seq: number
  /** In the name of the file: `yaml` or `json`. */
  readonly form: string
  readonly text: string
}

/** How checks are run. */
export interface CheckOptions {
  readonly command: string
  readonly timeoutMillis: number
  /** Whether what they print is shown, on stderr. */
  readonly verbose: boolean
}

/** Removed with the scope; nobody else can look into it. */
const workDirectory: Effect.Effect<string, CliFailure, Scope.Scope> = Effect.acquireRelease(
  Effect.tryPromise({
    try: () => mkdtemp(join(tmpdir(), "lunlog-bisect-")),
    catch: (error) => new CliFailure({ message: `cannot write to ${tmpdir()}: ${String(error)}` })
  }),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
)

/** With all that it has started. */
const killGroup = ({ pid }: ChildProcess): void => {
  if (pid === undefined) return
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}

type Ended = { readonly code: number } | { readonly signal: string } | { readonly error: string }

const run = (state: CheckedState, file: string, options: CheckOptions): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const output = options.verbose ? process.stderr : "ignore"
    const child = spawn("/bin/sh", ["-c", options.command], {
      // A group of its own, so that it ends with all that it has started.
      detached: true,
      stdio: ["pipe", output, output],
      env: { ...process.env, LUNLOG_STATE_FILE: file, LUNLOG_SEQ: String(state.seq) }
    })
    child.once("error", (error) => resume(Effect.succeed({ error: error.message })))
    child.once("exit", (code, signal) =>
      resume(Effect.succeed(code === null ? { signal: signal ?? "a signal" } : { code }))
    )
    // A check need not read what it is given.
    child.stdin?.on("error", () => undefined)
    child.stdin?.end(state.text)
    return Effect.sync(() => killGroup(child))
  })

const verdictOf = (ended: Ended, { seq }: CheckedState): Verdict | CliFailure => {
  const failed = (why: string) => new CliFailure({ message: `the check cannot be used at record ${seq}: ${why}` })
  if ("error" in ended) return failed(ended.error)
  if ("signal" in ended) return failed(`it was ended by ${ended.signal}`)
  if (ended.code === notFound || ended.code === notExecutable) {
    return failed(`the shell ended with code ${ended.code}: a command in it is not there, or cannot be run`)
  }
  return ended.code === 0 ? "good" : ended.code === skipCode ? "skip" : "bad"
}

/** Checks by `options.command`, in a shell: 0 is good, 125 cannot be told, everything else is bad. */
export const commandCheck = (options: CheckOptions) =>
  Effect.map(workDirectory, (directory) => (state: CheckedState): Effect.Effect<Verdict, CliFailure> => {
    const file = join(directory, `state.${state.form}`)
    const limit = options.timeoutMillis
    const tooLong = new CliFailure({
      message: `the check took longer than ${limit} ms at record ${state.seq}; give it more with --timeout`
    })
    return Effect.gen(function* () {
      yield* Effect.tryPromise({
        try: () => writeFile(file, state.text, { mode: 0o600 }),
        catch: (error) => new CliFailure({ message: `cannot write ${file}: ${String(error)}` })
      })
      const ended = yield* Effect.timeoutOrElse(run(state, file, options), {
        duration: limit,
        orElse: () => Effect.fail(tooLong)
      })
      const verdict = verdictOf(ended, state)
      return typeof verdict === "string" ? verdict : yield* verdict
    })
  })
