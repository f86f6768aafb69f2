/**
 * A timeline as a picture: one SVG file that needs nothing else, has no script, and says in words what each of its
 * parts is. Light or dark as its viewer is.
 */
import type { Lane, Mark, Span, Timeline } from "./Timeline.ts"
import { lengthText, ticksOf, timeText } from "./time-axis.ts"

const width = 1200
const titleWidth = 300
const margin = 16
const headHeight = 64
const rowHeight = 22
const barHeight = 12
const markRadius = 4.5
const footHeight = 40
/** About a character of a label, in pixels. */
const letterWidth = 6.6
/** Longest title that has room, in characters. */
const titleLettersMax = 44
const chartLeft = margin + titleWidth
const chartWidth = width - chartLeft - margin

/** Fill of each class, in the light and in the dark. Plain rules: not every viewer knows variables. */
const fills: ReadonlyArray<readonly [className: string, light: string, dark: string]> = [
  ["paper", "#ffffff", "#12171f"],
  ["ink", "#1c2430", "#e6e9ef"],
  ["faint", "#667085", "#98a2b3"],
  ["active", "#5b9bd5", "#4a84b8"],
  ["open", "#3a9c6b", "#3f9e70"],
  ["draining", "#e3a72f", "#c58f22"],
  ["failed", "#c9573f", "#c05a44"],
  ["unknown", "#d0d5dd", "#3b4554"],
  ["error", "#b42318", "#ff6b5e"],
  ["warning", "#b54708", "#ffab4a"],
  ["note", "#475467", "#b8c0cc"]
]

const rules = (column: 1 | 2, line: string, paper: string): string =>
  [
    ...fills.map((fill) => `.${fill[0]} { fill: ${fill[column]} }`),
    `.line { stroke: ${line} }`,
    `.error, .warning, .note { stroke: ${paper}; stroke-width: 1 }`
  ].join("\n")

const style = `
text { font: 12px system-ui, sans-serif }
.head { font-weight: 600 }
${rules(1, "#e4e7ec", "#ffffff")}
@media (prefers-color-scheme: dark) {
${rules(2, "#2b3442", "#12171f")}
}
`

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** XML has no control characters, and no halves of surrogate pairs. */
const escaped = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\ufffe\uffff]/gu, "?")
    .replace(/[&<>"']/gu, (character) => entities[character] ?? character)

const round = (value: number): number => Math.round(value * 10) / 10

const shorten = (title: string): string => {
  const letters = [...title]
  return letters.length <= titleLettersMax ? title : `…${letters.slice(1 - titleLettersMax).join("")}`
}

const xOf = ({ from, to }: Timeline, at: number): number => {
  const share = (at - from.at) / Math.max(1, to.at - from.at)
  return chartLeft + Math.min(1, Math.max(0, share)) * chartWidth
}

const phaseWords: Readonly<Record<Span["phase"], string>> = {
  active: "there",
  open: "logged in",
  draining: "on its way out",
  failed: "wanted, but failed",
  unknown: "the process ended within, unrecorded"
}

const spanText = ({ from, from_seq: fromSeq, merged, phase, to, to_seq: toSeq }: Span): string => {
  const began = `${timeText(from)}${fromSeq === undefined ? "" : ` (record ${fromSeq})`}`
  const ended = `${timeText(to)}${toSeq === undefined ? "" : ` (record ${toSeq})`}`
  const several = merged === undefined ? "" : `, ${merged} changes`
  return `${phaseWords[phase]}, ${began} to ${ended}, ${lengthText(to - from)}${several}`
}

const markText = ({ at, count, records, seq, severity, text }: Mark): string => {
  const times = records > 1 ? `, and the like: ${count} in all` : ""
  return `${severity}, ${timeText(at)}: ${text}${times} (record ${seq})`
}

const spanShape = (timeline: Timeline, title: string, y: number, span: Span): string => {
  const x = xOf(timeline, span.from)
  const length = Math.max(1.5, xOf(timeline, span.to) - x)
  const place = `x="${round(x)}" y="${y + (rowHeight - barHeight) / 2}" width="${round(length)}" height="${barHeight}"`
  return `<rect class="${span.phase}" ${place} rx="2"><title>${escaped(`${title}: ${spanText(span)}`)}</title></rect>`
}

/** Their forms differ, too: not everybody tells the colours apart. */
const markShape = (timeline: Timeline, title: string, y: number, mark: Mark): string => {
  const x = round(xOf(timeline, mark.at))
  const middle = y + rowHeight / 2
  const said = `<title>${escaped(`${title}: ${markText(mark)}`)}</title>`
  const r = markRadius
  if (mark.severity === "note") return `<circle class="note" cx="${x}" cy="${middle}" r="${r - 1.5}">${said}</circle>`
  const points =
    mark.severity === "error"
      ? [
          `${x},${middle - r - 1}`,
          `${round(x + r + 1)},${middle}`,
          `${x},${middle + r + 1}`,
          `${round(x - r - 1)},${middle}`
        ]
      : [`${x},${middle - r}`, `${round(x + r)},${middle + r}`, `${round(x - r)},${middle + r}`]
  return `<polygon class="${mark.severity}" points="${points.join(" ")}">${said}</polygon>`
}

const laneShape = (timeline: Timeline, lane: Lane, row: number): string => {
  const y = headHeight + row * rowHeight
  const indent = lane.kind === "lun" ? 14 : 0
  const place = `x="${margin + indent}" y="${y + rowHeight / 2 + 4}"`
  const label = `<text class="ink" ${place}>${escaped(shorten(lane.title))}</text>`
  const full = `<title>${escaped(lane.title)}</title>`
  const under = `<line class="line" x1="${margin}" x2="${width - margin}" y1="${y + rowHeight}" y2="${y + rowHeight}"/>`
  const spans = lane.spans.map((span) => spanShape(timeline, lane.title, y, span))
  const marks = lane.marks.map((mark) => markShape(timeline, lane.title, y, mark))
  return `<g role="listitem">${full}${under}${label}\n${[...spans, ...marks].join("\n")}</g>`
}

const axisShape = (timeline: Timeline, bottom: number): string =>
  ticksOf(timeline.from.at, timeline.to.at, chartWidth / letterWidth)
    .map(({ at, label }) => {
      const x = round(xOf(timeline, at))
      const line = `<line class="line" x1="${x}" x2="${x}" y1="${headHeight - 6}" y2="${bottom}"/>`
      const anchor = x + label.length * letterWidth > width ? ' text-anchor="end"' : ""
      return `${line}<text class="faint" x="${x}" y="${headHeight - 12}"${anchor}>${label}</text>`
    })
    .join("\n")

const legend: ReadonlyArray<readonly [className: string, word: string]> = [
  ["active", "there"],
  ["open", "logged in"],
  ["draining", "going"],
  ["failed", "failed"],
  ["unknown", "end unrecorded"],
  ["error", "error"],
  ["warning", "warning"],
  ["note", "note"]
]
const legendStep = 125

const legendShape = (y: number): string =>
  legend
    .map(([className, word], index) => {
      const x = margin + index * legendStep
      const box = `<rect class="${className}" x="${x}" y="${y}" width="12" height="12" rx="2"/>`
      return `${box}<text class="ink" x="${x + 18}" y="${y + 10}">${word}</text>`
    })
    .join("\n")

/** The file's text. */
export const timelineSvg = (timeline: Timeline): string => {
  const { from, lanes, lanes_hidden: hidden, records, to } = timeline
  const bottom = headHeight + lanes.length * rowHeight
  const height = bottom + footHeight
  const range = `${timeText(from.at)} to ${timeText(to.at)} UTC`
  const more = hidden === 0 ? "" : `; ${hidden} more objects share a lane`
  const about = `${records} records, ${from.seq} to ${to.seq}, as ${lanes.length} lanes${more}`
  const errors = lanes.flatMap(({ marks }) => marks).filter(({ severity }) => severity === "error").length
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    '  role="img" aria-labelledby="timeline-title timeline-about">',
    `<title id="timeline-title">${range}</title>`,
    `<desc id="timeline-about">${about}. ${errors} places with errors.</desc>`,
    `<style>${style}</style>`,
    `<rect x="0" y="0" width="${width}" height="${height}" class="paper"/>`,
    `<text class="ink head" x="${margin}" y="22">${range}</text>`,
    `<text class="faint" x="${margin}" y="38">${about}</text>`,
    axisShape(timeline, bottom),
    '<g role="list">',
    ...lanes.map((lane, row) => laneShape(timeline, lane, row)),
    "</g>",
    legendShape(bottom + 16),
    "</svg>",
    ""
  ].join("\n")
}
