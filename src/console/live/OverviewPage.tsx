/** What is wrong and what goes on, then how much is done, then what there is. */
import { countText, iopsText, latencyText, secondText, sizeText, throughputText } from "../format.ts"
import { Badge } from "../parts/Badge.tsx"
import { Empty } from "../parts/Empty.tsx"
import { Card, Facts, Figure, Page } from "../parts/Page.tsx"
import { Problem } from "../parts/Problem.tsx"
import { linkTo } from "../route.ts"
import type { Status } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { problemsOf, type TargetProblem } from "../store/problems.ts"
import { DrainList } from "./DrainList.tsx"
import { RateCharts } from "./RateCharts.tsx"
import { RecordList } from "./RecordList.tsx"

/** Records of trouble that are shown. */
const troubleShown = 6

const ProblemItem = ({ detail, href, title, tone }: TargetProblem) => (
  <li>
    <div class="note" data-tone={tone}>
      <p>
        {href === undefined ? <strong>{title}</strong> : <a href={href}>{title}</a>}{" "}
        <Badge tone={tone}>{tone === "bad" ? "problem" : "warning"}</Badge>
      </p>
      {detail === undefined ? null : <p class="muted">{detail}</p>}
    </div>
  </li>
)

const Problems = ({ status }: { readonly status: Status }) => {
  const problems = problemsOf(status)
  return (
    <Card title="Problems">
      {problems.length === 0 ? (
        <p>
          <Badge tone="good">None</Badge> Portals listen, disks are up, nothing is refused.
        </p>
      ) : (
        <ul class="problems">
          {problems.map((problem) => (
            <ProblemItem key={problem.title} {...problem} />
          ))}
        </ul>
      )}
    </Card>
  )
}

const Load = () => {
  const { total } = useStore().rates.now.value
  return (
    <Card title="Load">
      <div class="figures">
        <Figure name="Reads per second" value={iopsText(total.readIops)} />
        <Figure name="Writes per second" value={iopsText(total.writeIops)} />
        <Figure name="Read throughput" value={throughputText(total.readBytes)} />
        <Figure name="Write throughput" value={throughputText(total.writeBytes)} />
        <Figure name="Mean read latency" value={latencyText(total.readMicros)} />
        <Figure name="Mean write latency" value={latencyText(total.writeMicros)} />
        <Figure name="In flight" value={countText(total.inFlight)} />
      </div>
    </Card>
  )
}

const Glance = () => {
  const { objects } = useStore()
  const { luns } = objects.index.value
  const counts: ReadonlyArray<readonly [number | undefined, string, string]> = [
    [objects.portalGroups.value?.length, "portal group", linkTo.topology("portals")],
    [objects.initiatorGroups.value?.length, "initiator group", linkTo.topology("initiators")],
    [objects.targets.value?.length, "target", linkTo.topology()],
    [luns.length, "LUN", linkTo.luns()],
    [objects.status.value?.objects?.bdevs, "disk", linkTo.disks()],
    [objects.sessions.value?.length, "session", linkTo.sessions()]
  ]
  return (
    <Card title="What there is">
      <div class="counts">
        {counts.map(([count, name, href]) => (
          <a key={name} href={href}>
            <b>{count === undefined ? "–" : countText(count)}</b> {count === 1 ? name : `${name}s`}
          </a>
        ))}
      </div>
    </Card>
  )
}

const Trouble = () => {
  const { log } = useStore()
  const trouble = log.recent.value.filter((record) => record.trouble).slice(-troubleShown)
  return (
    <Card title="Recent trouble" aside={<a href={linkTo.log({ errors: "true" })}>All in the log</a>}>
      {trouble.length === 0 ? <Empty>None in the newest records of the log.</Empty> : <RecordList records={trouble} />}
    </Card>
  )
}

const Process = ({ status }: { readonly status: Status }) => {
  const { log, memory } = status
  const waiting = log.tip_seq - log.durable_seq
  return (
    <Card title="Process">
      <Facts
        of={[
          ["Version", status.version],
          ["Instance", <code key="instance">{status.instance_id}</code>],
          ["Running since", secondText(status.started_at)],
          ["Configuration", status.config?.name],
          ["Event log", `${countText(log.durable_seq)} records, ${countText(log.control_no)} of them control`],
          ["On their way to the disk", waiting > 0 ? countText(waiting) : undefined],
          ["Memory", memory === undefined ? undefined : `${sizeText(memory.used)} of ${sizeText(memory.limit)}`],
          ["Resident", memory === undefined ? undefined : sizeText(memory.process.resident)],
          ["Reactors", status.reactors.length === 0 ? undefined : countText(status.reactors.length)]
        ]}
      />
    </Card>
  )
}

/** The page that opens first. */
export const OverviewPage = () => {
  const { objects, rates } = useStore()
  const status = objects.status.value
  const drains = objects.drains.value
  return (
    <Page title="Overview">
      {objects.problem.value?._tag === "Refused" ? <Problem problem={objects.problem.value} /> : null}
      {status === undefined ? null : <Problems status={status} />}
      {drains.length === 0 ? null : (
        <Card title="Drains in progress">
          <DrainList drains={drains} />
        </Card>
      )}
      <Load />
      <RateCharts history={rates.total} />
      <Glance />
      <Trouble />
      {status === undefined ? null : <Process status={status} />}
    </Page>
  )
}
