/** Numbers as people read them. A missing value is a dash. */

const dash = "–"
const bytesPerStep = 1024
const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
const decimalUnits = ["B", "kB", "MB", "GB", "TB"]
const thousand = 1000
const million = 1e6

const scaled = (value: number, step: number, units: ReadonlyArray<string>): string => {
  let rest = value
  let unit = 0
  while (rest >= step && unit < units.length - 1) {
    rest /= step
    unit += 1
  }
  return `${unit === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1).replace(/\.0$/u, "")} ${units[unit] ?? ""}`
}

/** A size of memory or of a disk: `64 MiB`. */
export const sizeText = (bytes: number): string => scaled(bytes, bytesPerStep, binaryUnits)

/** `12.3 MB/s`, as networks and disks are rated. */
export const throughputText = (bytesPerSecond: number): string =>
  bytesPerSecond === 0 ? "0" : `${scaled(bytesPerSecond, thousand, decimalUnits)}/s`

/** Grouped by thousands. */
export const countText = (value: number): string => Math.round(value).toLocaleString("en-US")

/** IO per second: `0.3`, `812`, `12,345`, `1.2 M`. */
export const iopsText = (value: number): string => {
  if (value === 0) return "0"
  if (value < 10) return value.toFixed(1)
  return value < million ? countText(value) : `${(value / million).toFixed(2)} M`
}

/** `850 ns`, `12.3 µs`, `4.5 ms`, `1.2 s`; a dash for none. */
export const latencyText = (micros: number): string => {
  if (micros <= 0) return dash
  if (micros < 1) return `${Math.round(micros * thousand)} ns`
  if (micros < thousand) return `${micros.toFixed(micros < 100 ? 1 : 0)} µs`
  const millis = micros / thousand
  return millis < thousand ? `${millis.toFixed(millis < 100 ? 1 : 0)} ms` : `${(millis / thousand).toFixed(1)} s`
}

const steps: ReadonlyArray<readonly [seconds: number, unit: string]> = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"]
]

/** `3 d 4 h`, `12 min 5 s`, `8 s`. */
export const durationText = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  const index = steps.findIndex(([size]) => whole >= size)
  const [size, unit] = steps[index] ?? [1, "s"]
  if (index < 0) return `${whole} s`
  const [smaller, smallerUnit] = steps[index + 1] ?? [1, "s"]
  const rest = Math.floor((whole % size) / smaller)
  return `${Math.floor(whole / size)} ${unit}${rest === 0 ? "" : ` ${rest} ${smallerUnit}`}`
}

/** How long ago a moment was; both in milliseconds since 1970. */
export const agoText = (atMillis: number, now: number): string => {
  const seconds = (now - atMillis) / thousand
  return seconds < 5 ? "just now" : `${durationText(seconds).split(" ").slice(0, 2).join(" ")} ago`
}

const two = (value: number): string => String(value).padStart(2, "0")

/** `2026-11-22 14:03:05`, in the time zone of the browser; milliseconds since 1970. */
export const secondText = (millis: number): string => {
  const at = new Date(millis)
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** `1 LUN`, `2 LUNs`. */
export const counted = (value: number, noun: string, nouns = `${noun}s`): string =>
  `${countText(value)} ${value === 1 ? noun : nouns}`

/** Parts of a whole, `42%`. */
export const percentText = (part: number, whole: number): string =>
  whole === 0 ? dash : `${Math.round((part / whole) * 100)}%`
