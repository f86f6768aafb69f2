/** A timeline as text: one lane per line, as wide as it is told. Names are as they came: print them harmlessly. */
import { worsePhase } from "./LaneTrack.ts"
import type { Lane, Mark, Phase, Severity, Timeline } from "./Timeline.ts"
import { lengthText, ticksOf, timeText } from "./time-axis.ts"

/** What a piece of the text is, for whoever colours it. */
export type TextRole = Phase | Severity | "title" | "axis"

/** How to draw. */
export interface TextOptions {
  /** Columns of a line. */
  readonly width: number
  readonly ascii: boolean
  /** Must not change the text's width. */
  readonly paint: (role: TextRole, text: string) => string
  /** Troubles that are listed in words below the picture; with 0 nothing is said of them. */
  readonly listMax: number
}

type Glyphs = Readonly<Record<Phase | Severity | "tick" | "rule" | "cut", string>>

const unicode: Glyphs = {
  active: "━",
  open: "═",
  draining: "▒",
  failed: "░",
  unknown: "╌",
  error: "✖",
  warning: "▲",
  note: "•",
  tick: "┬",
  rule: "─",
  cut: "…"
}
const ascii: Glyphs = {
  active: "=",
  open: "#",
  draining: "~",
  failed: "x",
  unknown: ".",
  error: "E",
  warning: "!",
  note: "*",
  tick: "+",
  rule: "-",
  cut: "~"
}

const meanings: ReadonlyArray<readonly [role: Phase | Severity, meaning: string]> = [
  ["active", "there"],
  ["open", "logged in"],
  ["draining", "going"],
  ["failed", "wanted, but failed"],
  ["unknown", "ended within, unrecorded"],
  ["error", "error"],
  ["warning", "warning"],
  ["note", "note"]
]

const rank: Readonly<Record<Severity, number>> = { note: 0, warning: 1, error: 2 }

/** Long names are told apart by their ends. */
const shorten = (title: string, width: number, cut: string): string => {
  const letters = [...title]
  return letters.length <= width
    ? title.padEnd(width + title.length - letters.length)
    : cut + letters.slice(1 - width).join("")
}

const titleOf = ({ kind, title }: Lane): string => (kind === "lun" ? `  ${title}` : title)

interface Frame {
  readonly timeline: Timeline
  readonly options: TextOptions
  readonly glyphs: Glyphs
  readonly titleWidth: number
  readonly columns: number
}

/** The column of a time; times at the end are in the last one. */
const columnOf = ({ columns, timeline }: Frame, at: number): number => {
  const { from, to } = timeline
  const share = (at - from.at) / Math.max(1, to.at - from.at)
  return Math.min(columns - 1, Math.max(0, Math.floor(share * columns)))
}

/** Each column's worst phase, under its worst mark. */
const rolesOf = (frame: Frame, lane: Lane): ReadonlyArray<Phase | Severity | undefined> => {
  const phases = new Array<Phase | undefined>(frame.columns).fill(undefined)
  for (const { from, phase, to } of lane.spans) {
    const last = columnOf(frame, Math.max(from, to - 1))
    for (let column = columnOf(frame, from); column <= last; column++) {
      const there = phases[column]
      phases[column] = there === undefined ? phase : worsePhase(there, phase)
    }
  }
  const marks = new Array<Severity | undefined>(frame.columns).fill(undefined)
  for (const { at, severity, until } of lane.marks) {
    for (const column of new Set([columnOf(frame, at), columnOf(frame, until)])) {
      const there = marks[column]
      if (there === undefined || rank[severity] > rank[there]) marks[column] = severity
    }
  }
  return phases.map((phase, column) => marks[column] ?? phase)
}

/** Neighbours of one role are painted together. */
const laneLine = (frame: Frame, lane: Lane): string => {
  const { glyphs, options, titleWidth } = frame
  let line = ""
  let run = ""
  let role: Phase | Severity | undefined
  const flush = (): void => {
    line += role === undefined ? run : options.paint(role, run)
    run = ""
  }
  for (const next of rolesOf(frame, lane)) {
    if (next !== role) flush()
    role = next
    run += next === undefined ? " " : glyphs[next]
  }
  flush()
  return `${options.paint("title", shorten(titleOf(lane), titleWidth, glyphs.cut))}  ${line}`.trimEnd()
}

const axisLines = (frame: Frame): ReadonlyArray<string> => {
  const { columns, glyphs, options, timeline, titleWidth } = frame
  const rule = new Array<string>(columns).fill(glyphs.rule)
  const labels = new Array<string>(columns).fill(" ")
  for (const { at, label } of ticksOf(timeline.from.at, timeline.to.at, columns)) {
    const column = columnOf(frame, at)
    rule[column] = glyphs.tick
    if (column + label.length > columns) continue
    for (let i = 0; i < label.length; i++) labels[column + i] = label[i] ?? " "
  }
  const margin = " ".repeat(titleWidth + 2)
  return [labels.join("").trimEnd(), rule.join("")].map((line) => margin + options.paint("axis", line))
}

const legendLine = ({ glyphs, options, timeline }: Frame): string => {
  const used = new Set<Phase | Severity>(
    timeline.lanes.flatMap(({ marks, spans }) => [
      ...spans.map(({ phase }) => phase),
      ...marks.map(({ severity }) => severity)
    ])
  )
  return meanings
    .filter(([role]) => used.has(role))
    .map(([role, meaning]) => `${options.paint(role, glyphs[role])} ${meaning}`)
    .join("  ")
}

const headLine = ({ columns, timeline }: Frame): string => {
  const { from, records, to } = timeline
  const length = lengthText(Math.max(0, to.at - from.at))
  const column = lengthText(Math.max(1, (to.at - from.at) / columns))
  const what = `${records} ${records === 1 ? "record" : "records"}, ${from.seq} to ${to.seq}`
  return `${timeText(from.at)} to ${timeText(to.at)} UTC, ${length}: ${what}; a column is ${column}`
}

/** Errors and warnings, the worst first if there are too many; in the order of time. */
const troublesOf = (timeline: Timeline, max: number): readonly [shown: ReadonlyArray<Mark>, hidden: number] => {
  const seen = new Set<string>()
  const all = timeline.lanes
    .flatMap(({ marks }) => marks)
    .filter(({ seq, severity }) => {
      const key = `${seq} ${severity}`
      const isNew = severity !== "note" && !seen.has(key)
      seen.add(key)
      return isNew
    })
  const chosen = all.toSorted((a, b) => rank[b.severity] - rank[a.severity] || a.at - b.at).slice(0, max)
  return [chosen.toSorted((a, b) => a.at - b.at || a.seq - b.seq), all.length - chosen.length]
}

const troubleLines = ({ glyphs, options, timeline }: Frame): ReadonlyArray<string> => {
  const [shown, hidden] = troublesOf(timeline, options.listMax)
  const lines = shown.map(({ at, count, records, seq, severity, text }) => {
    const times = records > 1 ? `, and the like: ${count} in all` : ""
    return `${options.paint(severity, glyphs[severity])} ${timeText(at).slice(11)}  ${text}${times}  (${seq})`
  })
  const range = `--since ${timeline.from.seq} --until ${timeline.to.seq}`
  const more = hidden === 0 ? [] : [`${hidden} more: lunlog log tail --errors ${range}`]
  return [...lines, ...more]
}

const titleWidthMin = 12

/** Lines without their ends; empty ones between the parts. */
export const timelineLines = (timeline: Timeline, options: TextOptions): ReadonlyArray<string> => {
  const longest = Math.max(titleWidthMin, ...timeline.lanes.map((lane) => [...titleOf(lane)].length))
  const titleWidth = Math.min(longest, Math.max(titleWidthMin, Math.floor(options.width * 0.4)))
  const columns = Math.max(10, options.width - titleWidth - 2)
  const frame: Frame = { timeline, options, glyphs: options.ascii ? ascii : unicode, titleWidth, columns }
  const troubles = options.listMax === 0 ? [] : troubleLines(frame)
  const { lanes_hidden: hidden } = timeline
  return [
    headLine(frame),
    "",
    ...axisLines(frame),
    ...timeline.lanes.map((lane) => laneLine(frame, lane)),
    ...(hidden === 0 ? [] : [`${hidden} more objects share a lane; --object shows one`]),
    "",
    legendLine(frame),
    ...(troubles.length === 0 ? [] : ["", ...troubles])
  ]
}
