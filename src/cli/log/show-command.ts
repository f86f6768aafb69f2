/** `lunlog log show SEQ`: one record. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { printPretty } from "../print-json.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask } from "./log-source.ts"
import { RecordPage } from "./RecordView.ts"

/** The command. */
export const showCommand = Command.make(
  "show",
  {
    ...sourceFlags,
    json: jsonFlag("As JSON, on one line"),
    seq: Argument.Int("seq").pipe(Argument.withDescription("Number of the record"))
  },
  Effect.fn(function* (input) {
    const range = { from: input.seq, to: input.seq }
    const { records } = yield* ask(yield* sourceOf(input), RecordPage, "eventlog_read", range)
    const [record] = records
    if (record === undefined) {
      return yield* new CliFailure({
        message: `the log has no record ${input.seq}; lunlog log tail shows the last ones`
      })
    }
    yield* Console.log(input.json ? printJson(record) : printPretty(record))
  }, Effect.scoped)
).pipe(Command.withDescription("Show one record with everything that it holds."))
