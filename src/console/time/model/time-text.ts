/**
 * Times as people read them: in the time zone of the browser, with UTC beside it where it matters. Times are
 * microseconds since 1970.
 */
import type { TickDetail } from "./TimeScale.ts"

const two = (value: number): string => String(value).padStart(2, "0")
const microsPerMilli = 1000
const millisPerMinute = 60_000

const dateOf = (at: number): Date => new Date(Math.floor(at / microsPerMilli))

/** `2026-11-22` here. */
export const dayText = (at: number): string => {
  const date = dateOf(at)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** `14:03:05.123` here. */
export const clockText = (at: number): string => {
  const date = dateOf(at)
  const millis = String(date.getMilliseconds()).padStart(3, "0")
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`
}

/** `2026-11-22 14:03:05.123` here. */
export const localText = (at: number): string => `${dayText(at)} ${clockText(at)}`

/** `2026-11-22T14:03:05.123456Z`: a place in the log that means the same to everybody. */
export const utcText = (at: number): string => {
  const millis = Math.floor(at / microsPerMilli)
  const below = String(at - millis * microsPerMilli).padStart(3, "0")
  return new Date(millis).toISOString().replace("Z", `${below}Z`)
}

/** How far the clock here is ahead of UTC at a moment, in microseconds. */
export const offsetMicros = (at: number): number => -dateOf(at).getTimezoneOffset() * millisPerMinute * microsPerMilli

/** At a tick of an axis. */
export const tickText = (at: number, detail: TickDetail): string => {
  const clock = clockText(at)
  switch (detail) {
    case "day":
      return dayText(at)
    case "minute":
      return clock.startsWith("00:00") ? dayText(at).slice(5) : clock.slice(0, 5)
    case "second":
      return clock.slice(0, 8)
    case "millisecond":
      return clock
  }
}

const localForm = /^(?:(\d{4})-(\d{2})-(\d{2})(?:[ T]+|$))?(?:(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,3}))?)?)?$/u

/**
 * A place as it is typed here: times without a zone are this browser's, so they become UTC; of a day's time that is
 * still to come, yesterday's. Anything else is left to the target, which refuses what it does not know.
 */
export const placeOfTyped = (typed: string, nowMillis: number): string => {
  const text = typed.trim()
  const found = localForm.exec(text)
  if (found === null || text === "") return text
  const [, year, month, day, hours = "0", minutes = "0", seconds = "0", millis = "0"] = found
  const now = new Date(nowMillis)
  const [y, m, d] =
    year === undefined
      ? [now.getFullYear(), now.getMonth(), now.getDate()]
      : [Number(year), Number(month) - 1, Number(day)]
  const clock = [Number(hours), Number(minutes), Number(seconds), Number(millis.padEnd(3, "0"))] as const
  if (clock[0] > 23 || clock[1] > 59 || clock[2] > 59) return text
  const date = new Date(y, m, d, ...clock)
  if (year === undefined && date.getTime() > nowMillis) date.setDate(date.getDate() - 1)
  return Number.isNaN(date.getTime()) ? text : date.toISOString()
}

/** `45 s`, `12 min`, `3 h`, `2 d`: about how long. */
export const lengthText = (micros: number): string => {
  const units: ReadonlyArray<readonly [number, string]> = [
    [86_400_000_000, "d"],
    [3_600_000_000, "h"],
    [60_000_000, "min"],
    [1_000_000, "s"],
    [1000, "ms"]
  ]
  const [size, unit] = units.find(([each]) => micros >= each) ?? [1, "µs"]
  return `${Number((micros / size).toPrecision(micros / size >= 10 ? 3 : 2))} ${unit}`
}
