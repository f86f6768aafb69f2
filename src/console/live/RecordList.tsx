/** Records of the event log in words, newest first, with their places in the log. */
import { nowMillis } from "../clock.ts"
import { agoText } from "../format.ts"
import { Badge } from "../parts/Badge.tsx"
import { Empty } from "../parts/Empty.tsx"
import { Card } from "../parts/Page.tsx"
import { Problem } from "../parts/Problem.tsx"
import { linkTo } from "../route.ts"
import { type LogRecord, tailLog } from "../rpc/log-methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { useAnswer } from "../store/use-answer.ts"

const microsPerMilli = 1000
/** Records of an object on its page. */
const shown = 12

const timeOf = ({ at }: LogRecord): Date => new Date(at / microsPerMilli)

/** `records` are oldest first, as the log has them. */
export const RecordList = ({ records }: { readonly records: ReadonlyArray<LogRecord> }) => (
  <ol class="records" reversed>
    {records.toReversed().map((record) => (
      <li key={record.seq}>
        <time class="muted numbers nowrap" dateTime={timeOf(record).toISOString()} title={timeOf(record).toISOString()}>
          {agoText(record.at / microsPerMilli, nowMillis())}
        </time>
        <span class="anywhere">
          <a href={linkTo.record(record.seq)}>{record.text}</a>{" "}
          {record.trouble ? <Badge tone="bad">trouble</Badge> : null}
        </span>
      </li>
    ))}
  </ol>
)

/** The newest records about an object (docs/log.md, objects), as a card with a link to all of them. */
export const ObjectEvents = ({ object }: { readonly object: string }) => {
  const { log } = useStore()
  const answer = useAnswer(tailLog, { object: [object], count: shown, words: true }, log.durableSeq.value)
  return (
    <Card title="Last events" aside={<a href={linkTo.log({ object })}>All in the log</a>}>
      {answer === undefined ? <p class="muted">Asking…</p> : null}
      {answer?._tag === "Failed" ? <Problem problem={answer.problem} /> : null}
      {answer?._tag === "Answer" && answer.value.records.length === 0 ? <Empty>No record yet.</Empty> : null}
      {answer?._tag === "Answer" ? <RecordList records={answer.value.records} /> : null}
    </Card>
  )
}
