/** `lunlog log tail|show|verify`: the event log of a running target, or of an idle or copied directory. */
import { Console, Effect, Option, type Scope } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { printPretty } from "../print-json.ts"
import { boundedInt, socketFlag } from "../serve/server-flags.ts"
import { type LogSource, openLogSource, type RecordView } from "./log-source.ts"
import { recordLine } from "./record-line.ts"

const tailDefault = 20
/** One answer of a running target holds no more. */
const tailMax = 1000
/** How long one question for news waits; in milliseconds. */
const newsMillis = 20_000

const sourceFlags = {
  socket: socketFlag,
  state: Flag.String("state").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Read the log of this idle or copied state directory, not of a running target"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("As JSON, one record per line"), Flag.withDefault(false))
}

const sourceOf = (input: { readonly socket: string; readonly state: Option.Option<string> }) =>
  openLogSource(Option.getOrUndefined(input.state), input.socket)

const print = (records: ReadonlyArray<RecordView>, json: boolean) =>
  Effect.forEach(records, (record) => Console.log(json ? printJson(record) : recordLine(record)), {
    discard: true
  })

/** How long to leave a target alone that has gone, in milliseconds. */
const comeBackMillis = 500

/**
 * Each new record until Ctrl-C. The target may restart meanwhile: its numbers go on where they were, so that nothing is
 * missed and nothing comes twice.
 */
const followFrom = (
  open: Effect.Effect<LogSource, CliFailure, Scope.Scope>,
  seq: number,
  json: boolean
): Effect.Effect<never> =>
  Effect.gen(function* () {
    let next = seq
    let lost = false
    const connected = Effect.gen(function* () {
      const { follow } = yield* open
      if (follow === undefined) return yield* Effect.never
      if (lost) yield* Console.error("the target is back")
      lost = false
      for (;;) {
        const records = yield* follow(next, newsMillis)
        yield* print(records, json)
        next = (records.at(-1)?.seq ?? next - 1) + 1
      }
    })
    for (;;) {
      const failure = yield* Effect.flip(Effect.scoped(connected))
      if (!lost) yield* Console.error(`${failure.message}\nwaiting for the target to come back; Ctrl-C ends this`)
      lost = true
      yield* Effect.sleep(comeBackMillis)
    }
  })

const tail = Command.make(
  "tail",
  {
    ...sourceFlags,
    count: boundedInt("lines", 0, tailMax).pipe(
      Flag.withAlias("n"),
      Flag.withDescription(`How many records (default ${tailDefault}, at most ${tailMax})`),
      Flag.withDefault(tailDefault)
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Go on with each new record until Ctrl-C"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(function* (input) {
    const records = yield* Effect.scoped(
      Effect.gen(function* () {
        const source = yield* sourceOf(input)
        if (input.follow && source.follow === undefined) {
          return yield* new CliFailure({ message: "a log that no target has open does not grow: leave -f out" })
        }
        return yield* source.tail(Math.max(1, input.count))
      })
    )
    yield* print(input.count === 0 ? [] : records, input.json)
    if (input.follow) yield* followFrom(sourceOf(input), (records.at(-1)?.seq ?? 0) + 1, input.json)
  })
).pipe(Command.withDescription("Show the newest records."))

const show = Command.make(
  "show",
  {
    ...sourceFlags,
    seq: Argument.Int("seq").pipe(Argument.withDescription("Number of the record"))
  },
  Effect.fn(function* (input) {
    const record = yield* (yield* sourceOf(input)).show(input.seq)
    if (record === undefined) {
      return yield* new CliFailure({
        message: `the log has no record ${input.seq}; lunlog log tail shows the last ones`
      })
    }
    yield* Console.log(input.json ? printJson(record) : printPretty(record))
  }, Effect.scoped)
).pipe(Command.withDescription("Show one record with everything that it holds."))

/** On a terminal only, and over itself. */
const showProgress = (done: number, total: number): void => {
  if (!process.stderr.isTTY) return
  const end = done >= total ? "\n" : ""
  process.stderr.write(`\rverifying: ${done} of ${total} records${end}`)
}

const verify = Command.make(
  "verify",
  sourceFlags,
  Effect.fn(function* (input) {
    const found = yield* (yield* sourceOf(input)).verify(showProgress)
    if (input.json) return yield* Console.log(printJson({ clean: true, ...found }))
    const { control, controlHash, lastSeq, observations } = found
    yield* Console.log(
      `clean: ${control} control records and ${observations} observations, up to record ${lastSeq}\n` +
        `hash of the last control record: ${controlHash}`
    )
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Read every record and check its bytes, its place and its chain. A damaged log is served again, without what is " +
      "gone, by lunlog serve --accept-log-loss; keep a copy of the directory first."
  )
)

/** The commands on the event log. */
export const logCommand = Command.make("log").pipe(
  Command.withDescription("Read the event log: every change, when, and who asked for it."),
  Command.withSubcommands([tail, show, verify])
)
