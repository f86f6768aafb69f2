/** One record: what happened in words, who asked for it, what led to it, what it did, and what came of it. */
import "./record.css"
import { Badge } from "../parts/Badge.tsx"
import { Card, Facts, Page } from "../parts/Page.tsx"
import { Problem } from "../parts/Problem.tsx"
import { printableJson } from "../printable.ts"
import { linkTo } from "../route.ts"
import { diffStates, type RecordWhole, type ShownRecord, showRecord } from "../rpc/history-methods.ts"
import { isRecord } from "../rpc/reader-codec.ts"
import { useAnswer } from "../store/use-answer.ts"
import { CausalTree } from "./CausalTree.tsx"
import { CopyButton } from "./CopyButton.tsx"
import { IncidentCard } from "./IncidentCard.tsx"
import { objectWords } from "./model/object-name.ts"
import { fieldText } from "./model/past-objects.ts"
import { localText, utcText } from "./model/time-text.ts"
import { DifferenceView } from "./moment/DifferenceView.tsx"
import { ObjectLinks } from "./ObjectLinks.tsx"
import { causeText } from "./RecordLine.tsx"

const Trail = () => <a href={linkTo.log()}>Event log</a>

const Summary = ({ record }: { readonly record: RecordWhole }) => {
  const { at, cause, kind, text, trouble, type, v } = record
  return (
    <Card title="What happened">
      <p class="sentence">{text}</p>
      <p>
        {kind === "control" ? <Badge tone="accent">change</Badge> : <Badge>observation</Badge>}{" "}
        {trouble ? <Badge tone="bad">trouble</Badge> : null}
      </p>
      <Facts
        of={[
          ["Time", <time dateTime={utcText(at)}>{localText(at)}</time>],
          ["UTC", utcText(at)],
          ["Type", `${type}, version ${v}`],
          ["Asked for by", causeText({ ...cause, method: undefined })],
          ["Method", cause.method],
          ["Request", cause.requestId],
          [
            "Led to by",
            cause.correlationId === undefined ? undefined : (
              <a href={linkTo.record(cause.correlationId)}>record {cause.correlationId}</a>
            )
          ]
        ]}
      />
    </Card>
  )
}

const Objects = ({ objects }: Pick<ShownRecord, "objects">) => (
  <Card title="What it is about">
    {objects.length === 0 ? <p class="muted">The whole target.</p> : null}
    <ul class="objects">
      {objects.map((about) => (
        <li key={about}>
          <span class="anywhere">{objectWords(about)}</span> <ObjectLinks about={about} />
        </li>
      ))}
    </ul>
  </Card>
)

/** A change by itself: the state after it compared with the state before. */
const StateChange = ({ seq }: { readonly seq: number }) => {
  const outcome = useAnswer(diffStates, { from: Math.max(0, seq - 1), to: seq, by: false, limit: 100 })
  return (
    <Card title="What it changed" aside={<a href={linkTo.log({ at: String(seq) })}>See the state of this moment</a>}>
      {outcome === undefined ? <p class="muted">Looking …</p> : null}
      {outcome?._tag === "Failed" ? <Problem problem={outcome.problem} /> : null}
      {outcome?._tag === "Answer" ? <DifferenceView difference={outcome.value} lead={`By record ${seq}`} /> : null}
    </Card>
  )
}

const FieldsCard = ({ record }: { readonly record: RecordWhole }) => {
  const text = printableJson(record)
  const fields = isRecord(record.payload) ? Object.entries(record.payload) : []
  return (
    <Card title="Fields">
      <Facts of={fields.map(([name, value]) => [name, fieldText(value)] as const)} />
      <details>
        <summary>As JSON</summary>
        <div class="text-block">
          <CopyButton text={text} what="JSON" />
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
          <pre tabIndex={0}>{text}</pre>
        </div>
      </details>
      <p class="command muted">
        The same in a terminal: <code>lunlog log show {record.seq}</code>
      </p>
    </Card>
  )
}

const Neighbours = ({ seq }: { readonly seq: number }) => (
  <>
    {seq > 1 ? <a href={linkTo.record(seq - 1)}>Record before</a> : null}{" "}
    <a href={linkTo.record(seq + 1)}>Record after</a>
  </>
)

/** `#/log/SEQ`. */
export const RecordPage = ({ seq }: { readonly seq: number }) => {
  const outcome = useAnswer(showRecord, { seq })
  return (
    <Page title={`Record ${seq}`} trail={<Trail />} actions={<Neighbours seq={seq} />}>
      {outcome === undefined ? <p class="muted">Loading …</p> : null}
      {outcome?._tag === "Failed" ? <Problem problem={outcome.problem} /> : null}
      {outcome?._tag === "Answer" ? (
        <>
          <div class="grid wide">
            <Summary record={outcome.value.record} />
            <Objects objects={outcome.value.objects} />
          </div>
          <IncidentCard seq={seq} />
          <Card title="What led to it">
            <CausalTree nodes={outcome.value.causes} leftOut={undefined} none="Nothing in the log led to it." />
          </Card>
          {outcome.value.record.kind === "control" ? <StateChange seq={seq} /> : null}
          <Card title="What came of it">
            <CausalTree
              nodes={outcome.value.consequences}
              leftOut={outcome.value.left_out}
              none="Nothing in the log came of it."
            />
          </Card>
          <FieldsCard record={outcome.value.record} />
        </>
      ) : null}
    </Page>
  )
}
