/** Durations as the command line takes them: `500ms`, `40s`, `2m`; always with a unit. */
import { parseMicros } from "../config/duration.ts"

/** Longest that a flag may say, in milliseconds: an hour. */
export const durationMillisMax = 3_600_000

/** Milliseconds, at least 1; undefined if `text` is no duration or is too long. */
export const parseDuration = (text: string): number | undefined => {
  // A number without a unit has none here: NaN.
  const millis = Math.round((parseMicros(text, Number.NaN) ?? Number.NaN) / 1000)
  return millis >= 1 && millis <= durationMillisMax ? millis : undefined
}
