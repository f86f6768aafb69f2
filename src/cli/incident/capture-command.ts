/** `lunlog incident capture`: the last PDUs of connections, as a file for Wireshark. */
import { pipeline } from "node:stream/promises"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { ConnectionCapture } from "../../domain/capture/ConnectionCapture.ts"
import { captureEntries } from "../../domain/capture/capture-entry.ts"
import { pcapngOf } from "../../history/capture/pcapng-of.ts"
import { CliFailure } from "../CliFailure.ts"
import { jsonFlag } from "../log/log-flags.ts"
import { lineTime } from "../log/record-line.ts"
import { count } from "../nouns/act.ts"
import { printPretty } from "../print-json.ts"
import { printable } from "../printable.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { boundedInt, socketFlag } from "../serve/server-flags.ts"
import { version } from "../version.ts"
import { writeWhole } from "../write-whole.ts"
import { type CaptureParams, type CaptureView, captureOfView, readCaptures } from "./read-captures.ts"

/** The name of an output. */
const stdout = "-"

const microsOfNanos = (nanos: number): number => nanos / 1000

/** How much of what, from when to when. */
const summary = (captures: ReadonlyArray<ConnectionCapture>): string => {
  const times = captures.flatMap(({ entries, openedAt }) =>
    captureEntries(entries).map(({ nanos }) => openedAt + microsOfNanos(nanos))
  )
  const [first, last] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))]
  const records = captures.reduce((sum, capture) => sum + capture.records.length, 0)
  const led = records === 0 ? "" : `, ${count(records, "record")} of the log`
  return (
    `${count(captures.length, "connection")}, ${count(times.length, "PDU")}${led}, ` +
    `from ${lineTime(first)} to ${lineTime(last)}`
  )
}

const selectionText = ({ id, initiator, target, tsih }: CaptureParams): string =>
  Object.entries({ target, initiator, session: tsih, connection: id })
    .map(([name, value]) => (value === undefined ? "" : ` of ${name} ${printable(String(value))}`))
    .join("")

const nothingRecorded = (params: CaptureParams): CliFailure =>
  new CliFailure({
    message:
      `nothing is recorded${selectionText(params)}; lunlog session list has the connections that are there, ` +
      "and --record-pdus of lunlog serve says how much is recorded (0: nothing)"
  })

const noPlace = new CliFailure({
  message: "where to? Name a file with -o FILE.pcapng, or pipe it: lunlog incident capture | tshark -r -"
})

const write = (views: ReadonlyArray<CaptureView>, output: string): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const words = new Map(views.flatMap(({ records }) => records.map(({ seq, text }) => [seq, text] as const)))
    const captures = views.map(captureOfView)
    const file = pcapngOf(captures, { version, sentenceOf: (seq) => words.get(seq) })
    yield* writeWhole(output, (into, signal) => pipeline([file], into, { signal }))
    yield* Console.error(`${output === stdout ? "written" : output}: ${summary(captures)}`)
  })

const name = (flag: string, metavar: string, what: string) =>
  Flag.String(flag).pipe(Flag.withMetavar(metavar), Flag.withDescription(what), Flag.optional)

const number = (flag: string, [min, max]: readonly [number, number], what: string) =>
  boundedInt(flag, min, max).pipe(Flag.withMetavar("N"), Flag.withDescription(what), Flag.optional)

const given = <Name extends string, A>(key: Name, value: Option.Option<A>): { readonly [K in Name]?: A } | object =>
  Option.isSome(value) ? { [key]: value.value } : {}

/** The command. */
export const captureCommand = Command.make(
  "capture",
  {
    socket: socketFlag,
    json: jsonFlag("Print what the target answers as JSON; with -o beside the file"),
    target: name("target", "NAME", "Only connections with this target"),
    initiator: name("initiator", "NAME", "Only connections of this initiator"),
    session: number("session", [1, 0xffff], "Only connections of this session, by its number in lunlog session list"),
    connection: number(
      "connection",
      [0, Number.MAX_SAFE_INTEGER],
      "Only this connection, by its number there; also one that has ended"
    ),
    output: name(
      "output",
      "FILE",
      "Where to write (mode 0600), replacing what is there; - or without it: to a pipe"
    ).pipe(Flag.withAlias("o"))
  },
  Effect.fn(function* ({ connection, initiator, json, output, session, socket, target }) {
    const path = Option.getOrElse(output, () => stdout)
    if (path === stdout && !json && process.stdout.isTTY) return yield* noPlace
    const params: CaptureParams = {
      ...given("target", target),
      ...given("initiator", initiator),
      ...given("tsih", session),
      ...given("id", connection)
    }
    const client = yield* connectAs(socket)
    const views = yield* readCaptures((method, asked) => callMethod(client, method, asked), params)
    if (views.length === 0) return yield* nothingRecorded(params)
    if (json) yield* Console.log(printPretty(views))
    if (path !== stdout || !json) yield* write(views, path)
  }, Effect.scoped)
).pipe(
  Command.withDescription("Write the last PDUs of connections as a pcapng file, which Wireshark and tshark read."),
  Command.withExamples([
    { command: "lunlog incident capture -o now.pcapng", description: "All that is recorded" },
    { command: "lunlog incident capture --session 3 | tshark -r -", description: "One session, on the terminal" },
    {
      command: "lunlog incident capture --target disk1 | wireshark -k -i -",
      description: "One target, in Wireshark"
    }
  ])
)
