/**
 * A table that stays quick with tens of thousands of rows: only what is seen is in the document. Sorted by a click on a
 * head, filtered by words; arrow keys go from row to row.
 */
import type { ComponentChildren, TargetedKeyboardEvent } from "preact"
import { useMemo, useRef, useState } from "preact/hooks"
import { counted } from "../format.ts"
import { filteredRows, type Sorting, type SortOrder, sortedRows } from "./table-rows.ts"
import { useVirtual } from "./use-virtual.ts"
import { useWidth } from "./use-width.ts"

/** Height of a row in pixels, as the style sheet has it (`--row`). */
const rowPixels = 36

/** A column. The first one names the row, mostly with a link. */
export interface Column<Row> {
  readonly name: string
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  readonly sorting?: Sorting<Row>
  readonly isNumber?: boolean
  /** Part of the width, compared with the other columns; 1 if nothing is said. */
  readonly share?: number
  /** Left out where the table is narrower than this many pixels. */
  readonly from?: number
}

/** What a table is made of. */
export interface TableOptions<Row> {
  /** Names the table for those who do not see it. */
  readonly label: string
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: ReadonlyArray<Row>
  readonly keyOf: (row: Row) => string
  /** What a filter looks at; without it there is no filter. */
  readonly textOf?: (row: Row) => string
  readonly noun: string
  readonly nouns?: string
  readonly initialOrder?: SortOrder
  readonly initialFilter?: string
  readonly onFilter?: (filter: string) => void
  readonly empty: ComponentChildren
}

const isSame = (order: SortOrder | undefined, name: string): boolean => order?.column === name

const nextOrder = <Row,>(order: SortOrder | undefined, { name, sorting }: Column<Row>): SortOrder =>
  order !== undefined && isSame(order, name)
    ? { column: name, isDescending: !order.isDescending }
    : { column: name, isDescending: sorting?.descends ?? false }

const Head = <Row,>(props: {
  readonly column: Column<Row>
  readonly order: SortOrder | undefined
  readonly onOrder: (order: SortOrder) => void
}) => {
  const { column, onOrder, order } = props
  const align = column.isNumber === true ? "number" : undefined
  if (column.sorting === undefined) {
    return (
      <th scope="col" class={align}>
        {column.title}
      </th>
    )
  }
  const isSorted = isSame(order, column.name)
  const direction = order?.isDescending === true ? "descending" : "ascending"
  return (
    <th scope="col" class={align} {...(isSorted ? { "aria-sort": direction } : {})}>
      <button type="button" onClick={() => onOrder(nextOrder(order, column))}>
        {column.title}
        <span aria-hidden="true">{isSorted ? (direction === "descending" ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  )
}

const Spacer = ({ height, span }: { readonly height: number; readonly span: number }) =>
  height <= 0 ? null : (
    <tr class="spacer">
      <td colSpan={span} style={{ height: `${height}px` }} />
    </tr>
  )

const Rows = <Row,>(props: {
  readonly options: TableOptions<Row>
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: ReadonlyArray<Row>
  readonly indexes: ReadonlyArray<number>
}) => {
  const { columns, indexes, options, rows } = props
  return (
    <>
      {indexes.map((index) => {
        const row = rows[index]
        if (row === undefined) return null
        return (
          <tr key={options.keyOf(row)} aria-rowindex={index + 2} data-index={index}>
            {columns.map((column) => (
              <td key={column.name} class={column.isNumber === true ? "number" : undefined}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        )
      })}
    </>
  )
}

const rowOf = (element: EventTarget | null): HTMLElement | undefined => {
  const row = element instanceof Element ? element.closest("tr[data-index]") : null
  return row instanceof HTMLElement ? row : undefined
}

const focusRow = (scroller: HTMLElement, index: number): void => {
  const link = scroller.querySelector(`tr[data-index="${index}"] :is(a, button)`)
  if (link instanceof HTMLElement) link.focus()
}

const Tools = (props: {
  readonly label: string
  readonly filter: string
  readonly onFilter: (filter: string) => void
  readonly count: string
}) => (
  <div class="table-tools">
    <input
      type="search"
      placeholder="Filter"
      aria-label={`Filter ${props.label.toLowerCase()}`}
      value={props.filter}
      onInput={(event) => props.onFilter(event.currentTarget.value)}
    />
    <span class="count" role="status">
      {props.count}
    </span>
  </div>
)

/** Filter and order, and what they leave. */
const useRows = <Row,>(options: TableOptions<Row>) => {
  const { columns, rows, textOf } = options
  const [filter, setFilter] = useState(options.initialFilter ?? "")
  const [order, setOrder] = useState(options.initialOrder)
  const kept = useMemo(() => (textOf === undefined ? rows : filteredRows(rows, filter, textOf)), [rows, filter, textOf])
  const sorting = columns.find(({ name }) => name === order?.column)?.sorting
  const isDescending = order?.isDescending === true
  const shown = useMemo(
    () => (sorting === undefined ? kept : sortedRows(kept, sorting, isDescending)),
    [kept, sorting, isDescending]
  )
  return { filter, setFilter, order, setOrder, shown }
}

/** The table. */
export const Table = <Row,>(options: TableOptions<Row>) => {
  const { label, noun, nouns, rows } = options
  const scroller = useRef<HTMLDivElement>(null)
  const width = useWidth(scroller)
  const { filter, order, setFilter, setOrder, shown } = useRows(options)
  const { after, before, indexes, scrollTo } = useVirtual(scroller, shown.length, rowPixels)
  const columns = options.columns.filter(({ from = 0 }) => from <= width)
  const onFilter = (text: string) => {
    setFilter(text)
    options.onFilter?.(text)
  }
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0
    const row = rowOf(event.target)
    if (step === 0 || row === undefined) return
    const next = Math.min(shown.length - 1, Math.max(0, Number(row.dataset["index"]) + step))
    event.preventDefault()
    scrollTo(next)
    focusRow(event.currentTarget, next)
  }
  const all = counted(rows.length, noun, nouns)
  const count = shown.length === rows.length ? all : `${shown.length} of ${all}`
  if (rows.length === 0) return <>{options.empty}</>
  return (
    <div>
      {options.textOf === undefined ? null : <Tools label={label} filter={filter} onFilter={onFilter} count={count} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="table-scroll" ref={scroller} tabIndex={0} aria-label={`${label} table`} onKeyDown={onKeyDown}>
        <table aria-label={label} aria-rowcount={shown.length + 1}>
          <colgroup>
            {columns.map(({ name, share = 1 }) => (
              <col key={name} style={{ width: `${(100 * share) / sumOfShares(columns)}%` }} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((column) => (
                <Head key={column.name} column={column} order={order} onOrder={setOrder} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Spacer height={before} span={columns.length} />
            <Rows options={options} columns={columns} rows={shown} indexes={indexes} />
            <Spacer height={after} span={columns.length} />
          </tbody>
        </table>
      </section>
      {shown.length === 0 ? <p class="empty">Nothing fits the filter.</p> : null}
    </div>
  )
}

const sumOfShares = (columns: ReadonlyArray<{ readonly share?: number }>): number =>
  columns.reduce((sum, { share = 1 }) => sum + share, 0)
