/** `lunlog log show SEQ`: one record in words and fields, with what led to it and what came of it. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { printable } from "../printable.ts"
import { ShownRecord, treeLines } from "./causal-tree.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask } from "./log-source.ts"
import { placeArgument, placeParam } from "./place-flag.ts"
import type { RecordView } from "./RecordView.ts"
import { fieldText, type LineStyle, lineTime, wantsColours } from "./record-line.ts"

/** What follows from a record may be far away; in milliseconds. */
const showMillis = 600_000

const askedText = ({ actor, correlationId, method, requestId, source }: RecordView["cause"]): string =>
  [
    `source ${source}`,
    `actor ${actor}`,
    ...(method === undefined ? [] : [`method ${method}`]),
    ...(requestId === undefined ? [] : [`request ${requestId}`]),
    ...(correlationId === undefined ? [] : [`led to by record ${correlationId}`])
  ].join(", ")

const fieldLines = (payload: unknown): ReadonlyArray<string> =>
  typeof payload === "object" && payload !== null
    ? Object.entries(payload).map(([name, value]) => `  ${name}: ${fieldText(value)}`)
    : [`  ${fieldText(payload)}`]

const recordLines = (record: RecordView): ReadonlyArray<string> => {
  const { at, cause, kind, payload, seq, text, type, v } = record
  const hash = record["hash"]
  return [
    `record ${seq}, ${lineTime(at)}: ${kind} ${type}, version ${v}`,
    `  ${text ?? type}`,
    `  (${askedText(cause)})`,
    ...fieldLines(payload),
    ...(typeof hash === "string" ? [`  SHA-256 of the record: ${hash}`] : [])
  ]
}

const answerText = ({ causes, consequences, left_out, record }: ShownRecord, style: LineStyle): string =>
  [
    ...recordLines(record).map(printable),
    causes.length === 0 ? "nothing in the log led to it" : "before it",
    ...treeLines(causes, undefined, style),
    consequences.length === 0 ? "nothing in the log came of it" : "after it",
    ...treeLines(consequences, left_out, style)
  ].join("\n")

/** The command. */
export const showCommand = Command.make(
  "show",
  {
    ...sourceFlags,
    json: jsonFlag("As JSON, on one line"),
    seq: placeArgument("seq", "Number of the record; HEAD, or -5 (back from the end)")
  },
  Effect.fn(function* (input) {
    const options = { timeoutMillis: showMillis }
    const seq = yield* placeParam(input.seq)
    const answer = yield* ask(yield* sourceOf(input), ShownRecord, "eventlog_show", { seq }, options)
    const style = { colours: wantsColours(), fields: false }
    yield* Console.log(input.json ? printJson(answer) : answerText(answer, style))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Show one record with everything that it holds; before it what led to it (the request, the record that it " +
      "follows from, what created the thing that it is about), and after it what came of it. Secrets are withheld."
  ),
  Command.withExamples([{ command: "lunlog log show 4711" }])
)
