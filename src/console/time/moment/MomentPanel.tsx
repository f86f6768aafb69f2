/** The moment that the slider is at: which record it is, what it differs in, and all that there was. */
import "./moment.css"
import { useState } from "preact/hooks"
import { nowMillis } from "../../clock.ts"
import { Badge } from "../../parts/Badge.tsx"
import { Problem } from "../../parts/Problem.tsx"
import { Tabs } from "../../parts/Tabs.tsx"
import { shellWord } from "../model/LogQuery.ts"
import { type Against, againstName } from "../model/TimeView.ts"
import { placeOfTyped } from "../model/time-text.ts"
import { RecordLine } from "../RecordLine.tsx"
import type { PastMoment, TimeMachine } from "../store/TimeMachine.ts"
import { ConfigView } from "./ConfigView.tsx"
import { DifferenceView } from "./DifferenceView.tsx"
import { PastStateView } from "./PastStateView.tsx"

interface AgainstProps {
  readonly against: Against
  readonly onAgainst: (against: Against) => void
}

const AgainstChoice = ({ against, onAgainst }: AgainstProps) => {
  const [typed, setTyped] = useState(against._tag === "Place" ? against.place : "")
  const choose = (name: string) => {
    if (name === "place") onAgainst({ _tag: "Place", place: typed === "" ? "HEAD" : typed })
    else onAgainst(name === "before" ? { _tag: "Before" } : { _tag: "Now" })
  }
  return (
    <form
      class="against"
      onSubmit={(event) => {
        event.preventDefault()
        if (typed.trim() !== "") onAgainst({ _tag: "Place", place: placeOfTyped(typed, nowMillis()) })
      }}
    >
      <label>
        Compare with{" "}
        <select
          value={against._tag === "Place" ? "place" : againstName(against)}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          <option value="now">now</option>
          <option value="before">right before this record</option>
          <option value="place">another moment</option>
        </select>
      </label>
      {against._tag === "Place" ? (
        <>
          <input
            aria-label="The other moment"
            placeholder="14:03, 4711, 2 hours ago"
            value={typed}
            maxLength={64}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <button type="submit">Compare</button>
        </>
      ) : null}
    </form>
  )
}

const leadOf = (against: Against, { difference }: PastMoment): string => {
  switch (against._tag) {
    case "Now":
      return `From record ${difference.from} until now`
    case "Before":
      return `By record ${difference.to}`
    case "Place":
      return `From record ${difference.from} to record ${difference.to}`
  }
}

const commandOf = (tab: string, against: Against, { seq }: PastMoment): string => {
  if (tab === "state") return `lunlog log state --at ${seq} --raw`
  if (tab === "config") return `lunlog log state --at ${seq}`
  if (against._tag === "Before") return `lunlog log diff ${Math.max(0, seq - 1)} ${seq}`
  return `lunlog log diff ${seq}${against._tag === "Place" ? ` ${shellWord(against.place)}` : ""}`
}

const Heading = ({ past }: { readonly past: PastMoment }) => (
  <div class="moment-head">
    <Badge tone="accent">The past</Badge>
    <h3>{past.record === undefined ? "Before the first record" : `As of record ${past.seq}`}</h3>
    {past.record === undefined ? null : (
      <p>
        <RecordLine record={past.record} />
      </p>
    )}
  </div>
)

/** Nothing, where it is now. */
export const MomentPanel = ({ against, machine, onAgainst }: AgainstProps & { readonly machine: TimeMachine }) => {
  const [tab, setTab] = useState("difference")
  const [past, problem] = [machine.past.value, machine.problem.value]
  if (machine.place.value === undefined) return null
  return (
    <section class="moment" aria-label="The moment" aria-busy={machine.isStale.value}>
      {problem === undefined ? null : <Problem problem={problem} />}
      {past === undefined ? (
        <p class="muted">{problem === undefined ? "Loading …" : ""}</p>
      ) : (
        <>
          <Heading past={past} />
          <Tabs
            label="What is shown of the moment"
            selected={tab}
            onSelect={setTab}
            tabs={[
              {
                name: "difference",
                title: "What differs",
                view: () => (
                  <>
                    <AgainstChoice against={against} onAgainst={onAgainst} />
                    <DifferenceView difference={past.difference} lead={leadOf(against, past)} />
                  </>
                )
              },
              { name: "state", title: "All objects", view: () => <PastStateView seq={past.seq} /> },
              { name: "config", title: "As configuration", view: () => <ConfigView seq={past.seq} /> }
            ]}
          />
          <p class="command muted">
            The same in a terminal: <code>{commandOf(tab, against, past)}</code>
          </p>
        </>
      )}
    </section>
  )
}
