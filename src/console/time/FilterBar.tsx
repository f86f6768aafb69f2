/** Which records: the conditions that hold, and new ones. Every one is in the page's address. */
import "./filters.css"
import type { TargetedSubmitEvent } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { nowMillis } from "../clock.ts"
import {
  type ConditionKind,
  conditionKinds,
  everyRecord,
  isEverything,
  type LogQuery,
  withCondition,
  withoutCondition
} from "./model/LogQuery.ts"
import { placeOfTyped } from "./model/time-text.ts"

/** How long nobody types before words are looked for, in milliseconds. */
const typingMillis = 400

const names: Readonly<Record<ConditionKind | "since" | "until", string>> = {
  type: "Type",
  object: "Object",
  initiator: "Initiator",
  cause: "Asked for by",
  grep: "Words",
  since: "Since",
  until: "Until"
}

const examples: Readonly<Record<ConditionKind | "since" | "until", string>> = {
  type: "Lun*",
  object: "disk1:2, bdev:Malloc0, session:5",
  initiator: "a name or an address",
  cause: "rpc, a method, a user, #17",
  grep: "medium error",
  since: "2026-11-22 14:03, 2 hours ago",
  until: "14:03, 10 minutes ago, 4711"
}

type Condition = ConditionKind | "since" | "until"

const fields: ReadonlyArray<Condition> = ["object", "type", "initiator", "cause", "grep", "since", "until"]

const isPlace = (kind: Condition): kind is "since" | "until" => kind === "since" || kind === "until"

interface FilterBarProps {
  readonly query: LogQuery
  readonly onQuery: (query: LogQuery) => void
}

const Chip = ({
  name,
  onRemove,
  text
}: {
  readonly name: string
  readonly text: string
  readonly onRemove: () => void
}) => (
  <li class="chip">
    <span class="muted">{name}</span> <span class="anywhere">{text}</span>
    <button type="button" class="plain" aria-label={`Remove ${name} ${text}`} onClick={onRemove}>
      ×
    </button>
  </li>
)

const Chips = ({ onQuery, query }: FilterBarProps) => {
  if (isEverything({ ...query, kind: undefined, errors: false, grep: query.grep.slice(1) })) return null
  return (
    <ul class="chips" aria-label="Conditions">
      {conditionKinds.flatMap((kind) =>
        (kind === "grep" ? query[kind].slice(1) : query[kind]).map((text) => (
          <Chip
            key={`${kind} ${text}`}
            name={names[kind]}
            text={text}
            onRemove={() => onQuery(withoutCondition(query, kind, text))}
          />
        ))
      )}
      {(["since", "until"] as const).map((place) => {
        const text = query[place]
        return text === undefined ? null : (
          <Chip
            key={place}
            name={names[place]}
            text={text}
            onRemove={() => onQuery({ ...query, [place]: undefined })}
          />
        )
      })}
      <li>
        <button type="button" class="plain" onClick={() => onQuery(everyRecord)}>
          Show all records
        </button>
      </li>
    </ul>
  )
}

const AddCondition = ({ onQuery, query }: FilterBarProps) => {
  const [kind, setKind] = useState<Condition>("object")
  const [text, setText] = useState("")
  const add = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (text.trim() === "") return
    setText("")
    onQuery(isPlace(kind) ? { ...query, [kind]: placeOfTyped(text, nowMillis()) } : withCondition(query, kind, text))
  }
  return (
    <form class="add-condition" onSubmit={add}>
      <select
        aria-label="Kind of condition"
        value={kind}
        onChange={(event) => setKind(fields.find((field) => field === event.currentTarget.value) ?? "object")}
      >
        {fields.map((field) => (
          <option key={field} value={field}>
            {names[field]}
          </option>
        ))}
      </select>
      <input
        aria-label={names[kind]}
        placeholder={examples[kind]}
        value={text}
        maxLength={512}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit">Add</button>
    </form>
  )
}

/** The first words are typed here, and looked for when nobody types any more. */
const WordsInput = ({ onQuery, query }: FilterBarProps) => {
  const known = query.grep[0] ?? ""
  const [text, setText] = useState(known)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => setText(known), [known])
  useEffect(() => () => clearTimeout(timer.current), [])
  const onInput = (typed: string) => {
    setText(typed)
    clearTimeout(timer.current)
    const words = typed.trim().slice(0, 256)
    timer.current = setTimeout(
      () => onQuery({ ...query, grep: [...(words === "" ? [] : [words]), ...query.grep.slice(1)] }),
      typingMillis
    )
  }
  return (
    <input
      type="search"
      aria-label="Search words of records"
      placeholder="Search words"
      value={text}
      maxLength={256}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  )
}

const kindOf = (value: string): LogQuery["kind"] => (value === "control" || value === "observation" ? value : undefined)

/** All filters of `lunlog log tail`. */
export const FilterBar = ({ onQuery, query }: FilterBarProps) => (
  <search class="filters" aria-label="Which records">
    <WordsInput query={query} onQuery={onQuery} />
    <select
      aria-label="Kind of record"
      value={query.kind ?? ""}
      onChange={(event) => onQuery({ ...query, kind: kindOf(event.currentTarget.value) })}
    >
      <option value="">Changes and observations</option>
      <option value="control">Changes</option>
      <option value="observation">Observations</option>
    </select>
    <label class="check">
      <input
        type="checkbox"
        checked={query.errors}
        onChange={(event) => onQuery({ ...query, errors: event.currentTarget.checked })}
      />
      Trouble only
    </label>
    <AddCondition query={query} onQuery={onQuery} />
    <Chips query={query} onQuery={onQuery} />
  </search>
)
