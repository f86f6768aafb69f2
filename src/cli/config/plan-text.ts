/** What `lunlog plan` prints, from the answer of `lunlog_config_plan`. */
import { Schema } from "effect"
import { printable } from "../printable.ts"

const Change = Schema.Struct({
  field: Schema.String,
  from: Schema.optionalKey(Schema.String),
  to: Schema.optionalKey(Schema.String)
})

const Step = Schema.Struct({
  action: Schema.Literals(["create", "change", "replace", "remove"]),
  object: Schema.String,
  detail: Schema.optionalKey(Schema.String),
  changes: Schema.Array(Change),
  disturbs: Schema.Array(
    Schema.Struct({ target: Schema.String, sessions: Schema.Number, initiators: Schema.Array(Schema.String) })
  )
})

/** The fields that are printed; there may be more. */
export const PlanView = Schema.Struct({
  name: Schema.String,
  digest: Schema.String,
  steps: Schema.Array(Step),
  drift: Schema.Array(Schema.Struct({ message: Schema.String })),
  kept: Schema.Array(Schema.String),
  /** Disks whose device is away, in words. */
  detached: Schema.optionalKey(Schema.Array(Schema.String)),
  conflicts: Schema.Array(
    Schema.Struct({ path: Schema.Array(Schema.Union([Schema.String, Schema.Number])), message: Schema.String })
  )
})
export type PlanView = typeof PlanView.Type

/** Names in one line. */
const namesMax = 20

const signs = { create: "+", change: "~", replace: "-/+", remove: "-" } as const

const changeLine = ({ field, from, to }: typeof Change.Type): string => {
  const value = (text: string | undefined) => (text === undefined || text === "" ? "" : `: ${text}`)
  if (from === undefined) return `    + ${field}${value(to)}`
  if (to === undefined) return `    - ${field}${value(from)}`
  return `    ~ ${field}: ${from} -> ${to}`
}

const some = (names: ReadonlyArray<string>): string => {
  const more = names.length - namesMax
  return `${names.slice(0, namesMax).join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

const disturbLine = ({ initiators, sessions, target }: (typeof Step.Type)["disturbs"][number]): string =>
  sessions === 0
    ? `    disturbs no session of ${target}: nobody is logged in`
    : `    disturbs ${counted(sessions, "session")} of ${target}: ${some(initiators)}`

const stepLines = ({ action, changes, detail, disturbs, object }: typeof Step.Type): ReadonlyArray<string> => [
  `${signs[action]} ${object}${detail === undefined ? "" : `: ${detail}`}`,
  ...changes.map(changeLine),
  ...disturbs.map(disturbLine)
]

const summary = ({ steps }: PlanView): string => {
  const count = (...actions: ReadonlyArray<string>) => steps.filter(({ action }) => actions.includes(action)).length
  const sessions = new Map(steps.flatMap(({ disturbs }) => disturbs.map((one) => [one.target, one.sessions] as const)))
  const disturbed = [...sessions.values()].reduce((sum, own) => sum + own, 0)
  const parts = [
    `${count("create")} to create`,
    `${count("change")} to change`,
    ...(count("replace") === 0 ? [] : [`${count("replace")} to make anew`]),
    `${count("remove")} to remove`
  ]
  const effect = disturbed === 0 ? "no session is disturbed" : `disturbs ${counted(disturbed, "session")}`
  return `${parts.join(", ")}; ${effect}`
}

/** The whole plan; conflicts are told elsewhere. */
export const planText = (view: PlanView): string => {
  const { detached = [], drift, kept, name, steps } = view
  const lines = [
    ...steps.flatMap(stepLines),
    ...drift.map(({ message }) => `! drift: ${message}`),
    ...detached.map((text) => `! ${text}; it comes back with its device`),
    ...(kept.length === 0 ? [] : [`in no file, and kept (--prune removes it): ${some(kept)}`]),
    ...(drift.length === 0 ? [] : ["drift stays as it is; --enforce makes it what the file says"]),
    steps.length === 0 ? `nothing to do: ${name} is applied` : summary(view)
  ]
  return lines.map(printable).join("\n")
}
