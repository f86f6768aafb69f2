/** `lunlog log tail`: the newest records, and each new one. */
import { Console, Effect, Option, type Scope } from "effect"
import { Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { boundedInt } from "../serve/server-flags.ts"
import { filterFlags, filterMembers } from "./filter-flags.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask, type LogSource } from "./log-source.ts"
import { RecordPage, type RecordView } from "./RecordView.ts"
import { recordLine, wantsColours } from "./record-line.ts"

const tailDefault = 20
const tailMax = 1_000_000
/** One answer holds no more. */
const pageMax = 1000
/** How long one question for news waits; in milliseconds. */
const newsMillis = 20_000
const marginMillis = 30_000
/** Looking for few records in a long log may take its time; in milliseconds. */
const searchMillis = 600_000
/** How long to leave a target alone that has gone, in milliseconds. */
const comeBackMillis = 500

/** Parameters that all questions of one command have. */
type Conditions = Readonly<Record<string, unknown>>

type Show = (records: ReadonlyArray<RecordView>) => Effect.Effect<void>

const showAs = (json: boolean, verbose: boolean): Show => {
  const style = { colours: wantsColours(), fields: verbose }
  return (records) =>
    Effect.forEach(records, (record) => Console.log(json ? printJson(record) : recordLine(record, style)), {
      discard: true
    })
}

/** The newest `count`, oldest first: they are gathered from the end, so all of them are held. */
const newest = (source: LogSource, conditions: Conditions, count: number) =>
  Effect.gen(function* () {
    const pages: Array<ReadonlyArray<RecordView>> = []
    let left = count
    let to: number | undefined
    let durable: number | undefined
    do {
      const params: Conditions = { ...conditions, count: Math.max(1, Math.min(left, pageMax)), to }
      const page: typeof RecordPage.Type = yield* ask(source, RecordPage, "eventlog_tail", params, {
        timeoutMillis: searchMillis
      })
      pages.unshift(page.records)
      durable ??= page.durable_seq
      left -= page.records.length
      to = page.earlier
    } while (left > 0 && to !== undefined)
    return { records: count === 0 ? [] : pages.flat(), durable }
  })

/** Everything from `since` on, as it is read. Gives the last record that was looked at. */
const everything = (source: LogSource, conditions: Conditions, show: Show) =>
  Effect.gen(function* () {
    let from = 1
    for (;;) {
      const options = { timeoutMillis: searchMillis }
      const page = yield* ask(source, RecordPage, "eventlog_read", { ...conditions, from }, options)
      yield* show(page.records)
      if (page.next === undefined) return page.durable_seq
      from = page.next
    }
  })

/**
 * Each new record until Ctrl-C. The target may restart meanwhile: its numbers go on where they were, so that nothing is
 * missed and nothing comes twice.
 */
const followFrom = (
  open: Effect.Effect<LogSource, CliFailure, Scope.Scope>,
  seq: number,
  conditions: Conditions,
  show: Show
): Effect.Effect<never> =>
  Effect.gen(function* () {
    let next = seq
    let lost = false
    const connected = Effect.gen(function* () {
      const source = yield* open
      if (lost) yield* Console.error("the target is back")
      lost = false
      for (;;) {
        const options = { timeoutMillis: newsMillis + marginMillis }
        const params = { ...conditions, from: next, timeout: newsMillis }
        const page = yield* ask(source, RecordPage, "eventlog_read", params, options)
        yield* show(page.records)
        next = page.next ?? Math.max(next, page.durable_seq + 1)
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
    ...filterFlags,
    count: boundedInt("lines", 0, tailMax).pipe(
      Flag.withAlias("n"),
      Flag.withDescription(`How many records (default ${tailDefault}; with --since all of them)`),
      Flag.optional
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Go on with each new record until Ctrl-C"),
      Flag.withDefault(false)
    ),
    verbose: Flag.Boolean("verbose").pipe(
      Flag.withAlias("v"),
      Flag.withDescription("With the type and the fields of each record"),
      Flag.withDefault(false)
    ),
    json: jsonFlag("As JSON, one record per line")
  },
  Effect.fn(function* (input) {
    const print = showAs(input.json, input.verbose)
    let isEmpty = true
    const show: Show = (records) => {
      isEmpty &&= records.length === 0
      return print(records)
    }
    const members = yield* filterMembers(input)
    const conditions = { ...members, words: true }
    const durable = yield* Effect.scoped(
      Effect.gen(function* () {
        const source = yield* sourceOf(input)
        if (input.follow && !source.isRunning) {
          return yield* new CliFailure({ message: "a log that no target has open does not grow: leave -f out" })
        }
        if (Option.isSome(input.since) && Option.isNone(input.count)) return yield* everything(source, conditions, show)
        const wanted = Option.getOrElse(input.count, () => tailDefault)
        const { durable, records } = yield* newest(source, conditions, wanted)
        yield* show(records)
        return durable ?? 0
      })
    )
    if (isEmpty && !input.json) yield* Console.error("no record is as it was asked for")
    if (!input.follow) return
    yield* followFrom(sourceOf(input), durable + 1, { ...conditions, since: undefined }, show)
  })
).pipe(
  Command.withDescription("Show the newest records, one line each: number, time, what happened, who asked for it."),
  Command.withExamples([
    { command: "lunlog log tail -f", description: "The last 20, then each new one" },
    { command: 'lunlog log tail --errors --since "1 hour ago"', description: "What went wrong in the last hour" },
    { command: "lunlog log tail --object disk1:2 --type 'Lun*'", description: "What LUN 2 of disk1 went through" },
    { command: 'lunlog log tail --grep "medium error"', description: "What says so in its words" },
    { command: "lunlog log tail --cause bdev_malloc_delete -n 5", description: "What that method has led to" }
  ])
)
