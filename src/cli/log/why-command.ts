/** `lunlog log why OBJECT`: the records that made it what it is, or was. */
import { Console, Effect, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { printable } from "../printable.ts"
import { LeftOut } from "./causal-tree.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask } from "./log-source.ts"
import { optionalPlace, placeFlag } from "./place-flag.ts"
import { RecordView } from "./RecordView.ts"
import { type LineStyle, lineTime, recordLine, wantsColours } from "./record-line.ts"

const Life = Schema.Struct({
  from: Schema.Number,
  to: Schema.optional(Schema.Number),
  created: Schema.optional(RecordView),
  ended: Schema.optional(RecordView),
  attached: Schema.optional(Schema.Boolean)
})
type Life = typeof Life.Type

const Answer = Schema.Struct({
  object: Schema.String,
  words: Schema.String,
  seq: Schema.Number,
  life: Life,
  earlier: Schema.Array(Life),
  earlier_count: Schema.Number,
  topics: Schema.Array(
    Schema.Struct({
      object: Schema.String,
      words: Schema.String,
      role: Schema.String,
      records: Schema.Array(RecordView),
      left_out: Schema.optional(LeftOut)
    })
  )
})

/** Folding a long log without snapshots takes its time; in milliseconds. */
const whyMillis = 600_000
/** Former lives that are told one by one. */
const earlierMax = 5

/** What nobody creates or removes. */
const isOutside = (object: string): boolean => /^(?:initiator|address|config):/u.test(object)

const lifeText = (object: string, { created, ended, from, to }: Life): string => {
  if (isOutside(object)) return "what the log knows of it"
  const since = created === undefined ? "there when the log begins" : `since record ${from}, ${lineTime(created.at)}`
  if (to === undefined) return since
  const how = ended?.type === "EpochStarted" ? ", when the process started again" : ""
  return `${created === undefined ? since : `from record ${from}`} to record ${to}${how}; gone since`
}

const earlierLines = ({ earlier, earlier_count, life }: typeof Answer.Type): ReadonlyArray<string> => {
  const shown = earlier.slice(-earlierMax)
  const more = earlier_count - shown.length
  return [
    ...(more > 0 ? [`  before that ${more} times more: --at tells of an earlier moment`] : []),
    ...shown.map(({ from, to }, index) => {
      const what = (shown[index + 1] ?? life).attached === true ? "until its device went" : "another one of this name"
      return `  ${what}: records ${from} to ${to ?? "?"} (--at ${from})`
    })
  ]
}

const topicLines = (topic: (typeof Answer.Type)["topics"][number], style: LineStyle): ReadonlyArray<string> => {
  const { left_out, records, role, words } = topic
  const rest =
    left_out === undefined
      ? []
      : [`  … ${left_out.at_least ? "at least " : ""}${left_out.count} more: lunlog log tail ${left_out.filter}`]
  const [first, newest] = left_out === undefined ? [records, []] : [records.slice(0, 4), records.slice(4)]
  return [
    role === "itself" ? "itself" : printable(`${role}: ${words}`),
    ...(records.length === 0 ? ["  no record: it is as it was when the log began"] : []),
    ...first.map((record) => recordLine(record, style)),
    ...rest,
    ...newest.map((record) => recordLine(record, style))
  ]
}

const answerText = (answer: typeof Answer.Type, style: LineStyle): string =>
  [
    printable(`${answer.words}: ${lifeText(answer.object, answer.life)}`),
    ...earlierLines(answer),
    ...answer.topics.flatMap((topic) => topicLines(topic, style))
  ].join("\n")

/** The command. */
export const whyCommand = Command.make(
  "why",
  {
    ...sourceFlags,
    object: Argument.String("object").pipe(
      Argument.withDescription("A target, LUN (TARGET:ID), bdev, group, session, initiator; a part of a name may do")
    ),
    at: placeFlag("at", "What it was at this moment; default HEAD, or when it was there last"),
    json: jsonFlag("As JSON, on one line")
  },
  Effect.fn(function* ({ at, json, object, ...source }) {
    const params = { object, at: yield* optionalPlace(at) }
    const options = { timeoutMillis: whyMillis }
    const answer = yield* ask(yield* sourceOf(source), Answer, "eventlog_why", params, options)
    const style = { colours: wantsColours(), fields: false }
    yield* Console.log(json ? printJson(answer) : answerText(answer, style))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Show every record that made an object what it is, or was if it is gone, with who asked for it; then those of " +
      "what it depends on: of a LUN its bdev, its target, and the groups that let initiators in."
  ),
  Command.withExamples([
    { command: "lunlog log why disk1:2", description: "LUN 2 of the target disk1" },
    { command: "lunlog log why bdev:Malloc0 --at yesterday" },
    { command: "lunlog log why session:5" }
  ])
)
