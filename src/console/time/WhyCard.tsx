/** Why an object is as it is: the records that made it so, and those of what it depends on. */
import "./record.css"
import { Card } from "../parts/Page.tsx"
import { Problem } from "../parts/Problem.tsx"
import { linkTo } from "../route.ts"
import { type LeftOut, type Life, type Why, whyObject } from "../rpc/history-methods.ts"
import { useAnswer } from "../store/use-answer.ts"
import { shellWord } from "./model/LogQuery.ts"
import { ObjectLinks } from "./ObjectLinks.tsx"
import { RecordLine } from "./RecordLine.tsx"

/** Former things of the same name that are told. */
const earlierMax = 5

const lifeText = (object: string, { created, ended, from, to }: Life): string => {
  if (/^(?:initiator|address|config):/u.test(object)) return "what the log knows of it"
  const since = created === undefined ? "there when the log begins" : `since record ${from}`
  if (to === undefined) return since
  const how = ended?.type === "EpochStarted" ? ", when the process started again" : ""
  return `${created === undefined ? since : `from record ${from}`} to record ${to}${how}; gone since`
}

const Earlier = ({ why }: { readonly why: Why }) => {
  if (why.earlier_count === 0) return null
  const shown = why.earlier.slice(-earlierMax)
  return (
    <p class="muted">
      {why.earlier_count === 1 ? "Another one had" : `${why.earlier_count} others had`} this name before:{" "}
      {shown.map(({ from, to }, index) => (
        <span key={from}>
          {index === 0 ? "" : ", "}
          <a href={linkTo.record(from)}>records {from}</a> to {to ?? "?"}
        </span>
      ))}
      .
    </p>
  )
}

/** What a list leaves out. */
export const LeftOutLine = ({ leftOut }: { readonly leftOut: LeftOut | undefined }) =>
  leftOut === undefined ? null : (
    <li class="muted">
      … {leftOut.at_least ? "at least " : ""}
      {leftOut.count} more: <code>lunlog log tail {leftOut.filter}</code>
    </li>
  )

const Topics = ({ why }: { readonly why: Why }) => (
  <>
    {why.topics.map(({ left_out, object, records, role, words }) => (
      <section key={`${role} ${object}`} aria-label={`${role}: ${words}`}>
        <h3>
          {role === "itself" ? "Itself" : `${role}: ${words}`} <ObjectLinks about={object} />
        </h3>
        <ul class="lines">
          {records.length === 0 ? <li class="muted">No record: nothing has changed since the log began.</li> : null}
          {records.map((record) => (
            <li key={record.seq}>
              <RecordLine record={record} />
            </li>
          ))}
          <LeftOutLine leftOut={left_out} />
        </ul>
      </section>
    ))}
  </>
)

/** `at` is the record whose moment it is asked for; the end of the log if nothing is said. */
export const WhyCard = ({ at, object }: { readonly object: string; readonly at: number | undefined }) => {
  const outcome = useAnswer(whyObject, at === undefined ? { object } : { object, at })
  const command = `lunlog log why ${shellWord(object)}${at === undefined ? "" : ` --at ${at}`}`
  return (
    <Card title="Why it is so">
      {outcome === undefined ? <p class="muted">Looking …</p> : null}
      {outcome?._tag === "Failed" ? <Problem problem={outcome.problem} /> : null}
      {outcome?._tag === "Answer" ? (
        <div class="why">
          <p>
            <strong class="anywhere">{outcome.value.words}</strong>:{" "}
            {lifeText(outcome.value.object, outcome.value.life)}
          </p>
          <Earlier why={outcome.value} />
          <Topics why={outcome.value} />
        </div>
      ) : null}
      <p class="command muted">
        The same in a terminal: <code>{command}</code>
      </p>
    </Card>
  )
}
