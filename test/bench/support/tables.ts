/** Results as tables: for the terminal, and as Markdown with its columns aligned as the formatter wants them. */
import type { Aim, Ratio, Row, Spread, Table } from "./BenchResult.ts"
import { isMet } from "./samples.ts"

const withCommas = (text: string): string => text.replace(/\B(?=(\d{3})+$)/g, ",")

/** Three significant digits, or all before the point. */
export const numberText = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 99.95) return withCommas(value.toFixed(0))
  if (size === 0) return "0"
  return value.toFixed(size < 0.995 ? 2 : 1)
}

/** How far lowest and highest are from the middle, at most, in percent of the median. */
const spreadPercent = ({ high, low, median }: Spread): number =>
  median === 0 ? 0 : Math.round((100 * Math.max(high - median, median - low)) / Math.abs(median))

const aimText = ({ atLeast, atMost }: Aim): string =>
  [atLeast === undefined ? [] : [`>= ${atLeast}`], atMost === undefined ? [] : [`<= ${atMost}`]].flat().join(" and ")

/** `6.3 (aim >= 6: met)`. */
const ratioText = (ratio: Ratio | undefined): string => {
  if (ratio === undefined) return ""
  if (ratio.aim === undefined) return numberText(ratio.median)
  return `${numberText(ratio.median)} (aim ${aimText(ratio.aim)}: ${isMet(ratio) ? "met" : "missed"})`
}

/** All ratios of a table's rows, in the order in which they first appear. */
const ratioNames = (table: Table): ReadonlyArray<string> => [
  ...new Set(table.rows.flatMap(({ ratios }) => ratios.map(({ name }) => name)))
]

type Cell = (value: Spread | undefined) => string

const plain: Cell = (value) => (value === undefined ? "" : numberText(value.median))
const withSpread: Cell = (value) => {
  if (value === undefined) return ""
  const spread = value.low === value.high ? "" : ` ±${spreadPercent(value)}%`
  return `${numberText(value.median)}${spread}`
}

/** Heading and rows as text, cell by cell. */
const cellsOf = (table: Table, cell: Cell, first: (row: Row) => string): ReadonlyArray<ReadonlyArray<string>> => {
  const ratios = ratioNames(table)
  return [
    [table.heading ?? "workload", ...table.contenders, ...ratios],
    ...table.rows.map((row) => [
      first(row),
      ...table.contenders.map((each) => cell(row.values[each])),
      ...ratios.map((name) => ratioText(row.ratios.find((ratio) => ratio.name === name)))
    ])
  ]
}

const widthsOf = (rows: ReadonlyArray<ReadonlyArray<string>>, least: number): ReadonlyArray<number> =>
  (rows[0] ?? []).map((_, column) => Math.max(least, ...rows.map((row) => (row[column] ?? "").length)))

const aligned = (row: ReadonlyArray<string>, widths: ReadonlyArray<number>): ReadonlyArray<string> =>
  row.map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)))

/** For the terminal: medians with the largest distance of a round from them. */
export const textTable = (table: Table): string => {
  const cells = cellsOf(table, withSpread, ({ name }) => name)
  const widths = widthsOf(cells, 0)
  const lines = cells.map((row) => aligned(row, widths).join("  ").trimEnd())
  return [`${table.title} (${table.unit})`, ...lines].join("\n")
}

/** For the docs: medians. */
export const markdownTable = (table: Table): string => {
  const cells = cellsOf(table, plain, ({ title }) => title)
  const widths = widthsOf(cells, 4)
  const line = (row: ReadonlyArray<string>): string => `| ${aligned(row, widths).join(" | ")} |`
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
  return [...cells.slice(0, 1).map(line), `| ${rule.join(" | ")} |`, ...cells.slice(1).map(line)].join("\n")
}
