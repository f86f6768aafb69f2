/** Times along a line of some length: where a moment stands, which moment a place is, and where labels stand. */

/** Microseconds since 1970, both ends; `to` is behind `from`. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}

/** Shortest range that is looked at: a millisecond. */
const shortestMicros = 1000

const [second, minute, hour, day] = [1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000]

/** A range that is not empty. */
export const rangeOf = (from: number, to: number): TimeRange => ({ from, to: Math.max(to, from + shortestMicros) })

/** From 0 (the begin) to 1 (the end); beyond for what lies outside. */
export const partOf = ({ from, to }: TimeRange, at: number): number => (at - from) / (to - from)

/** The moment of a part, within the range. */
export const momentOf = ({ from, to }: TimeRange, part: number): number =>
  Math.round(from + Math.min(1, Math.max(0, part)) * (to - from))

/** A range `factor` times as long around a moment, which keeps its place; `bounds` are what there is. */
export const zoomed = (range: TimeRange, around: number, factor: number, bounds: TimeRange): TimeRange => {
  const length = Math.min(bounds.to - bounds.from, Math.max(shortestMicros, (range.to - range.from) * factor))
  const from = around - partOf(range, around) * length
  return within({ from: Math.round(from), to: Math.round(from + length) }, bounds)
}

/** Moved by a part of its length. */
export const moved = (range: TimeRange, part: number, bounds: TimeRange): TimeRange => {
  const by = Math.round((range.to - range.from) * part)
  return within({ from: range.from + by, to: range.to + by }, bounds)
}

/** Of the same length if there is as much, and nowhere outside. */
const within = ({ from, to }: TimeRange, bounds: TimeRange): TimeRange => {
  const by = Math.max(0, bounds.from - from) - Math.max(0, to - bounds.to)
  return rangeOf(Math.max(bounds.from, from + by), Math.min(bounds.to, to + by))
}

/** Steps that people count in. */
const steps: ReadonlyArray<number> = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((millis) => millis * 1000),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
  ...[1, 2, 7, 14, 30, 90, 180, 365].map((count) => count * day)
]

/** How exactly a label has to say it. */
export type TickDetail = "day" | "minute" | "second" | "millisecond"

/** Where labels stand. */
export interface Ticks {
  readonly detail: TickDetail
  readonly at: ReadonlyArray<number>
}

const detailOf = (step: number): TickDetail => {
  if (step >= day) return "day"
  if (step >= minute) return "minute"
  return step >= second ? "second" : "millisecond"
}

/** At most `most` ticks, at whole steps of the clock that is `offsetMicros` ahead of UTC. */
export const ticksOf = ({ from, to }: TimeRange, most: number, offsetMicros: number): Ticks => {
  const step = steps.find((each) => (to - from) / each <= most) ?? to - from
  const at: Array<number> = []
  const first = Math.ceil((from + offsetMicros) / step) * step - offsetMicros
  for (let tick = first; tick < to && at.length <= most; tick += step) at.push(tick)
  return { detail: detailOf(step), at }
}
