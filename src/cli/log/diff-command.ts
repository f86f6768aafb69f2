/** `lunlog log diff A B`: what changed between two moments, and who did it. */
import { Console, Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask, type LogSource } from "./log-source.ts"
import { placeArgument, placeParam } from "./place-flag.ts"
import { RecordView } from "./RecordView.ts"
import { type LineStyle, recordLine, wantsColours } from "./record-line.ts"
import { unifiedDiff } from "./unified-diff.ts"

const Change = Schema.Struct({
  field: Schema.String,
  from: Schema.optional(Schema.String),
  to: Schema.optional(Schema.String),
  by: Schema.Array(RecordView)
})

const ObjectChange = Schema.Struct({
  action: Schema.Literals(["create", "change", "replace", "remove", "made-anew"]),
  object: Schema.String,
  about: Schema.optional(Schema.String),
  detail: Schema.optional(Schema.String),
  changes: Schema.Array(Change),
  by: Schema.Array(RecordView)
})
type ObjectChange = typeof ObjectChange.Type

const Page = Schema.Struct({
  from: Schema.Number,
  to: Schema.Number,
  total: Schema.Number,
  objects: Schema.Array(ObjectChange),
  next: Schema.optional(Schema.Number)
})

/** As diff(1) has them: nothing differs, something does, trouble. */
const [same, different, trouble] = [0, 1, 2] as const

/** Folding a long log without snapshots takes its time; in milliseconds. */
const diffMillis = 600_000

const signs = { create: "+", change: "~", replace: "-/+", remove: "-", "made-anew": "-/+" } as const

const changeLine = ({ field, from, to }: typeof Change.Type): string => {
  const value = (text: string | undefined) => (text === undefined || text === "" ? "" : `: ${text}`)
  if (from === undefined) return `    + ${field}${value(to)}`
  if (to === undefined) return `    - ${field}${value(from)}`
  return `    ~ ${field}: ${from} -> ${to}`
}

const byLines = (by: ReadonlyArray<RecordView>, indent: string, style: LineStyle): ReadonlyArray<string> =>
  by.map((record) => `${indent}${recordLine(record, style)}`)

const objectLines = (one: ObjectChange, style: LineStyle): ReadonlyArray<string> => {
  const { action, by, changes, detail, object } = one
  const what = detail === undefined ? object : `${object}: ${detail}`
  const anew = action === "made-anew" ? ", made anew" : ""
  return [
    printable(`${signs[action]} ${what}${anew}`),
    ...changes.flatMap((change) => [printable(changeLine(change)), ...byLines(change.by, "      ", style)]),
    ...byLines(by, "  ", style)
  ]
}

const failedAs = (error: CliFailure): CliFailure => new CliFailure({ message: error.message, exitCode: trouble })

interface Moments {
  readonly from: string
  readonly to: string
}

/** All pages, printed as they come. Gives whether anything differs. */
const showChanges = (source: LogSource, params: Moments & { readonly by: boolean }, json: boolean) =>
  Effect.gen(function* () {
    const style = { colours: wantsColours(), fields: false }
    let [skip, total] = [0, 0]
    for (;;) {
      const options = { timeoutMillis: diffMillis }
      const page = yield* ask(source, Page, "eventlog_diff", { ...params, skip }, options)
      total = page.total
      for (const one of page.objects) {
        yield* Console.log(json ? printJson(one) : objectLines(one, style).join("\n"))
      }
      if (page.next === undefined) return total > 0
      skip = page.next
    }
  })

/** The command. */
export const diffCommand = Command.make(
  "diff",
  {
    ...sourceFlags,
    from: placeArgument("from", 'The earlier moment: a record, HEAD-5, 14:03, "1 hour ago" ...'),
    to: placeArgument("to", "The later one; HEAD if left out").pipe(Argument.withDefault("HEAD")),
    unified: Flag.Boolean("unified").pipe(
      Flag.withAlias("u"),
      Flag.withDescription("The two configuration files compared line by line, by diff -u"),
      Flag.withDefault(false)
    ),
    records: Flag.Boolean("records").pipe(
      Flag.withDescription("With the records that did it; --no-records is faster where much has changed"),
      Flag.withDefault(true)
    ),
    json: jsonFlag("As JSON, one object per line")
  },
  Effect.fn(
    function* ({ json, records, unified, ...input }) {
      const params = { from: yield* placeParam(input.from), to: yield* placeParam(input.to) }
      const source = yield* sourceOf(input)
      const differs = unified
        ? yield* unifiedDiff(source, params)
        : yield* showChanges(source, { ...params, by: records }, json)
      const code = differs ? different : same
      if (code !== same) return yield* new CliFailure({ message: "", exitCode: code })
    },
    Effect.scoped,
    Effect.mapError((error) => (error.exitCode === different ? error : failedAs(error)))
  )
).pipe(
  Command.withDescription(
    "Show what changed between two moments, and for each change the records that did it: who, when, by which method. " +
      "Exit code 0 if nothing differs, 1 if something does, 2 if that cannot be told."
  ),
  Command.withExamples([
    { command: 'lunlog log diff "10 minutes ago"', description: "What has changed since" },
    { command: "lunlog log diff 4710 4711", description: "What record 4711 did" },
    { command: "lunlog log diff --unified yesterday HEAD" }
  ])
)
