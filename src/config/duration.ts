/** Durations as people write them: `30s`, `500us`, `1.5m`; a plain number keeps the unit of its key. */

const unitMicros: ReadonlyMap<string, number> = new Map([
  ["us", 1],
  ["µs", 1],
  ["ms", 1000],
  ["s", 1_000_000],
  ["m", 60_000_000],
  ["min", 60_000_000],
  ["h", 3_600_000_000],
  ["d", 86_400_000_000]
])

/** What `parseMicros` takes, for messages. */
export const durationHint = "write a number with us, ms, s, m, h or d"

/** Microseconds; undefined if `text` is no duration. `plainMicros` is the unit of a number without one. */
export const parseMicros = (text: string | number, plainMicros: number): number | undefined => {
  const parts = /^(\d{1,16}(?:\.\d{1,6})?)\s*([a-zµ]*)$/u.exec(String(text).trim())
  const unit = parts?.[2] === "" ? plainMicros : unitMicros.get(parts?.[2] ?? "?")
  if (parts === null || unit === undefined) return undefined
  const micros = Math.round(Number(parts[1]) * unit * 1000) / 1000
  return micros <= Number.MAX_SAFE_INTEGER ? micros : undefined
}

/** A duration in its largest whole unit: `1500us`, `30s`. */
export const durationText = (micros: number): string => {
  if (micros > 0 && micros % 86_400_000_000 === 0) return `${micros / 86_400_000_000}d`
  if (micros > 0 && micros % 1_000_000 === 0) return `${micros / 1_000_000}s`
  return micros > 0 && micros % 1000 === 0 ? `${micros / 1000}ms` : `${micros}us`
}
