/** Tables and figures for people. */
import { CliOutput } from "effect/cli"

/**
 * Column heads and rows; columns are as wide as their widest cell, and those from `numbersFrom` on are flush right.
 * Lines end without spaces.
 */
export const table = (
  heads: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  numbersFrom = Number.POSITIVE_INFINITY
): string => {
  const all = [heads, ...rows]
  const widths = heads.map((_, column) => Math.max(...all.map((row) => CliOutput.displayWidth(row[column] ?? ""))))
  const filled = (cell: string, column: number): string => {
    const space = " ".repeat(Math.max(0, (widths[column] ?? 0) - CliOutput.displayWidth(cell)))
    return column < numbersFrom ? cell + space : space + cell
  }
  const line = (row: ReadonlyArray<string>) => row.map(filled).join("  ").trimEnd()
  return all.map(line).join("\n")
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const

/** `64 MiB`, `1.5 GiB`. */
export const byteText = (bytes: number): string => {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${Number(value.toFixed(1))} ${units[unit] ?? "B"}`
}
