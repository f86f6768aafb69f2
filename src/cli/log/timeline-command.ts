/** `lunlog log timeline`: what there was when, as text or as a picture. */
import { styleText } from "node:util"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { TIMELINE_CELLS_MAX, Timeline } from "../../history/timeline/Timeline.ts"
import { timelineSvg } from "../../history/timeline/timeline-svg.ts"
import { type TextRole, timelineLines } from "../../history/timeline/timeline-text.ts"
import { printJson } from "../../rpc/json-print.ts"
import { writeOutput } from "../config/write-output.ts"
import { printable } from "../printable.ts"
import { boundedInt } from "../serve/server-flags.ts"
import { filterFlags } from "./filter-flags.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask } from "./log-source.ts"
import { optionalPlace, placeFlag } from "./place-flag.ts"

const widthMin = 40
const widthMax = 1000
const widthDefault = 100
/** Troubles that are listed in words. */
const listMax = 20
/** Reading a long range takes long; in milliseconds. */
const timelineMillis = 600_000

const colours: Readonly<Record<TextRole, Parameters<typeof styleText>[0] | undefined>> = {
  active: "blue",
  open: "green",
  draining: "yellow",
  failed: "red",
  unknown: "gray",
  error: ["red", "bold"],
  warning: ["yellow", "bold"],
  note: "cyan",
  title: undefined,
  axis: "gray"
}

/** Colours on a terminal that wants them. */
const paint = (role: TextRole, text: string): string => {
  const colour = colours[role]
  return colour === undefined ? text : styleText(colour, text, { stream: process.stdout })
}

/** Names and words are others': nothing of them may reach the terminal as more than text. */
const harmless = (timeline: Timeline): Timeline => ({
  ...timeline,
  lanes: timeline.lanes.map((lane) => ({
    ...lane,
    title: printable(lane.title),
    marks: lane.marks.map((mark) => ({ ...mark, text: printable(mark.text) }))
  }))
})

const terminalWidth = (): number => Math.max(widthMin, process.stdout.columns ?? widthDefault)

const isUnicode = (): boolean => {
  const { LANG, LC_ALL, LC_CTYPE } = process.env
  const locale = [LC_ALL, LC_CTYPE, LANG].find((name) => name !== undefined && name !== "")
  return locale === undefined || /utf-?8/iu.test(locale)
}

/** The command. */
export const timelineCommand = Command.make(
  "timeline",
  {
    ...sourceFlags,
    since: placeFlag("since", "Where it begins (default an hour before the end)"),
    until: placeFlag("until", "Where it ends (default now; of a directory, its last record)"),
    object: filterFlags.object.pipe(
      Flag.withDescription("Only the lanes of this target, LUN (TARGET:ID), bdev, group, initiator. May be repeated")
    ),
    svg: Flag.String("svg").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write an SVG picture into this file instead (- is stdout)"),
      Flag.optional
    ),
    width: boundedInt("width", widthMin, widthMax).pipe(
      Flag.withDescription(`Columns of the text (default those of the terminal, else ${widthDefault})`),
      Flag.optional
    ),
    ascii: Flag.Boolean("ascii").pipe(
      Flag.withDescription("Draw with ASCII alone; so it does where the locale has no UTF-8"),
      Flag.withDefault(!isUnicode())
    ),
    json: jsonFlag("The lanes as JSON, as eventlog_timeline answers them")
  },
  Effect.fn(function* (input) {
    const source = yield* sourceOf(input)
    const since = yield* optionalPlace(input.since)
    const until = (yield* optionalPlace(input.until)) ?? (source.isRunning ? "now" : "HEAD")
    const width = Option.getOrElse(input.width, terminalWidth)
    const cells = Option.isSome(input.svg) || input.json ? TIMELINE_CELLS_MAX : Math.min(width, TIMELINE_CELLS_MAX)
    const object = input.object.length === 0 ? {} : { object: input.object }
    const params = { until, cells, ...object, ...(since === undefined ? {} : { since }) }
    const timeline = yield* ask(source, Timeline, "eventlog_timeline", params, { timeoutMillis: timelineMillis })
    if (Option.isSome(input.svg)) {
      return yield* writeOutput(input.svg.value === "-" ? undefined : input.svg.value, timelineSvg(timeline), true)
    }
    if (input.json) return yield* Console.log(printJson(timeline))
    const lines = timelineLines(harmless(timeline), { width, ascii: input.ascii, paint, listMax })
    yield* Console.log(lines.join("\n"))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Draw what there was when: LUNs, sessions, portals, bdevs, and what went wrong."),
  Command.withExamples([
    { command: "lunlog log timeline", description: "The last hour of the running target" },
    { command: 'lunlog log timeline --since "2 hours ago" --until 14:05', description: "A span of time" },
    { command: "lunlog log timeline --object disk1 --since yesterday", description: "One target" },
    { command: "lunlog log timeline --state /srv/copy --svg incident.svg", description: "A picture of a copied log" }
  ])
)
