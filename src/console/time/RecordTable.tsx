/** The records of a query as a table that is scrolled through a log of any length, the newest first. */
import "./record-table.css"
import type { TargetedKeyboardEvent } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { useVirtual } from "../parts/use-virtual.ts"
import { useWidth } from "../parts/use-width.ts"
import { linkTo } from "../route.ts"
import type { LogRecord } from "../rpc/log-methods.ts"
import { causeText } from "./RecordLine.tsx"
import { TroubleSign } from "./TroubleSign.tsx"
import { When } from "./When.tsx"

/** Heights of rows in pixels, as the style sheet has them: one line, or on a phone three. */
const [wideRow, narrowRow] = [34, 76]
/** Below this width everything stands in one column. */
const narrowPixels = 620
/** Rows from the end at which more are asked for. */
const nearEnd = 40

/** What the table shows, and whom it asks for more. */
export interface RecordTableProps {
  readonly records: ReadonlyArray<LogRecord>
  readonly onNearEnd: () => void
  readonly onNearBegin: () => void
  /** Whether somebody reads further down, where nothing should move. */
  readonly onScrolled: (isAway: boolean) => void
}

const Cells = ({ isNarrow, record }: { readonly isNarrow: boolean; readonly record: LogRecord }) => {
  const link = (
    <a class="numbers" href={linkTo.record(record.seq)} aria-label={`Record ${record.seq}`}>
      {record.seq}
    </a>
  )
  const what = (
    <>
      {record.trouble ? <TroubleSign /> : null}
      {record.text}
    </>
  )
  if (isNarrow) {
    return (
      <td class="stacked">
        <span class="stack-head muted">
          {link} <When at={record.at} short /> <span class="who">{causeText(record.cause)}</span>
        </span>
        <span class="what">{what}</span>
      </td>
    )
  }
  return (
    <>
      <td class="number">{link}</td>
      <td>
        <When at={record.at} />
      </td>
      <td class="what" title={record.text}>
        {what}
      </td>
      <td class="muted" title={causeText(record.cause)}>
        {causeText(record.cause)}
      </td>
    </>
  )
}

const Head = ({ isNarrow }: { readonly isNarrow: boolean }) => (
  <thead>
    <tr aria-rowindex={1}>
      {isNarrow ? (
        <th scope="col">Records, the newest first</th>
      ) : (
        <>
          <th scope="col" class="number">
            Record
          </th>
          <th scope="col">Time</th>
          <th scope="col">What happened</th>
          <th scope="col">Asked for by</th>
        </>
      )}
    </tr>
  </thead>
)

const Spacer = ({ height, span }: { readonly height: number; readonly span: number }) =>
  height <= 0 ? null : (
    <tr class="spacer">
      <td colSpan={span} style={{ height: `${height}px` }} />
    </tr>
  )

const stepOf = (key: string): number => (key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0)

const indexOf = (target: EventTarget | null): number | undefined => {
  const row = target instanceof Element ? target.closest("tr[data-index]") : null
  return row instanceof HTMLElement ? Number(row.dataset["index"]) : undefined
}

/** Rows keep their place under the eye when others come in front of them. */
const useSteadyScroll = (
  scroller: { readonly current: HTMLElement | null },
  records: ReadonlyArray<LogRecord>,
  rowPixels: number
) => {
  const first = useRef<number | undefined>(undefined)
  useLayoutEffect(() => {
    const element = scroller.current
    const before = first.current
    first.current = records[0]?.seq
    if (element === null || before === undefined || element.scrollTop === 0) return
    const moved = records.findIndex(({ seq }) => seq === before)
    if (moved > 0) element.scrollTop += moved * rowPixels
  }, [records])
}

/** The table. */
export const RecordTable = ({ onNearBegin, onNearEnd, onScrolled, records }: RecordTableProps) => {
  const scroller = useRef<HTMLElement>(null)
  const width = useWidth(scroller)
  const isNarrow = width > 0 && width < narrowPixels
  const rowPixels = isNarrow ? narrowRow : wideRow
  const { after, before, indexes, scrollTo } = useVirtual(scroller, records.length, rowPixels)
  const [firstShown, lastShown] = [indexes[0] ?? 0, indexes.at(-1) ?? 0]
  useSteadyScroll(scroller, records, rowPixels)
  useEffect(() => {
    if (lastShown >= records.length - nearEnd) onNearEnd()
    if (firstShown === 0) onNearBegin()
  }, [firstShown, lastShown, records])
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>) => {
    const [step, index] = [stepOf(event.key), indexOf(event.target)]
    if (step === 0 || index === undefined) return
    event.preventDefault()
    const next = Math.min(records.length - 1, Math.max(0, index + step))
    scrollTo(next)
    const link = event.currentTarget.querySelector(`tr[data-index="${next}"] a`)
    if (link instanceof HTMLElement) link.focus()
  }
  const columns = isNarrow ? 1 : 4
  return (
    <section
      class="table-scroll record-table"
      data-narrow={isNarrow}
      ref={scroller}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      aria-label="Records table"
      onKeyDown={onKeyDown}
      onScroll={(event) => onScrolled(event.currentTarget.scrollTop > rowPixels)}
    >
      <table aria-label="Records" aria-rowcount={-1}>
        <Head isNarrow={isNarrow} />
        <tbody>
          <Spacer height={before} span={columns} />
          {indexes.map((index) => {
            const record = records[index]
            return record === undefined ? null : (
              <tr
                key={record.seq}
                aria-rowindex={index + 2}
                data-index={index}
                data-kind={record.kind}
                data-trouble={record.trouble}
              >
                <Cells isNarrow={isNarrow} record={record} />
              </tr>
            )
          })}
          <Spacer height={after} span={columns} />
        </tbody>
      </table>
    </section>
  )
}
