/** `lunlog incident list`: what the target has kept. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { jsonFlag, sourceFlags, sourceOf } from "../log/log-flags.ts"
import { lineTime } from "../log/record-line.ts"
import { printable } from "../printable.ts"
import { byteText, table } from "../table.ts"
import { keptIncidents, type ListedIncident } from "./kept-incidents.ts"

const rowOf = ({ at, capture, files, joined_count, seq, text, type }: ListedIncident): ReadonlyArray<string> => [
  String(seq),
  lineTime(at),
  printable(type),
  joined_count === 0 ? "" : `+${joined_count}`,
  capture === undefined ? "-" : String(capture.pdus),
  byteText(files.reduce((sum, { bytes }) => sum + bytes, 0)),
  printable(text)
]

/** The command. */
export const listCommand = Command.make(
  "list",
  { ...sourceFlags, json: jsonFlag("As JSON, one incident per line, with what was in flight") },
  Effect.fn(function* ({ json, ...input }) {
    const incidents = yield* keptIncidents(yield* sourceOf(input))
    if (json) return yield* Effect.forEach(incidents, (one) => Console.log(printJson(one)), { discard: true })
    if (incidents.length === 0) return yield* Console.log("no incident is kept")
    yield* Console.log(table(["SEQ", "TIME", "TYPE", "MORE", "PDUS", "SIZE", "WHAT"], incidents.map(rowOf)))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "List the incidents that the target has kept something of, oldest first: its record, how many others have joined " +
      "it, how many PDUs there are, and how much room it takes."
  ),
  Command.withExamples([
    { command: "lunlog incident list" },
    { command: "lunlog incident list --state /var/lib/lunlog", description: "Of a stopped target" }
  ])
)
