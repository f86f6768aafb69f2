/** `lunlog log tail`: the newest records, and each new one. */
import { Console, Effect, type Scope } from "effect"
import { Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { boundedInt } from "../serve/server-flags.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask, type LogSource } from "./log-source.ts"
import { RecordPage, type RecordView } from "./RecordView.ts"
import { recordLine } from "./record-line.ts"

const tailDefault = 20
/** One answer of a running target holds no more. */
const tailMax = 1000
/** How long one question for news waits; in milliseconds. */
const newsMillis = 20_000
const marginMillis = 30_000
/** How long to leave a target alone that has gone, in milliseconds. */
const comeBackMillis = 500

const print = (records: ReadonlyArray<RecordView>, json: boolean) =>
  Effect.forEach(records, (record) => Console.log(json ? printJson(record) : recordLine(record)), {
    discard: true
  })

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
      const source = yield* open
      if (lost) yield* Console.error("the target is back")
      lost = false
      for (;;) {
        const timeoutMillis = newsMillis + marginMillis
        const params = { from: next, timeout: newsMillis }
        const { records } = yield* ask(source, RecordPage, "eventlog_read", params, { timeoutMillis })
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

/** The command. */
export const tailCommand = Command.make(
  "tail",
  {
    ...sourceFlags,
    json: jsonFlag("As JSON, one record per line"),
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
        if (input.follow && !source.isRunning) {
          return yield* new CliFailure({ message: "a log that no target has open does not grow: leave -f out" })
        }
        const page = yield* ask(source, RecordPage, "eventlog_tail", { count: Math.max(1, input.count) })
        return page.records
      })
    )
    yield* print(input.count === 0 ? [] : records, input.json)
    if (input.follow) yield* followFrom(sourceOf(input), (records.at(-1)?.seq ?? 0) + 1, input.json)
  })
).pipe(Command.withDescription("Show the newest records."))
