/** How a lane of `eventlog_timeline` is drawn and told: bars of phases, marks of what happened, and both in words. */
import type { Lane, Mark, Span } from "../../rpc/history-methods.ts"
import { partOf, type TimeRange } from "./TimeScale.ts"
import { localText } from "./time-text.ts"

/** Narrowest bar, as a part of the width: what is shorter is still seen. */
const narrowest = 0.002

/** A rectangle along the lane; parts of its width. */
export interface Bar {
  readonly from: number
  readonly width: number
  readonly phase: string
  readonly title: string
}

/** A sign on the lane. */
export interface Sign {
  readonly at: number
  readonly severity: string
  readonly seq: number
  readonly title: string
}

const phases: Readonly<Record<string, string>> = {
  active: "there",
  open: "logged in",
  draining: "going",
  failed: "not to be had",
  unknown: "ended within, unrecorded"
}

/** What a phase is called. */
export const phaseWords = (phase: string): string => phases[phase] ?? phase

/** In the order of a legend. */
export const phasesKnown: ReadonlyArray<string> = Object.keys(phases)

const clamped = (part: number): number => Math.min(1, Math.max(0, part))

const spanText = ({ from, merged, phase, to }: Span): string =>
  `${phaseWords(phase)}: ${localText(from)} to ${localText(to)}${merged === undefined ? "" : `, ${merged} times`}`

/** The bars of a lane, as far as they lie in the range. */
export const barsOf = (lane: Lane, range: TimeRange): ReadonlyArray<Bar> =>
  lane.spans
    .filter(({ from, to }) => to >= range.from && from <= range.to)
    .map((span) => {
      const from = clamped(partOf(range, span.from))
      const width = Math.max(narrowest, clamped(partOf(range, span.to)) - from)
      return { from: Math.min(from, 1 - width), width, phase: span.phase, title: spanText(span) }
    })

/** What a mark says, with how often. */
export const markText = ({ count, text }: Mark): string => (count > 1 ? `${text}, and the like: ${count} in all` : text)

/** The marks of a lane, notes first, so that what is grave is drawn over them. */
export const signsOf = (lane: Lane, range: TimeRange): ReadonlyArray<Sign> =>
  lane.marks
    .filter(({ at }) => at >= range.from && at <= range.to)
    .map((mark) => ({
      at: clamped(partOf(range, mark.at)),
      severity: mark.severity,
      seq: mark.seq,
      title: `${localText(mark.at)}: ${markText(mark)}`
    }))
    .toSorted((a, b) => rank(a.severity) - rank(b.severity))

const rank = (severity: string): number => ["note", "warning", "error"].indexOf(severity)

/** Whether something went wrong on a lane. */
export const hasTrouble = ({ marks, spans }: Lane): boolean =>
  marks.some(({ severity }) => severity !== "note") || spans.some(({ phase }) => phase === "failed")

/** Errors and warnings of all lanes, the newest first; the same record on several lanes once. */
export const troubleOf = (lanes: ReadonlyArray<Lane>): ReadonlyArray<Mark> => {
  const bySeq = new Map<number, Mark>()
  for (const mark of lanes.flatMap(({ marks }) => marks)) {
    if (mark.severity !== "note" && !bySeq.has(mark.seq)) bySeq.set(mark.seq, mark)
  }
  return [...bySeq.values()].sort((a, b) => b.at - a.at)
}

const troubleCount = ({ marks }: Lane): number => marks.filter(({ severity }) => severity !== "note").length

/** A lane in one sentence, for those who do not see it. */
export const laneText = (lane: Lane): string => {
  const last = lane.spans.at(-1)
  const trouble = troubleCount(lane)
  const now = last === undefined ? "not there" : spanText(last)
  const more = lane.spans.length > 1 ? `${lane.spans.length} spans, the last ` : ""
  return `${lane.title.trim()}: ${more}${now}${trouble === 0 ? "" : `; ${trouble} errors or warnings`}`
}
