/**
 * What a server holds, measured at quiet moments of a soak, and whether it stays the same. Pure.
 *
 * A measure grows when the line through its second half rises by more than its slack, and its highest value there is
 * higher than before by as much. What was first used in the first half (caches, pools, the heap's own size) is no leak,
 * and memory comes and goes as V8 gives it back to the system.
 */

/** What is measured; bytes or a number. */
export const measures = {
  resident: { unit: "bytes", slack: 48 * 1024 * 1024, what: "resident memory" },
  anonymous: { unit: "bytes", slack: 48 * 1024 * 1024, what: "anonymous memory" },
  heap: { unit: "bytes", slack: 6 * 1024 * 1024, what: "the JavaScript heap, after collection" },
  external: { unit: "bytes", slack: 8 * 1024 * 1024, what: "memory outside the heap that JavaScript holds" },
  counted: { unit: "bytes", slack: 16 * 1024 * 1024, what: "memory that the budget counts" },
  descriptors: { unit: "", slack: 4, what: "open descriptors" },
  timers: { unit: "", slack: 2, what: "timers" },
  sessions: { unit: "", slack: 0, what: "sessions" }
} as const
/** The name of one. */
export type MeasureName = keyof typeof measures

/** All measures at one quiet moment. */
export interface Sample {
  readonly atSeconds: number
  /** Rounds of the load that had been done, and operations. */
  readonly rounds: number
  readonly operations: number
  readonly values: Readonly<Record<MeasureName, number>>
}

/** One measure over a run. */
export interface Trend {
  readonly name: MeasureName
  readonly first: number
  readonly middle: number
  readonly last: number
  /** By the line through the second half, or from the highest value before to the highest there, if that is less. */
  readonly growth: number
  readonly isFlat: boolean
}

/** Least squares: by how much `values` rise from the first to the last. */
export const rise = (values: ReadonlyArray<number>): number => {
  const count = values.length
  if (count < 2) return 0
  const middle = (count - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  let products = 0
  let squares = 0
  values.forEach((value, index) => {
    products += (index - middle) * (value - mean)
    squares += (index - middle) ** 2
  })
  return (products / squares) * (count - 1)
}

/** All measures. Of fewer than four samples everything after the first is the second half. */
export const trendsOf = (samples: ReadonlyArray<Sample>): ReadonlyArray<Trend> => {
  const half = samples.length < 4 ? 1 : Math.floor(samples.length / 2)
  return Object.entries(measures).map(([key, { slack }]) => {
    const name = Object.keys(measures).find((known): known is MeasureName => known === key) ?? "resident"
    const values = samples.map((sample) => sample.values[name])
    const higher = Math.max(...values.slice(half)) - Math.max(...values.slice(0, half))
    const growth = Math.min(rise(values.slice(half)), higher)
    return {
      name,
      first: values[0] ?? 0,
      middle: values[half] ?? 0,
      last: values.at(-1) ?? 0,
      growth,
      isFlat: growth <= slack
    }
  })
}

const shown = (name: MeasureName, value: number): string =>
  measures[name].unit === "bytes" ? `${(value / 1_048_576).toFixed(1)} MiB` : String(Math.round(value * 10) / 10)

/** A table for people, one line for each measure. */
export const trendTable = (trends: ReadonlyArray<Trend>): string => {
  const rows = trends.map(({ first, growth, isFlat, last, middle, name }) => [
    name,
    shown(name, first),
    shown(name, middle),
    shown(name, last),
    shown(name, growth),
    isFlat ? "flat" : `GREW by more than ${shown(name, measures[name].slack)}`
  ])
  const table = [["", "first", "half", "last", "growth", ""], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** What grew, in words; nothing if nothing did. */
export const whatGrew = (trends: ReadonlyArray<Trend>): ReadonlyArray<string> =>
  trends
    .filter(({ isFlat }) => !isFlat)
    .map(({ growth, name }) => `${measures[name].what} grew by ${shown(name, growth)} in the second half`)
