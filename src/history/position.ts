/**
 * Where in the log, as people write it: `4711`, `HEAD`, `-5` (five records before the last), `14:03`,
 * `2026-11-22 14:03`, `2026-11-22T14:03:05.123Z`, `yesterday 14:03`, `"10 minutes ago"`, `now`.
 *
 * A time without a zone is in the zone of whoever asks. The time of a day that is still to come is yesterday's.
 */
import { Effect, Result } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"

/** A place in the log. */
export type Position =
  | { readonly _tag: "Seq"; readonly seq: number }
  /** So many records before the last; 0 is the last. */
  | { readonly _tag: "Back"; readonly count: number }
  /** Microseconds since the epoch. */
  | { readonly _tag: "Time"; readonly micros: number }

/** What `parsePosition` has to know of whoever asks. */
export interface PositionContext {
  /** Milliseconds since the epoch. */
  readonly nowMillis: number
  /** How times without a zone are meant; a running target takes them as UTC. */
  readonly zone: "local" | "utc"
}

/** What can be written, for messages and helps. */
export const positionForms =
  'a number, HEAD, -5 (back from the end), 14:03, 2026-11-22T14:03:05Z, "yesterday 14:03" or "10 minutes ago"'

/** Longest text that is looked at, in characters. */
const lengthMax = 64

const unitMillis: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000
}

const unitOf = (word: string): number | undefined => {
  if (word === "ms" || word.startsWith("milli")) return unitMillis["ms"]
  return /^(s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)$/u.test(word)
    ? unitMillis[word.charAt(0)]
    : undefined
}

const seqForms = /^(?:#?(\d{1,16})|head|(?:head)?[-~](\d{1,16}))$/u

const placeOf = (text: string): Position | undefined => {
  const found = seqForms.exec(text)
  if (found === null) return undefined
  const [, seq, back] = found
  if (seq !== undefined) return { _tag: "Seq", seq: Number(seq) }
  return { _tag: "Back", count: Number(back ?? 0) }
}

const agoOf = (text: string, now: number): number | undefined => {
  const found = /^(an?|\d{1,12}(?:\.\d{1,6})?)\s*([a-z]+)\s+ago$/u.exec(text)
  const unit = unitOf(found?.[2] ?? "")
  if (found === null || unit === undefined) return undefined
  const count = found[1] === "a" || found[1] === "an" ? 1 : Number(found[1])
  return now - count * unit
}

interface Day {
  readonly year: number
  readonly month: number
  readonly day: number
}

interface Clock {
  readonly hour: number
  readonly minute: number
  readonly second: number
  /** Microseconds below the second. */
  readonly micros: number
}

const clockOf = (text: string): Clock | undefined => {
  const found = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?$/u.exec(text)
  if (found === null) return undefined
  const [hour, minute, second] = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)]
  const micros = Number((found[4] ?? "").padEnd(6, "0").slice(0, 6))
  return hour < 24 && minute < 60 && second < 60 ? { hour, minute, second, micros } : undefined
}

const dayOf = (millis: number, zone: PositionContext["zone"]): Day => {
  const date = new Date(millis)
  return zone === "utc"
    ? { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() }
    : { year: date.getFullYear(), month: date.getMonth(), day: date.getDate() }
}

const dateOf = (text: string): Day | undefined => {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/u.exec(text)
  if (found === null) return undefined
  const [year, month, day] = [Number(found[1]), Number(found[2]) - 1, Number(found[3])]
  const date = new Date(Date.UTC(year, month, day))
  // The 30th of February would be some day of March.
  return date.getUTCMonth() === month && date.getUTCDate() === day ? { year, month, day } : undefined
}

/** Milliseconds; `shift` is in days, which are not all as long. */
const at = ({ day, month, year }: Day, clock: Clock, zone: PositionContext["zone"], shift = 0): number => {
  const parts = [year, month, day + shift, clock.hour, clock.minute, clock.second] as const
  return zone === "utc" ? Date.UTC(...parts) : new Date(...parts).getTime()
}

const midnight: Clock = { hour: 0, minute: 0, second: 0, micros: 0 }

/** Minutes east of Greenwich: of `Z`, `+01:00`, `-0330`. */
const offsetOf = (text: string): number | undefined => {
  if (text === "z" || text === "utc") return 0
  const found = /^([+-])(\d{2}):?(\d{2})?$/u.exec(text)
  if (found === null) return undefined
  const minutes = Number(found[2]) * 60 + Number(found[3] ?? 0)
  return found[1] === "-" ? -minutes : minutes
}

const micros = (millis: number, clock: Clock): number => Math.round(millis) * 1000 + clock.micros

/** `[DAY] [CLOCK] [ZONE]`, in this order, with `T` or a space between day and clock. */
const calendarTime = (text: string, { nowMillis, zone }: PositionContext): number | undefined => {
  const found =
    /^(?:(today|yesterday|\d{4}-\d{2}-\d{2})(?:[t ]+|$))?([\d:.,]+)?\s*(z|utc|[+-]\d{2}:?(?:\d{2})?)?$/u.exec(text)
  if (found === null || (found[1] === undefined && found[2] === undefined)) return undefined
  const [, named, clockText, offsetText] = found
  const clock = clockText === undefined ? midnight : clockOf(clockText)
  const offset = offsetText === undefined ? undefined : offsetOf(offsetText)
  if (clock === undefined || (offsetText !== undefined && offset === undefined)) return undefined
  // A zone of its own is reckoned as UTC, and moved.
  const reckoned = offset === undefined ? zone : "utc"
  const moved = (offset ?? 0) * 60_000
  const today = dayOf(nowMillis + moved, reckoned)
  const day = named === undefined || named === "today" || named === "yesterday" ? today : dateOf(named)
  if (day === undefined) return undefined
  const shift = named === "yesterday" ? -1 : 0
  const millis = at(day, clock, reckoned, shift) - moved
  if (named === undefined && millis > nowMillis) return micros(at(day, clock, reckoned, -1) - moved, clock)
  return micros(millis, clock)
}

const timeOf = (text: string, context: PositionContext): number | undefined => {
  if (text === "now") return Math.round(context.nowMillis * 1000)
  const unix = /^@(\d{1,12})(?:\.(\d{1,6}))?$/u.exec(text)
  if (unix !== null) return Number(unix[1]) * 1_000_000 + Number((unix[2] ?? "").padEnd(6, "0"))
  const ago = agoOf(text, context.nowMillis)
  return ago === undefined ? calendarTime(text, context) : Math.round(ago * 1000)
}

/** The place that `text` names, or what is wrong with it. Numbers beyond 2^53 and times before 1970 are none. */
export const parsePosition = (text: string, context: PositionContext): Result.Result<Position, string> => {
  const plain = text.trim().toLowerCase().replace(/\s+/gu, " ")
  const refused = Result.fail(
    `${JSON.stringify(text.slice(0, lengthMax))} is no place in the log; write ${positionForms}`
  )
  if (plain === "" || plain.length > lengthMax) return refused
  const place = placeOf(plain)
  if (place !== undefined) {
    const value = place._tag === "Seq" ? place.seq : place._tag === "Back" ? place.count : 0
    return Number.isSafeInteger(value) ? Result.succeed(place) : refused
  }
  const found = timeOf(plain, context)
  return found !== undefined && Number.isSafeInteger(found) && found >= 0
    ? Result.succeed({ _tag: "Time", micros: found })
    : refused
}

/** A position as text that means the same to everybody, wherever and whenever it is read. */
export const positionText = (position: Position): string => {
  switch (position._tag) {
    case "Seq":
      return String(position.seq)
    case "Back":
      return position.count === 0 ? "HEAD" : `HEAD-${position.count}`
    case "Time":
      return timeText(position.micros)
  }
}

/** `2026-11-22T14:03:05.123456Z`: also what `parsePosition` reads. `atMicros` is in microseconds since the epoch. */
export const timeText = (atMicros: number): string => {
  const millis = Math.floor(atMicros / 1000)
  const below = String(atMicros - millis * 1000).padStart(3, "0")
  return new Date(millis).toISOString().replace("Z", `${below}Z`)
}

/** The last record at or before a position: 0 if that is before the first, the last durable one if it is beyond. */
export const resolvePosition = (
  log: Pick<LogArchiveShape, "durable" | "seqAt">,
  position: Position
): Effect.Effect<number, LogReadFailed> => {
  const { seq } = log.durable()
  switch (position._tag) {
    case "Seq":
      return Effect.succeed(Math.min(position.seq, seq))
    case "Back":
      return Effect.succeed(Math.max(0, seq - position.count))
    case "Time":
      return log.seqAt(position.micros)
  }
}

/** The first record at or after a position: for where a range begins. It may be one beyond the last. */
export const resolveStart = (
  log: Pick<LogArchiveShape, "durable" | "seqAt">,
  position: Position
): Effect.Effect<number, LogReadFailed> => {
  const { seq } = log.durable()
  switch (position._tag) {
    case "Seq":
      return Effect.succeed(Math.max(1, position.seq))
    case "Back":
      return Effect.succeed(Math.max(1, seq - position.count))
    case "Time":
      return Effect.map(log.seqAt(position.micros - 1), (before) => before + 1)
  }
}
