/** A table as a drawing: bars, each row to its own scale, or lines over what the rows count. */
import type { Row, Spread, Table } from "./BenchResult.ts"
import { drawing, element, label, seriesMax } from "./svg.ts"
import { numberText } from "./tables.ts"

const width = 760
const titleHeight = 34
const barLeft = 130
const barWidth = 520
const barPitch = 18
const barHeight = 12

const colourOf = (index: number): number => index % seriesMax

const bar = (top: number, name: string, value: Spread, largest: number, colour: number): ReadonlyArray<string> => {
  const x = (of: number): number => barLeft + (barWidth * of) / largest
  const middle = top + barHeight / 2
  return [
    label(barLeft - 8, top + 10, name, { "text-anchor": "end" }),
    element("rect", { class: `f${colour}`, x: barLeft, y: top, width: x(value.median) - barLeft, height: barHeight }),
    element("line", { class: "ink", x1: x(value.low), x2: x(value.high), y1: middle, y2: middle }),
    label(x(Math.max(value.median, value.high)) + 6, top + 10, numberText(value.median), { class: "small" })
  ]
}

/** One group per row. A group's longest bar fills the width: rows may differ by a factor of hundreds. */
const barChart = (table: Table): string => {
  let top = titleHeight + 8
  const content: Array<string> = [label(12, 22, `${table.title} (${table.unit})`, { class: "title" })]
  for (const row of table.rows) {
    content.push(label(12, top + 10, row.title, { "font-weight": 600 }))
    top += barPitch + 2
    const largest = Math.max(...Object.values(row.values).map(({ high }) => high), Number.MIN_VALUE)
    for (const [index, name] of table.contenders.entries()) {
      const value = row.values[name]
      if (value === undefined) continue
      content.push(...bar(top, name, value, largest, colourOf(index)))
      top += barPitch
    }
    top += 10
  }
  return drawing(width, top, table.title, content)
}

const plot = { left: 70, right: 740, top: titleHeight + 30, bottom: 330 } as const

interface Axis {
  readonly place: (value: number) => number
  readonly ticks: ReadonlyArray<number>
}

/** From `low` to `high` by powers of ten, or of two where there are few of those. */
const logAxis = (low: number, high: number, from: number, to: number): Axis => {
  const base = high / low > 200 ? 10 : 2
  const [first, last] = [Math.floor(Math.log(low) / Math.log(base)), Math.ceil(Math.log(high) / Math.log(base))]
  const powers = Math.max(1, last - first)
  return {
    place: (value) => from + ((to - from) * (Math.log(Math.max(value, low)) / Math.log(base) - first)) / powers,
    ticks: Array.from({ length: powers + 1 }, (_, index) => base ** (first + index))
  }
}

const linearAxis = (high: number, from: number, to: number): Axis => {
  const rough = high / 5
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((each) => each * magnitude).find((each) => each >= rough) ?? rough
  const count = Math.ceil(high / step)
  return {
    place: (value) => from + ((to - from) * value) / (count * step),
    ticks: Array.from({ length: count + 1 }, (_, index) => index * step)
  }
}

const gridLines = (x: Axis, y: Axis): ReadonlyArray<string> => [
  ...y.ticks.flatMap((tick) => [
    element("line", { class: "faint", x1: plot.left, x2: plot.right, y1: y.place(tick), y2: y.place(tick) }),
    label(plot.left - 8, y.place(tick) + 4, numberText(tick), { class: "small", "text-anchor": "end" })
  ]),
  ...x.ticks.map((tick) =>
    label(x.place(tick), plot.bottom + 18, numberText(tick).replace(/\.0$/, ""), {
      class: "small",
      "text-anchor": "middle"
    })
  )
]

const series = (rows: ReadonlyArray<Row>, name: string, colour: number, x: Axis, y: Axis): ReadonlyArray<string> => {
  const points = rows.flatMap(({ at, values }) => {
    const value = values[name]
    return at === undefined || value === undefined ? [] : [{ x: x.place(at), y: y.place(value.median), value }]
  })
  return [
    element("polyline", {
      class: `s${colour}`,
      points: points.map((p) => `${p.x.toFixed(1)},${p.y.toFixed(1)}`).join(" ")
    }),
    ...points.flatMap((p) => [
      element("line", { class: `s${colour}`, x1: p.x, x2: p.x, y1: y.place(p.value.low), y2: y.place(p.value.high) }),
      element("circle", { class: `f${colour}`, cx: p.x, cy: p.y, r: 3 })
    ])
  ]
}

const legend = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  let left: number = plot.left
  return names.flatMap((name, index) => {
    const x = left
    left += 34 + 7 * name.length
    const [swatch, y] = [{ width: 12, height: 12 }, titleHeight]
    return [element("rect", { class: `f${colourOf(index)}`, x, y, ...swatch }), label(x + 18, y + 11, name)]
  })
}

const lineChart = (table: Table): string => {
  const rows = table.rows.filter(({ at }) => at !== undefined)
  const places = rows.map(({ at }) => at ?? 1)
  const values = rows.flatMap((row) => Object.values(row.values)).filter(({ high }) => high > 0)
  const [low, high] = [Math.min(...values.map((each) => each.low)), Math.max(...values.map((each) => each.high))]
  const x = logAxis(Math.max(1, Math.min(...places)), Math.max(2, ...places), plot.left, plot.right)
  const y =
    table.chart?.scale === "log" && low > 0
      ? logAxis(low, high, plot.bottom, plot.top)
      : linearAxis(high, plot.bottom, plot.top)
  return drawing(width, plot.bottom + 48, table.title, [
    label(12, 22, `${table.title} (${table.unit})`, { class: "title" }),
    ...legend(table.contenders),
    ...gridLines(x, y),
    ...table.contenders.flatMap((name, index) => series(rows, name, colourOf(index), x, y)),
    label((plot.left + plot.right) / 2, plot.bottom + 38, table.chart?.axis ?? "", { "text-anchor": "middle" })
  ])
}

/** The table's chart as SVG; undefined when it has none, or nothing to draw. */
export const chartOf = (table: Table): string | undefined => {
  if (table.chart === undefined || table.rows.length === 0) return undefined
  return table.chart.kind === "bars" ? barChart(table) : lineChart(table)
}
