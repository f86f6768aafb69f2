/** `lunlog log verify`: whether the whole log is what it should be, and all that is not. */
import { Console, Effect, Option, Schema } from "effect"
import { Command } from "effect/cli"
import { counted } from "../../history/describe/words.ts"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { progressBar } from "../config/progress.ts"
import { printableLines } from "../printable.ts"
import { jsonFlag, sourceFlags } from "./log-flags.ts"
import { ask, type LogSource, openLogSource } from "./log-source.ts"

const Finding = Schema.Struct({
  severity: Schema.Literals(["damage", "warning"]),
  where: Schema.String,
  detail: Schema.String,
  last_good: Schema.optional(Schema.Number),
  remedy: Schema.String
})

const Report = Schema.Struct({
  finished: Schema.Boolean,
  clean: Schema.Boolean,
  done: Schema.Number,
  total: Schema.Number,
  control: Schema.Number,
  observations: Schema.Number,
  snapshots: Schema.Number,
  last_seq: Schema.Number,
  control_hash: Schema.String,
  findings: Schema.Array(Finding),
  truncated: Schema.Boolean,
  job: Schema.optional(Schema.Number)
})
type Report = typeof Report.Type

/** How long the log is asked at a time, in milliseconds: so often the bar moves. */
const turnMillis = 500

/** On a terminal only, and over itself. */
const draw = ({ done, finished, total }: Report): void => {
  if (!process.stderr.isTTY) return
  process.stderr.write(finished ? "\r\u001b[K" : `\r${progressBar(done, total)} records verified`)
}

const verify = (source: LogSource): Effect.Effect<Report, CliFailure> =>
  Effect.gen(function* () {
    let report = yield* ask(source, Report, "eventlog_verify", { millis: turnMillis })
    for (draw(report); !report.finished; draw(report)) {
      report = yield* ask(source, Report, "eventlog_verify", { millis: turnMillis, job: report.job })
    }
    return report
  })

const findingText = (finding: typeof Finding.Type): string => {
  const { detail, last_good: lastGood, remedy, severity, where } = finding
  const good = lastGood === undefined ? [] : [`  right up to: record ${lastGood}`]
  return printableLines([`${severity}: ${where}: ${detail}`, ...good, `  what to do: ${remedy}`].join("\n"))
}

const printReport = (report: Report): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const finding of report.findings) yield* Console.log(findingText(finding))
    if (report.truncated) yield* Console.log("and more: the check ended here")
    const { control, control_hash: hash, last_seq: lastSeq, observations, snapshots } = report
    const records = `${counted(control, "control record")} and ${counted(observations, "observation")}`
    if (!report.clean) return yield* Console.log(`right by themselves: ${records}`)
    const said = snapshots === 1 ? "a snapshot says" : `${snapshots} snapshots say`
    const folded = snapshots === 0 ? "" : `; they fold to what ${said}`
    yield* Console.log(
      `clean: ${records}, up to record ${lastSeq}${folded}\n` + `hash of the last control record: ${hash}`
    )
  })

/** The command. */
export const verifyCommand = Command.make(
  "verify",
  { ...sourceFlags, json: jsonFlag() },
  Effect.fn(function* (input) {
    const report = yield* verify(yield* openLogSource(Option.getOrUndefined(input.state), input.socket, false))
    if (input.json) {
      const { control_hash: controlHash, job: _, last_seq: lastSeq, ...rest } = report
      yield* Console.log(printJson({ ...rest, lastSeq, controlHash }))
    } else yield* printReport(report)
    if (report.clean) return
    const count = report.findings.filter(({ severity }) => severity === "damage").length
    const more = report.truncated ? "more than " : ""
    return yield* new CliFailure({ message: `the event log is damaged: ${more}${counted(count, "finding")}` })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Check everything: files, every record and its place in the chain, what the records fold to, snapshots, " +
      "archives. All that is wrong is told, up to 20 findings, and the exit code is 1. Keep a copy of a damaged " +
      "directory before anything else; lunlog serve --accept-log-loss goes on without what is gone."
  ),
  Command.withExamples([{ command: "lunlog log verify" }, { command: "lunlog log verify --state copy --json" }])
)
