/** `lunlog log bisect`: the first record with which a check of the state fails. */
import { Console, Effect, Option, Result, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import type { Found } from "../../history/bisect/Bisection.ts"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { durationFlag } from "../serve/server-flags.ts"
import { unfinishedIfInterrupted } from "../unfinished.ts"
import { TreeNode, treeLines } from "./causal-tree.ts"
import { commandCheck } from "./check-command-run.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask, type LogSource } from "./log-source.ts"
import { optionalPlace, placeFlag } from "./place-flag.ts"
import { RecordPage, RecordView } from "./RecordView.ts"
import { recordLine, wantsColours } from "./record-line.ts"
import { type PastState, type Search, search } from "./search-states.ts"

const checkMillisDefault = 60_000
/** Folding a long log without snapshots takes its time; in milliseconds. */
const stateMillis = 600_000

const State = Schema.Struct({ seq: Schema.Number, control_seq: Schema.Number, text: Schema.String })

interface Input {
  readonly check: Option.Option<string>
  readonly has: Option.Option<string>
  readonly raw: boolean
  readonly timeout: number
  readonly verbose: boolean
}

/** A state is good as long as the object is there, or is not, as it was at the good end. */
const presenceCheck = (text: string) =>
  Effect.gen(function* () {
    const { decodeSnapshot, FOLD_VERSION, stateHolds } = yield* Effect.promise(() => import("./bisect-parts.ts"))
    const holds = stateHolds(text)
    if (holds === undefined) {
      const what = "a session, an initiator or an address is no part of the state"
      return yield* new CliFailure({ message: `--has ${text}: ${what}; lunlog log why tells of it` })
    }
    let atFirst: boolean | undefined
    return (state: PastState) => {
      const decoded = decodeSnapshot(new TextEncoder().encode(state.text), FOLD_VERSION)
      if (Result.isFailure(decoded)) {
        return new CliFailure({ message: `the state at record ${state.seq} cannot be read: ${decoded.failure}` })
      }
      const isThere = holds(decoded.success)
      atFirst ??= isThere
      return Effect.succeed(isThere === atFirst ? ("good" as const) : ("bad" as const))
    }
  })

/** The check that the flags ask for, and whether it is given the canonical JSON. */
const checkOf = (input: Input) =>
  Effect.gen(function* () {
    const { check, has, raw, timeout, verbose } = input
    if (Option.isSome(check) === Option.isSome(has)) {
      return yield* new CliFailure({ message: "say what to look for: either --check COMMAND or --has OBJECT" })
    }
    if (Option.isSome(has)) return { raw: true, run: yield* presenceCheck(has.value) }
    const command = Option.getOrElse(check, () => "")
    const run = yield* commandCheck({ command, timeoutMillis: timeout, verbose })
    return { raw, run: ({ seq, text }: PastState) => run({ seq, text, form: raw ? "json" : "yaml" }) }
  })

/** The state is known from the first change on that was not compacted away. */
const firstChange = (source: LogSource): Effect.Effect<string, CliFailure> =>
  Effect.map(ask(source, RecordPage, "eventlog_read", { limit: 1, kind: "control" }), ({ records }) =>
    String(records[0]?.seq ?? 1)
  )

/** The record that was found, with what led to it. */
const Shown = Schema.Struct({ record: RecordView, causes: Schema.Array(TreeNode) })

const undecided = ({ bad, good }: Extract<Found, { _tag: "Between" }>): CliFailure =>
  new CliFailure({
    message:
      `it is one of the records after ${good} and up to ${bad}: the check cannot tell of the states between; ` +
      `lunlog log diff ${good} ${bad} shows what changed`
  })

/** The command. */
export const bisectCommand = Command.make(
  "bisect",
  {
    ...sourceFlags,
    check: Flag.String("check").pipe(
      Flag.withMetavar("COMMAND"),
      Flag.withDescription(
        "Shell command that looks at a state: it ends with 0 if that is good, 125 if it cannot tell"
      ),
      Flag.optional
    ),
    has: Flag.String("has").pipe(
      Flag.withMetavar("OBJECT"),
      Flag.withDescription("Look for when this target, LUN (lun:TARGET:ID), bdev or group appeared, or went"),
      Flag.optional
    ),
    good: placeFlag("good", "A place where the check passes (default the first record)"),
    bad: placeFlag("bad", "A later place where it fails (default HEAD)"),
    raw: Flag.Boolean("raw").pipe(
      Flag.withDescription("The check gets the whole state in canonical JSON, not the configuration file"),
      Flag.withDefault(false)
    ),
    timeout: durationFlag("timeout", "How long one check may take (default 60s)").pipe(
      Flag.withDefault(checkMillisDefault)
    ),
    verbose: Flag.Boolean("verbose").pipe(
      Flag.withAlias("v"),
      Flag.withDescription("Show on stderr what the checks print"),
      Flag.withDefault(false)
    ),
    json: jsonFlag("The record as JSON, and how many checks it took")
  },
  Effect.fn(
    function* (input) {
      const { raw, run } = yield* checkOf(input)
      const source = yield* sourceOf(input)
      const wanted: Search = {
        stateAt: (at) => ask(source, State, "eventlog_state", { at, raw }, { timeoutMillis: stateMillis }),
        check: run,
        good: (yield* optionalPlace(input.good)) ?? (yield* firstChange(source)),
        bad: (yield* optionalPlace(input.bad)) ?? "HEAD"
      }
      const { checks, found } = yield* search(wanted)
      if (found._tag === "Between") return yield* undecided(found)
      const options = { timeoutMillis: stateMillis }
      const { causes, record } = yield* ask(source, Shown, "eventlog_show", { seq: found.first }, options)
      if (input.json) return yield* Console.log(printJson({ first_bad: record, causes, checks }))
      const style = { colours: wantsColours(), fields: false }
      yield* Console.log([recordLine(record, style), ...treeLines(causes, undefined, style, "       ")].join("\n"))
      yield* Console.error(`found with ${checks} checks; lunlog log show ${found.first} tells what came of it`)
    },
    Effect.scoped,
    unfinishedIfInterrupted
  )
).pipe(
  Command.withDescription(
    "Find the first record with which a check of the state fails, by halving. The check gets the state as a " +
      "configuration file on stdin; LUNLOG_STATE_FILE names a file with it, LUNLOG_SEQ its record."
  ),
  Command.withExamples([
    { command: "lunlog log bisect --has lun:disk1:1 --good 14:00", description: "When LUN 1 of disk1 went" },
    { command: "lunlog log bisect --check 'grep -q Malloc3' --good 100 --bad HEAD" },
    { command: "lunlog log bisect --check './check.sh $LUNLOG_STATE_FILE' --state /srv/copy" }
  ])
)
