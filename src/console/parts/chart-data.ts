/** What a chart says in words and in numbers. */
import { durationText } from "../format.ts"

/** A line; null where nothing is known. */
export interface ChartLine {
  readonly label: string
  readonly values: ReadonlyArray<number | null>
}

/** Lines differ by more than their colour. */
export const dashes: ReadonlyArray<ReadonlyArray<number>> = [[], [6, 3], [2, 3]]

/** Rows of the table beside a chart. */
const rowsMax = 12

const largestOf = (values: ReadonlyArray<number | null>): number =>
  values.reduce<number>((largest, value) => Math.max(largest, value ?? 0), 0)

/** One sentence: how long, and for each line the newest value and the largest. */
export const chartSummary = (options: {
  readonly title: string
  readonly times: ReadonlyArray<number>
  readonly lines: ReadonlyArray<ChartLine>
  readonly format: (value: number) => string
}): string => {
  const { format, lines, times, title } = options
  const [first, last] = [times[0], times.at(-1)]
  if (first === undefined || last === undefined) return `${title}: no samples yet`
  const parts = lines.map(({ label, values }) => {
    const now = values.findLast((value) => value !== null) ?? 0
    return `${label} now ${format(now)}, at most ${format(largestOf(values))}`
  })
  return `${title} over ${durationText(last - first)}: ${parts.join("; ")}`
}

/** A few moments, evenly taken, the newest first. */
export const sampledRows = (times: ReadonlyArray<number>, lines: ReadonlyArray<ChartLine>) => {
  const step = Math.max(1, Math.ceil(times.length / rowsMax))
  const rows: Array<{ readonly at: number; readonly values: ReadonlyArray<number | null> }> = []
  for (let index = times.length - 1; index >= 0; index -= step) {
    rows.push({ at: times[index] ?? 0, values: lines.map(({ values }) => values[index] ?? null) })
  }
  return rows
}
