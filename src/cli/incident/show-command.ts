/** `lunlog incident show SEQ`: one incident as it was kept. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { jsonFlag, sourceFlags, sourceOf } from "../log/log-flags.ts"
import { lineTime } from "../log/record-line.ts"
import { printable } from "../printable.ts"
import { byteText } from "../table.ts"
import { incidentWith, keptIncidents, type ListedIncident } from "./kept-incidents.ts"
import { captureLines, inFlightLines } from "./report-text.ts"

const joinedLines = ({ joined, joined_count }: ListedIncident): ReadonlyArray<string> => [
  ...joined.map(({ at, seq, text }) => `  ${String(seq).padStart(5)}  ${lineTime(at)}  ${text}`),
  ...(joined_count > joined.length ? [`  and ${joined_count - joined.length} more`] : [])
]

const linesOf = (one: ListedIncident): ReadonlyArray<string> => [
  `Incident ${one.seq}, ${lineTime(one.at)}: ${one.type}`,
  `  ${one.text}`,
  ...(one.joined_count === 0 ? [] : ["", "With it", ...joinedLines(one)]),
  ...(one.in_flight === undefined ? [] : ["", "In flight", ...inFlightLines(one.in_flight)]),
  ...(one.capture === undefined ? [] : ["", "On the wire", ...captureLines(one)]),
  ...(one.missing.length === 0 ? [] : ["", "Not kept", ...one.missing.map((text) => `  ${text}`)]),
  "",
  "Files",
  ...one.files.map(({ bytes, name }) => `  incidents/${one.seq}/${name}, ${byteText(bytes)}`),
  "",
  `All about it in one file: lunlog incident bundle --around ${one.seq}`
]

/** The command. */
export const showIncidentCommand = Command.make(
  "show",
  {
    ...sourceFlags,
    json: jsonFlag("As JSON, on one line"),
    seq: Argument.Int("seq").pipe(Argument.withDescription("Its record, or one that has joined it"))
  },
  Effect.fn(function* ({ json, seq, ...input }) {
    const all = yield* keptIncidents(yield* sourceOf(input))
    const found = incidentWith(all, seq)
    if (found === undefined) {
      const there = all.length === 0 ? "none is" : `kept are ${all.map((one) => one.seq).join(", ")}`
      return yield* new CliFailure({
        message: `nothing is kept of record ${seq}; ${there}; lunlog log show ${seq} has the record`
      })
    }
    yield* Console.log(json ? printJson(found) : linesOf(found).map(printable).join("\n"))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Show what the target has kept of an incident: what joined it, the sessions and commands in flight, the last PDUs."
  ),
  Command.withExamples([{ command: "lunlog incident show 4711" }])
)
