/** What is wrong, then how much is done, then what there is. */

import { countText, iopsText, latencyText, throughputText } from "../format.ts"
import { Card, Figure, Page } from "../parts/Page.tsx"
import { useStore } from "../store/ConsoleStore.ts"
import { RateCharts } from "./RateCharts.tsx"

const Totals = () => {
  const { rates } = useStore()
  const { total } = rates.now.value
  return (
    <div class="figures">
      <Figure name="Reads per second" value={iopsText(total.readIops)} />
      <Figure name="Writes per second" value={iopsText(total.writeIops)} />
      <Figure name="Read throughput" value={throughputText(total.readBytes)} />
      <Figure name="Write throughput" value={throughputText(total.writeBytes)} />
      <Figure name="Mean read latency" value={latencyText(total.readMicros)} />
      <Figure name="Mean write latency" value={latencyText(total.writeMicros)} />
      <Figure name="In flight" value={countText(total.inFlight)} />
    </div>
  )
}

/** The page that opens first. */
export const OverviewPage = () => {
  const { rates } = useStore()
  return (
    <Page title="Overview">
      <Card title="Load">
        <Totals />
      </Card>
      <RateCharts history={rates.total} />
    </Page>
  )
}
