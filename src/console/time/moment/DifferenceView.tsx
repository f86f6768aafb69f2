/** What two moments differ in: objects by kind, with signs, words and colours; who did it is asked when wanted. */
import "./difference.css"
import { useState } from "preact/hooks"
import { counted } from "../../format.ts"
import { Badge } from "../../parts/Badge.tsx"
import { Problem } from "../../parts/Problem.tsx"
import { type Difference, diffStates, type MemberChange, type ObjectChange } from "../../rpc/history-methods.ts"
import { useAnswer } from "../../store/use-answer.ts"
import { groupsOf, signOfMember, signOfObject, summaryOf } from "../model/difference-groups.ts"
import { ObjectLinks } from "../ObjectLinks.tsx"
import { RecordLine } from "../RecordLine.tsx"

const Member = ({ change }: { readonly change: MemberChange }) => {
  const { field, from, to } = change
  const { sign, tone, word } = signOfMember(from, to)
  return (
    <li data-tone={tone}>
      <span class="sign-text" role="img" aria-label={word}>
        {sign}
      </span>{" "}
      <span class="anywhere">
        {field}
        {from === undefined || from === "" ? null : (
          <>
            : <del>{from}</del>
          </>
        )}
        {to === undefined || to === "" ? null : (
          <>
            {from === undefined ? ": " : " → "}
            <ins>{to}</ins>
          </>
        )}
      </span>
    </li>
  )
}

/** The records of one object of a difference, looked up when it is opened. */
const DoneBy = ({ difference, index }: { readonly difference: Difference; readonly index: number }) => {
  const { from, to } = difference
  const outcome = useAnswer(diffStates, { from, to, skip: index, limit: 1 })
  if (outcome === undefined) return <p class="muted">Looking …</p>
  if (outcome._tag === "Failed") return <Problem problem={outcome.problem} />
  const [one] = outcome.value.objects
  const records = [...(one?.by ?? []), ...(one?.changes.flatMap(({ by }) => by) ?? [])]
  const bySeq = [...new Map(records.map((record) => [record.seq, record])).values()].sort((a, b) => a.seq - b.seq)
  if (bySeq.length === 0) return <p class="muted">No record of its own says so: it follows from another object.</p>
  return (
    <ul class="lines">
      {bySeq.map((record) => (
        <li key={record.seq}>
          <RecordLine record={record} />
        </li>
      ))}
    </ul>
  )
}

const Changed = (props: { readonly one: ObjectChange; readonly difference: Difference; readonly index: number }) => {
  const { difference, index, one } = props
  const [isOpen, setOpen] = useState(false)
  const { sign, tone, word } = signOfObject(one.action)
  return (
    <li class="changed" data-tone={tone}>
      <div class="changed-head">
        <span class="sign-text" aria-hidden="true">
          {sign}
        </span>
        <strong class="anywhere">{one.object}</strong>
        <Badge tone={tone}>{word}</Badge>
        {one.detail === undefined ? null : <span class="muted anywhere">{one.detail}</span>}
        {one.about === undefined ? null : <ObjectLinks about={one.about} />}
      </div>
      {one.changes.length === 0 ? null : (
        <ul class="members">
          {one.changes.map((change) => (
            <Member key={change.field} change={change} />
          ))}
        </ul>
      )}
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Who did it</summary>
        {isOpen ? <DoneBy difference={difference} index={index} /> : null}
      </details>
    </li>
  )
}

/** `lead` says between which moments. */
export const DifferenceView = ({ difference, lead }: { readonly difference: Difference; readonly lead: string }) => {
  const { objects, total } = difference
  if (total === 0) return <p class="muted">{lead}: nothing differs.</p>
  return (
    <div class="difference">
      <p role="status">
        {lead}: {counted(total, "object")} {total === 1 ? "differs" : "differ"}: {summaryOf(objects)}
        {total > objects.length ? ` among the first ${objects.length}, which are shown` : ""}.
      </p>
      {groupsOf(objects).map((group) => (
        <section key={group.kind} aria-label={group.title}>
          <h3>{group.title}</h3>
          <ul>
            {group.objects.map((one) => (
              <Changed
                key={`${difference.from} ${difference.to} ${one.object}`}
                one={one}
                difference={difference}
                index={objects.indexOf(one)}
              />
            ))}
          </ul>
        </section>
      ))}
    </div>
  )
}
