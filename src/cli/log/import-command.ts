/** `lunlog log import`: a state directory of an exported log. */
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Console, Effect, Option, type Scope } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"
import { isMissing, writePrivateFile } from "../serve/private-file.ts"
import { logDirectoryOf } from "../serve/state-directory.ts"
import { unfinishedIfInterrupted } from "../unfinished.ts"
import { linesOf } from "./file-lines.ts"
import { type FromFile, importLines } from "./import-lines.ts"
import { jsonFlag } from "./log-flags.ts"

const failed = (what: string, error: unknown): CliFailure => {
  const why = error instanceof Error ? error.message : String(error)
  return new CliFailure({ message: `${what}: ${why}` })
}

const attempt = <A>(what: string, run: () => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({ try: run, catch: (error) => failed(what, error) })

/** Nothing may be there that would be mixed with what comes, or lost. */
const checkFree = (directory: string): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const names = yield* attempt(`cannot use ${directory}`, () =>
      readdir(directory).catch((error: unknown) => (isMissing(error) ? [] : Promise.reject(error)))
    )
    if (names.length === 0) return
    yield* new CliFailure({ message: `${directory} is not empty; name a directory that is not there yet` })
  })

/** Beside its place, and gone again unless it is moved there. */
const workshop = (directory: string): Effect.Effect<string, CliFailure, Scope.Scope> => {
  const path = `${directory.replace(/\/+$/u, "")}.import-${process.pid}`
  return Effect.acquireRelease(
    Effect.as(
      attempt(`cannot make ${path}`, async () => {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        // What is there already is somebody else's, and may lead elsewhere.
        await mkdir(path, { mode: 0o700 })
      }),
      path
    ),
    () => Effect.promise(() => rm(path, { recursive: true, force: true }).catch(() => undefined))
  )
}

const keyText = (path: string): Effect.Effect<string, CliFailure> =>
  Effect.gen(function* () {
    const text = (yield* attempt(`cannot read ${path}`, () => readFile(path, "utf8"))).trim()
    if (/^[0-9a-f]{64}$/u.test(text)) return text
    return yield* new CliFailure({ message: `${path} holds no key of 64 hexadecimal digits: it is no secret-key` })
  })

const summary = (directory: string, { imported, instance, unreadable }: FromFile): string => {
  const { controlRecords, firstSeq, lastSeq, records } = imported
  const observations = records - controlRecords
  const whose = instance === undefined ? "" : ` of instance ${instance}`
  const range = records === 0 ? "no records" : `records ${firstSeq} to ${lastSeq}`
  const warning =
    unreadable === undefined
      ? ""
      : `\nrecord ${unreadable} is of another version of lunlog: this one cannot serve the log`
  return printable(
    `${directory}: ${range}${whose}, ${controlRecords} of control and ${observations} observations; ` +
      `lunlog log tail --state ${directory}`
  ).concat(warning)
}

/** The command. */
export const importCommand = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("What lunlog log export has written, compressed or not; - is stdin")
    ),
    state: Flag.String("state").pipe(
      Flag.withMetavar("DIR"),
      Flag.withDescription("State directory to make; it must not be there, or be empty")
    ),
    secretKey: Flag.String("secret-key").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("The secret-key of the exported state directory: without it CHAP secrets cannot be opened"),
      Flag.optional
    ),
    json: jsonFlag()
  },
  Effect.fn(
    function* (input) {
      const { file, state: directory } = input
      yield* checkFree(directory)
      const key = Option.isSome(input.secretKey) ? yield* keyText(input.secretKey.value) : undefined
      const place = yield* workshop(directory)
      const name = file === "-" ? "stdin" : file
      const found = yield* importLines(name, (bytesMax) => linesOf(file, bytesMax), logDirectoryOf(place))
      yield* attempt(`cannot make ${directory}`, async () => {
        if (key !== undefined) await writePrivateFile(join(place, "secret-key"), `${key}\n`)
        await rename(place, directory)
      })
      const { imported, instance, unreadable } = found
      yield* Console.log(input.json ? printJson({ ...imported, instance, unreadable }) : summary(directory, found))
    },
    Effect.scoped,
    unfinishedIfInterrupted
  )
).pipe(
  Command.withDescription("Make a state directory of an exported log, for lunlog log, fork and serve."),
  Command.withExamples([
    { command: "lunlog log import incident.ndjson.gz --state /tmp/incident", description: "Then ask it with --state" }
  ])
)
