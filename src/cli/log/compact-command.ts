/** `lunlog log compact`: old control records go into an archive, or away. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { counted } from "../../history/describe/words.ts"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure, failureOf, unexpectedAnswer } from "../CliFailure.ts"
import { callMethod, connectAs, refusedCall } from "../rpc/rpc-call.ts"
import { findLogDirectory } from "../serve/state-directory.ts"
import { byteText } from "../table.ts"
import { jsonFlag, sourceFlags } from "./log-flags.ts"
import { heldBy } from "./log-source.ts"
import { optionalPlace, placeFlag } from "./place-flag.ts"

const Answer = Schema.Struct({
  records: Schema.Number,
  bytes: Schema.Number,
  through: Schema.Number,
  archive: Schema.optional(Schema.String)
})
type Answer = typeof Answer.Type

/** Writing an archive of a long log takes its time; in milliseconds. */
const compactMillis = 3_600_000

/** On a terminal only, and over itself. */
const showProgress = (done: number, total: number): void => {
  if (!process.stderr.isTTY) return
  process.stderr.write(`\rcompacting: ${done} of ${total}${done >= total ? "\n" : ""}`)
}

/** An idle directory is opened as a target would, for as long as this takes. */
const compactDirectory = (directory: string, params: unknown) =>
  Effect.gen(function* () {
    const path = findLogDirectory(directory)
    if (!existsSync(join(path, "FORMAT"))) {
      return yield* new CliFailure({ message: `there is no event log in ${directory}: name a state directory` })
    }
    const { callHere, compactMethods, EventLog, LevelEventLog } = yield* Effect.promise(
      () => import("./compacting-parts.ts")
    )
    const log = yield* Effect.mapError(LevelEventLog.make({ directory: path }), (error) =>
      error._tag === "LogLocked" ? heldBy(path, error.holderPid) : failureOf(error)
    )
    const options = { actor: "local", onProgress: showProgress }
    const called = callHere(compactMethods, "eventlog_compact", params, options)
    return yield* called.pipe(Effect.provideService(EventLog, log), Effect.mapError(refusedCall))
  })

/** A running target says nothing before it is done; it can be left alone with it. */
const compactRunning = (socket: string, params: unknown) =>
  Effect.gen(function* () {
    const client = yield* connectAs(socket)
    if (process.stderr.isTTY) process.stderr.write("compacting; Ctrl-C leaves the target to it\r")
    const answer = yield* callMethod(client, "eventlog_compact", params, compactMillis)
    if (process.stderr.isTTY) process.stderr.write("\u001b[K")
    return answer
  })

const sentence = ({ archive, bytes, records, through }: Answer, dryRun: boolean): string => {
  if (records === 0) return `nothing to compact: no control record up to ${through} is in the log itself`
  const [what, be] = [`${counted(records, "control record")} (${byteText(bytes)})`, records === 1 ? "is" : "are"]
  const where = archive === undefined ? `${be} gone for good` : `${be} in ${archive}`
  const would = archive === undefined ? "would go for good" : `would go to ${archive}`
  const begins = `the log ${dryRun ? "would begin" : "begins"} with the state at record ${through}`
  return `${what} ${dryRun ? would : where}; ${begins}`
}

/** The command. */
export const compactCommand = Command.make(
  "compact",
  {
    ...sourceFlags,
    before: placeFlag("before", 'Only what is older: a record, HEAD, -5, "30 days ago" ... (default: all there is)'),
    noArchive: Flag.Boolean("no-archive").pipe(
      Flag.withDescription("Delete the records instead: what they tell is lost. Needs --before"),
      Flag.withDefault(false)
    ),
    dryRun: Flag.Boolean("dry-run").pipe(Flag.withDescription("Only say what would go"), Flag.withDefault(false)),
    json: jsonFlag()
  },
  Effect.fn(function* ({ before, dryRun, json, noArchive, socket, state }) {
    if (noArchive && Option.isNone(before)) {
      const message = "--no-archive deletes history for good: say up to where with --before PLACE"
      return yield* new CliFailure({ message })
    }
    const params = { before: yield* optionalPlace(before), archive: !noArchive, dry_run: dryRun }
    const plain = Option.isSome(state)
      ? yield* compactDirectory(state.value, params)
      : yield* compactRunning(socket, params)
    const answer = yield* Effect.mapError(Schema.decodeUnknownEffect(Answer)(plain), unexpectedAnswer)
    yield* Console.log(json ? printJson({ ...answer, dryRun }) : sentence(answer, dryRun))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Make the log begin later: with the state at a record, in place of all control records up to it. They go into a " +
      "file of the log directory, from which every command reads them as before."
  ),
  Command.withExamples([
    { command: 'lunlog log compact --before "90 days ago" --dry-run' },
    { command: 'lunlog log compact --before "1 year ago" --no-archive' },
    { command: "lunlog log compact --state copy" }
  ])
)
