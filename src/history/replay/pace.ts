/** How fast records are played. */
import { Result } from "effect"

/** `speed` 1 is as it was, 10 ten times as fast; undefined: one after the other without a pause. */
export interface Pace {
  readonly speed: number | undefined
  /** Longest pause between two records, in milliseconds; undefined: as long as it was, by `speed`. */
  readonly maxGapMillis: number | undefined
}

/** As fast as it goes. */
export const fullPace: Pace = { speed: undefined, maxGapMillis: undefined }

const speedMin = 0.001
const speedMax = 1_000_000

/** `max`, or a factor such as `1`, `10`, `0.5`. */
export const parseSpeed = (text: string): Result.Result<number | undefined, string> => {
  if (text === "max") return Result.succeed(undefined)
  const speed = /^\d{1,7}(?:\.\d{1,3})?$/u.test(text) ? Number(text) : Number.NaN
  if (speed >= speedMin && speed <= speedMax) return Result.succeed(speed)
  return Result.fail(
    `${JSON.stringify(text.slice(0, 40))} is no speed; write max, 1 (as it was), 10 (ten times as fast) or 0.5`
  )
}

/** The pause before a record, in milliseconds. Times are in microseconds. */
export const gapMillis = ({ maxGapMillis, speed }: Pace, before: number, at: number): number => {
  if (speed === undefined) return 0
  const gap = Math.max(0, at - before) / 1000 / speed
  return Math.min(gap, maxGapMillis ?? gap)
}
