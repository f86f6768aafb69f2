/**
 * Which records the log's page shows: the filters of `lunlog log tail`, as they stand in the page's address, in the
 * parameters of `eventlog_tail` and `eventlog_read`, and on a command line.
 */

/** Conditions of which there may be several: of one kind any may hold. */
export const conditionKinds = ["type", "object", "initiator", "cause", "grep"] as const
/** One of them. */
export type ConditionKind = (typeof conditionKinds)[number]

/** Of different kinds all must hold. */
export interface LogQuery extends Readonly<Record<ConditionKind, ReadonlyArray<string>>> {
  readonly kind: "control" | "observation" | undefined
  /** Only what went wrong. */
  readonly errors: boolean
  /** Places in the log: a number, a time in UTC, `10 minutes ago`. */
  readonly since: string | undefined
  readonly until: string | undefined
}

/** Conditions of one kind that the server takes. */
const conditionsMax = 32
/** Longest condition that the server takes, in characters. */
const lengthMax: Readonly<Record<ConditionKind, number>> = {
  type: 64,
  object: 512,
  initiator: 512,
  cause: 512,
  grep: 256
}
const placeLengthMax = 64

/** Everything. */
export const everyRecord: LogQuery = {
  type: [],
  object: [],
  initiator: [],
  cause: [],
  grep: [],
  kind: undefined,
  errors: false,
  since: undefined,
  until: undefined
}

const placeIn = (search: URLSearchParams, name: string): string | undefined => {
  const text = search.get(name)?.trim() ?? ""
  return text === "" || text.length > placeLengthMax ? undefined : text
}

/** Reads an address; what the server would not take is left out. */
export const queryOf = (search: URLSearchParams): LogQuery => {
  const conditions = (kind: ConditionKind): ReadonlyArray<string> =>
    [...new Set(search.getAll(kind).map((text) => text.trim()))]
      .filter((text) => text !== "" && text.length <= lengthMax[kind])
      .slice(0, conditionsMax)
  const kind = search.get("kind")
  return {
    type: conditions("type"),
    object: conditions("object"),
    initiator: conditions("initiator"),
    cause: conditions("cause"),
    grep: conditions("grep"),
    kind: kind === "control" || kind === "observation" ? kind : undefined,
    errors: search.get("errors") === "true",
    since: placeIn(search, "since"),
    until: placeIn(search, "until")
  }
}

/** The part of an address that `queryOf` reads, in a fixed order, so that equal queries have one address. */
export const searchOf = (query: LogQuery): URLSearchParams => {
  const search = new URLSearchParams()
  for (const kind of conditionKinds) for (const text of query[kind]) search.append(kind, text)
  if (query.kind !== undefined) search.set("kind", query.kind)
  if (query.errors) search.set("errors", "true")
  if (query.since !== undefined) search.set("since", query.since)
  if (query.until !== undefined) search.set("until", query.until)
  return search
}

const placeOf = (text: string): number | string => (/^-?\d{1,15}$/u.test(text) ? Number(text) : text)

/** Parameters of `eventlog_tail` and `eventlog_read`. */
export const paramsOf = (query: LogQuery): Readonly<Record<string, unknown>> => ({
  ...Object.fromEntries(conditionKinds.filter((kind) => query[kind].length > 0).map((kind) => [kind, query[kind]])),
  ...(query.kind === undefined ? {} : { kind: query.kind }),
  ...(query.errors ? { errors: true } : {}),
  ...(query.since === undefined ? {} : { since: placeOf(query.since) }),
  ...(query.until === undefined ? {} : { until: placeOf(query.until) })
})

/** With another condition; one that is there already changes nothing. */
export const withCondition = (query: LogQuery, kind: ConditionKind, text: string): LogQuery => {
  const trimmed = text.trim().slice(0, lengthMax[kind])
  const isThere = trimmed === "" || query[kind].includes(trimmed) || query[kind].length >= conditionsMax
  return isThere ? query : { ...query, [kind]: [...query[kind], trimmed] }
}

/** Without it. */
export const withoutCondition = (query: LogQuery, kind: ConditionKind, text: string): LogQuery => ({
  ...query,
  [kind]: query[kind].filter((other) => other !== text)
})

/** Whether every record is shown. */
export const isEverything = (query: LogQuery): boolean => searchOf(query).size === 0

/** For a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./#-]+$/u.test(text) && !text.startsWith("#") ? text : `'${text.replaceAll("'", "'\\''")}'`

/** The command line that shows the same. */
export const tailCommand = (query: LogQuery): string => {
  const words = conditionKinds.flatMap((kind) => query[kind].map((text) => `--${kind} ${shellWord(text)}`))
  return [
    "lunlog log tail",
    ...words,
    ...(query.kind === undefined ? [] : [`--kind ${query.kind}`]),
    ...(query.errors ? ["--errors"] : []),
    ...(query.since === undefined ? [] : [`--since ${shellWord(query.since)}`]),
    ...(query.until === undefined ? [] : [`--until ${shellWord(query.until)}`])
  ].join(" ")
}
