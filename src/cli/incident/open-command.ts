/** `lunlog incident open FILE`: whether a bundle is whole, and what it tells. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { jsonFlag } from "../log/log-flags.ts"
import { unpackedLog } from "../log/log-source.ts"
import { wantsColours } from "../log/record-line.ts"
import { quotedWord } from "../quoted-word.ts"
import { checkFold } from "./check-fold.ts"
import { readReport } from "./incident-report.ts"
import { reportLines } from "./report-text.ts"
import { unpackBundle } from "./unpack-bundle.ts"

/** The command. */
export const openCommand = Command.make(
  "open",
  {
    file: Argument.String("file").pipe(Argument.withDescription("What lunlog incident bundle has written")),
    json: jsonFlag("The report as JSON, on one line")
  },
  Effect.fn(function* ({ file, json }) {
    const bundle = yield* unpackBundle(file)
    const source = yield* unpackedLog(file, bundle.directory)
    const checked = yield* checkFold(source, file, bundle)
    const report = yield* readReport(source, bundle.manifest)
    if (json) return yield* Console.log(printJson({ file, checked, ...report }))
    const style = { file: quotedWord(file), line: { colours: wantsColours(), fields: false }, checked }
    yield* Console.log(reportLines(report, style).join("\n"))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Check a bundle (hashes, the chain of records, that they fold from the state before to the state after), and " +
      "tell what happened: what, when, by whom, in which order, what was in flight, what has changed. It may be of " +
      "any target, and is only read; commands that ask a log take it as --state FILE."
  ),
  Command.withExamples([
    { command: "lunlog incident open lunlog-incident-4711.tar.gz" },
    { command: "lunlog fork --at 4710 --state lunlog-incident-4711.tar.gz", description: "The target as it was then" }
  ])
)
