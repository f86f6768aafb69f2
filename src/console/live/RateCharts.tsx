/** The charts of one thing: IOPS, throughput, latency, commands in flight. */
import { countText, iopsText, latencyText, throughputText } from "../format.ts"
import { Chart } from "../parts/Chart.tsx"
import { useStore } from "../store/ConsoleStore.ts"
import type { RateHistory, RateName } from "../store/RateHistory.ts"

/** Seconds that a chart shows. */
const span = 300

interface Picture {
  readonly title: string
  readonly lines: ReadonlyArray<readonly [label: string, column: RateName]>
  readonly format: (value: number) => string
  readonly isWhole?: boolean
}

const zeroOr = (format: (value: number) => string) => (value: number) => (value === 0 ? "0" : format(value))

const pictures: ReadonlyArray<Picture> = [
  {
    title: "IOPS",
    lines: [
      ["Read", "readIops"],
      ["Write", "writeIops"]
    ],
    format: iopsText
  },
  {
    title: "Throughput",
    lines: [
      ["Read", "readBytes"],
      ["Write", "writeBytes"]
    ],
    format: throughputText
  },
  {
    title: "Mean latency",
    lines: [
      ["Read", "readMicros"],
      ["Write", "writeMicros"]
    ],
    format: zeroOr(latencyText)
  },
  { title: "In flight", lines: [["Commands", "inFlight"]], format: countText, isWhole: true }
]

/** Four charts over the same minutes. They go on with every sample. */
export const RateCharts = ({ history }: { readonly history: RateHistory }) => {
  const { rates } = useStore()
  const { at } = rates.now.value
  const { columns, times } = history.columnsSince(at - span)
  return (
    <div class="grid wide">
      <h2 class="only-spoken">Charts</h2>
      {pictures.map(({ format, isWhole = false, lines, title }) => (
        <section key={title} class="card" aria-label={`${title} chart`}>
          <Chart
            title={title}
            times={times}
            span={span}
            format={format}
            isWhole={isWhole}
            lines={lines.map(([label, column]) => ({ label, values: columns[column] }))}
          />
        </section>
      ))}
    </div>
  )
}
