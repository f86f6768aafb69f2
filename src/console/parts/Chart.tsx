/**
 * Lines over time, drawn by uPlot in the page's colours. Beside the picture stand the newest values, a sentence for
 * those who do not see it, and the same numbers as a table.
 */
import "uplot/dist/uPlot.min.css"
import { useEffect, useId, useRef } from "preact/hooks"
import uPlot from "uplot"
import { colour, themeChanges } from "../theme.ts"
import { type ChartLine, chartSummary, dashes, sampledRows } from "./chart-data.ts"
import { useWidth } from "./use-width.ts"

const heightPixels = 160
/** A line that begins later than a minute ago begins in the middle of the picture. */
const spanLeast = 60
const axisPixels = 62
/** How high the picture of nothing is. */
const idleTop = 10
/** Distances of lines behind the picture. */
const fineSteps = stepsFrom(-3)
const wholeSteps = stepsFrom(0)

/** 1, 2, 5, 10 ... from a power of ten on. */
function stepsFrom(power: number): Array<number> {
  return Array.from({ length: 18 }, (_, index) => power + index).flatMap((p) => [1, 2, 5].map((n) => n * 10 ** p))
}

/** What is drawn. */
export interface ChartOptions {
  readonly title: string
  /** Seconds since 1970, rising. */
  readonly times: ReadonlyArray<number>
  readonly lines: ReadonlyArray<ChartLine>
  /** Seconds that the picture shows, up to the newest sample. */
  readonly span: number
  readonly format: (value: number) => string
  /** There are no halves of what is counted. */
  readonly isWhole?: boolean
}

const drawing = ({ format, isWhole, lines }: ChartOptions, width: number): uPlot.Options => {
  const axis = {
    stroke: colour("chart-text"),
    grid: { stroke: colour("chart-grid"), width: 1 },
    ticks: { show: false }
  }
  return {
    width,
    height: heightPixels,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 28, 0, 0],
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : idleTop] } },
    series: [
      {},
      ...lines.map((_line, index) => ({
        stroke: colour(`series-${index + 1}`),
        width: 1.5,
        dash: [...(dashes[index] ?? [])],
        points: { show: false }
      }))
    ],
    axes: [
      { ...axis, space: 70, size: 28, values: (_plot, values) => values.map(timeText) },
      {
        ...axis,
        size: axisPixels,
        incrs: isWhole ? wholeSteps : fineSteps,
        values: (_plot, values) => values.map(format)
      }
    ]
  }
}

/** Hours and minutes, and seconds where they are not 0. */
const timeText = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds % 60 === 0 ? {} : { second: "2-digit" })
  })

const dataOf = ({ lines, times }: ChartOptions): uPlot.AlignedData => [
  [...times],
  ...lines.map(({ values }) => [...values])
]

/** Keeps a picture in an element: made anew for other colours or another width, else only given other data. */
const usePlot = (options: ChartOptions) => {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const width = useWidth(place)
  const colours = themeChanges.value
  useEffect(() => {
    if (place.current === null || width === 0) return
    const made = new uPlot(drawing(options, width), dataOf(options), place.current)
    plot.current = made
    return () => {
      made.destroy()
      plot.current = undefined
    }
  }, [width, colours, options.lines.length])
  useEffect(() => {
    const [first, last] = [options.times[0], options.times.at(-1)]
    if (plot.current === undefined || first === undefined || last === undefined) return
    const span = Math.min(options.span, Math.max(spanLeast, last - first))
    plot.current.batch(() => {
      plot.current?.setData(dataOf(options), true)
      plot.current?.setScale("x", { min: last - span, max: last })
    })
  })
  return place
}

const Key = ({ format, index, line }: { format: (value: number) => string; index: number; line: ChartLine }) => (
  <span class="chart-key">
    <svg viewBox="0 0 20 10" aria-hidden="true">
      <line
        x1="0"
        x2="20"
        y1="5"
        y2="5"
        stroke={`var(--series-${index + 1})`}
        stroke-width="2.5"
        stroke-dasharray={(dashes[index] ?? []).join(" ")}
      />
    </svg>
    {line.label} <b>{format(line.values.findLast((value) => value !== null) ?? 0)}</b>
  </span>
)

const Numbers = ({ format, lines, times }: ChartOptions) => (
  <table>
    <thead>
      <tr>
        <th scope="col">Time</th>
        {lines.map(({ label }) => (
          <th key={label} scope="col">
            {label}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {sampledRows(times, lines).map(({ at, values }) => (
        <tr key={at}>
          <th scope="row">{new Date(at * 1000).toLocaleTimeString()}</th>
          {values.map((value, index) => (
            <td key={lines[index]?.label}>{value === null ? "–" : format(value)}</td>
          ))}
        </tr>
      ))}
    </tbody>
  </table>
)

/** The chart. */
export const Chart = (options: ChartOptions) => {
  const place = usePlot(options)
  const table = useRef<HTMLDetailsElement>(null)
  const id = useId()
  return (
    <figure class="chart" aria-labelledby={id}>
      <div class="chart-head">
        <h3 id={id}>{options.title}</h3>
        {options.lines.map((line, index) => (
          <Key key={line.label} line={line} index={index} format={options.format} />
        ))}
      </div>
      <div class="chart-plot" ref={place} role="img" aria-label={chartSummary(options)} />
      <details ref={table}>
        <summary aria-label={`${options.title} as a table`}>As a table</summary>
        {table.current?.open === true ? <Numbers {...options} /> : null}
      </details>
    </figure>
  )
}
