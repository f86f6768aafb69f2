/** `lunlog log state`: what the target was at any moment, as a configuration file. */
import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask } from "./log-source.ts"
import { optionalPlace, placeFlag } from "./place-flag.ts"

const Answer = Schema.Struct({
  seq: Schema.Number,
  at: Schema.optional(Schema.Number),
  control_seq: Schema.Number,
  control_no: Schema.Number,
  control_hash: Schema.String,
  text: Schema.String,
  warnings: Schema.Array(Schema.String)
})

/** Folding a long log without snapshots takes its time; in milliseconds. */
const stateMillis = 600_000

/** The command. */
export const stateCommand = Command.make(
  "state",
  {
    ...sourceFlags,
    at: placeFlag("at", 'The moment: a record, HEAD, -5, 14:03, "10 minutes ago" ... (default HEAD)'),
    raw: Flag.Boolean("raw").pipe(
      Flag.withDescription("The whole state as the log folds it, in canonical JSON; secrets stay sealed"),
      Flag.withDefault(false)
    ),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Where to write, replacing what is there; stdout if absent. Made with mode 0600"),
      Flag.optional
    ),
    withSecrets: Flag.Boolean("with-secrets").pipe(
      Flag.withDescription("With the secrets of CHAP in clear, which are left out otherwise"),
      Flag.withDefault(false)
    ),
    json: jsonFlag("As JSON: the text, and where in the log it is from")
  },
  Effect.fn(function* ({ at, json, output, raw, withSecrets, ...source }) {
    const { writeOutput } = yield* Effect.promise(() => import("../config/write-output.ts"))
    const params = { at: yield* optionalPlace(at), raw, with_secrets: withSecrets }
    const options = { timeoutMillis: stateMillis }
    const answer = yield* ask(yield* sourceOf(source), Answer, "eventlog_state", params, options)
    const text = json ? `${printJson(answer)}\n` : raw ? `${answer.text}\n` : answer.text
    yield* writeOutput(Option.getOrUndefined(output), text, true)
    if (!json) for (const warning of answer.warnings) yield* Console.error(`warning: ${warning}`)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Write what the target was at a moment, as a file for lunlog apply. A comment at its top says which moment, and " +
      "what was under way. Two of them can be compared line by line."
  ),
  Command.withExamples([
    { command: 'lunlog log state --at "10 minutes ago"' },
    { command: "lunlog log state --at 4711 -o before.yaml && lunlog apply before.yaml" },
    { command: "diff <(lunlog log state --at 4710) <(lunlog log state --at 4711)" }
  ])
)
