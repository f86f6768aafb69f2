/** Sizes as people write them: `512`, `64 MiB`, `4K`. */

const units: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["B", 1],
  ...["K", "M", "G", "T", "P"].flatMap((letter, index): ReadonlyArray<readonly [string, number]> => {
    const binary = 1024 ** (index + 1)
    return [
      [letter, binary],
      [`${letter}IB`, binary],
      [`${letter}B`, 1000 ** (index + 1)]
    ]
  })
])

/** What `parseSize` takes, for messages. */
export const sizeHint = "write bytes (67108864) or a number with K, M, G, T (or KiB, MiB ...; KB, MB ... are decimal)"

/** Bytes; undefined if `text` is no size, or no whole number of bytes below 2^53. */
export const parseSize = (text: string | number): number | undefined => {
  const parts = /^(\d{1,16}(?:\.\d{1,6})?)\s*([A-Za-z]*)$/u.exec(String(text).trim())
  const unit = units.get((parts?.[2] ?? "?").toUpperCase())
  if (parts === null || unit === undefined) return undefined
  const bytes = Number(parts[1]) * unit
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Bytes in the largest binary unit of which they are a whole number; small ones are just a number. */
export const sizeText = (bytes: number): string | number => {
  const letters = ["K", "M", "G", "T", "P"]
  let [value, unit] = [bytes, -1]
  while (value > 0 && value % 1024 === 0 && unit < letters.length - 1) {
    value /= 1024
    unit++
  }
  return unit < 1 ? bytes : `${value}${letters[unit]}iB`
}
