/** Columns of live rates, the same in tables of LUNs and of sessions. */
import { countText, iopsText, latencyText, throughputText } from "../format.ts"
import type { Column } from "../parts/Table.tsx"
import { type IoRates, idleRates, iopsOf, throughputOf } from "../store/rates.ts"

const meanLatency = (rates: IoRates): number => {
  const ops = iopsOf(rates)
  return ops === 0 ? 0 : (rates.readMicros * rates.readIops + rates.writeMicros * rates.writeIops) / ops
}

/** `now` is what had IO in the last second; all else is idle. */
export const rateColumns = <Row,>(
  now: ReadonlyMap<string, IoRates>,
  keyOf: (row: Row) => string
): ReadonlyArray<Column<Row>> => {
  const of = (row: Row): IoRates => now.get(keyOf(row)) ?? idleRates
  const column = (
    title: string,
    value: (rates: IoRates) => number,
    format: (value: number) => string,
    from: number
  ): Column<Row> => ({
    name: title,
    title,
    isNumber: true,
    from,
    sorting: { by: (row) => value(of(row)), descends: true },
    cell: (row) => {
      const shown = value(of(row))
      return shown === 0 ? <span class="muted">–</span> : format(shown)
    }
  })
  return [
    column("IOPS", iopsOf, iopsText, 0),
    column("Throughput", throughputOf, throughputText, 620),
    column("Latency", meanLatency, latencyText, 420),
    column("In flight", ({ inFlight }) => inFlight, countText, 800)
  ]
}
