/** Durations as the command line takes them: `500ms`, `40s`, `2m`. */

const unitMillis: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000]
])

/** Longest that a flag may say, in milliseconds: an hour. */
export const durationMillisMax = 3_600_000

/** Milliseconds, at least 1; undefined if `text` is no duration or is too long. */
export const parseDuration = (text: string): number | undefined => {
  const parts = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)$/u.exec(text.trim())
  const unit = unitMillis.get(parts?.[2] ?? "")
  if (unit === undefined) return undefined
  const millis = Math.round(Number(parts?.[1]) * unit)
  return millis >= 1 && millis <= durationMillisMax ? millis : undefined
}
