/** Where the marks of a time axis stand, and what is written at them. Times are microseconds; labels are UTC. */

/** A labelled place of the axis. */
export interface Tick {
  readonly at: number
  readonly label: string
}

const second = 1_000_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Steps that people count in. */
const steps: ReadonlyArray<number> = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((millis) => millis * 1000),
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * second),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 3, 6, 12].map((hours) => hours * hour),
  ...[1, 2, 7, 14, 30, 90, 180, 365].map((days) => days * day)
]

/** `2026-11-22 21:40:03.120` in UTC. */
export const timeText = (at: number): string =>
  new Date(Math.floor(at / 1000)).toISOString().replace("T", " ").replace("Z", "")

const labelOf = (at: number, step: number): string => {
  const text = timeText(at)
  if (step >= day) return text.slice(0, 10)
  if (step >= minute) return at % day === 0 ? text.slice(5, 10) : text.slice(11, 16)
  return step >= second ? text.slice(11, 19) : text.slice(11)
}

/** As many ticks as find room: `width` units for the whole, each label one unit per character and two beside it. */
export const ticksOf = (from: number, to: number, width: number): ReadonlyArray<Tick> => {
  const length = Math.max(1, to - from)
  const fits = (step: number): boolean => (labelOf(from, step).length + 2) * (length / step) <= width
  const step = steps.find(fits)
  if (step === undefined) return []
  const ticks: Array<Tick> = []
  for (let at = Math.ceil(from / step) * step; at < to; at += step) ticks.push({ at, label: labelOf(at, step) })
  return ticks
}

/** `45 s`, `12 min`, `3 h`, `2 d`: for people, two figures. */
export const lengthText = (micros: number): string => {
  const units: ReadonlyArray<readonly [number, string]> = [
    [day, "d"],
    [hour, "h"],
    [minute, "min"],
    [second, "s"],
    [1000, "ms"]
  ]
  const [size, name] = units.find(([unit]) => micros >= unit) ?? [1, "us"]
  return `${Number((micros / size).toPrecision(micros / size >= 10 ? 3 : 2))} ${name}`
}
