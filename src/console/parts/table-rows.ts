/** Which rows a table shows, and in which order: pure, so that 10,000 rows are a matter of a test. */

/** How a column is sorted: by numbers, or by text as people order it. */
export interface Sorting<Row> {
  readonly by: (row: Row) => number | string
  /** Largest first when it is clicked for the first time. */
  readonly descends?: boolean
}

/** By which column a table is sorted, by its name. */
export interface SortOrder {
  readonly column: string
  readonly isDescending: boolean
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" })

const compare = (a: number | string, b: number | string): number =>
  typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b))

/** Rows that hold all words of `filter`, in any order, whatever their case. */
export const filteredRows = <Row>(
  rows: ReadonlyArray<Row>,
  filter: string,
  textOf: (row: Row) => string
): ReadonlyArray<Row> => {
  const words = filter.toLowerCase().split(/\s+/u).filter(Boolean)
  if (words.length === 0) return rows
  return rows.filter((row) => {
    const text = textOf(row).toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** Equal rows stay in the order in which they came. What is compared is asked for once per row. */
export const sortedRows = <Row>(
  rows: ReadonlyArray<Row>,
  { by }: Sorting<Row>,
  isDescending: boolean
): ReadonlyArray<Row> => {
  const keyed = rows.map((row) => ({ row, key: by(row) }))
  const sign = isDescending ? -1 : 1
  return keyed.sort((a, b) => sign * compare(a.key, b.key)).map(({ row }) => row)
}
