/**
 * Questions about the past: what `lunlog log show`, `state`, `diff`, `why` and `timeline` ask (docs/rpc.md). Times are
 * microseconds since 1970.
 */
import { cause } from "./log-methods.ts"
import { method } from "./RpcClient.ts"
import {
  anything,
  flag,
  list,
  number,
  object,
  optional,
  orElse,
  type Read,
  type Reader,
  text,
  words
} from "./reader-codec.ts"

const brief = {
  seq: number,
  at: number,
  kind: text,
  type: text,
  v: number,
  cause,
  text: words,
  trouble: orElse(flag, false)
}
const recordBrief = object(brief)
/** A record that is named beside others. */
export type RecordBrief = Read<typeof recordBrief>

const recordWhole = object({
  ...brief,
  payload: anything,
  hash: optional(text),
  control_no: anything,
  prev_control: anything,
  segment: anything
})
/** A record with all that it holds. */
export type RecordWhole = Read<typeof recordWhole>

const leftOut = object({ count: number, at_least: flag, filter: text })
/** What a list leaves out, and the flags of `lunlog log tail` that show it. */
export type LeftOut = Read<typeof leftOut>

/** A record that led to another, or came of it. */
export interface CausalNode {
  readonly relation: string
  readonly record: RecordBrief
  readonly children: ReadonlyArray<CausalNode>
  readonly left_out: LeftOut | undefined
}

/** Trees are read as deep as this. */
const levelsMax = 200

const causalNode =
  (level: number): Reader<CausalNode> =>
  (value) =>
    object({
      relation: text,
      record: recordBrief,
      children: level >= levelsMax ? () => [] : list(causalNode(level + 1)),
      left_out: optional(leftOut)
    })(value)

const shown = object({
  record: recordWhole,
  /** What it is about, as questions name objects. */
  objects: orElse(list(text), []),
  causes: list(causalNode(0)),
  consequences: list(causalNode(0)),
  left_out: optional(leftOut)
})
/** A record with what led to it and what came of it. */
export type ShownRecord = Read<typeof shown>

/** `eventlog_show`. */
export const showRecord = method("eventlog_show", shown)

const change = object({ field: words, from: optional(words), to: optional(words), by: list(recordBrief) })
/** A member of an object that is another. */
export type MemberChange = Read<typeof change>

const objectChange = object({
  action: text,
  object: words,
  about: optional(text),
  detail: optional(words),
  changes: list(change),
  by: list(recordBrief)
})
/** An object that is another, new, or gone. */
export type ObjectChange = Read<typeof objectChange>

const difference = object({
  from: number,
  to: number,
  total: number,
  objects: list(objectChange),
  next: optional(number)
})
/** What two moments differ in. */
export type Difference = Read<typeof difference>

/** `eventlog_diff`. */
export const diffStates = method("eventlog_diff", difference)

const pastState = object({
  seq: number,
  at: optional(number),
  control_seq: number,
  control_no: number,
  control_hash: text,
  text
})
/** The state at a moment: `text` is a configuration file, or canonical JSON. */
export type PastState = Read<typeof pastState>

/** `eventlog_state`. */
export const stateAt = method("eventlog_state", pastState)

const life = object({
  from: number,
  to: optional(number),
  created: optional(recordBrief),
  ended: optional(recordBrief),
  attached: orElse(flag, false)
})
/** One of the things that had a name, one after the other. */
export type Life = Read<typeof life>

const topic = object({
  object: text,
  words,
  role: text,
  records: list(recordBrief),
  left_out: optional(leftOut)
})
/** What made one of the objects that the one in question depends on. */
export type WhyTopic = Read<typeof topic>

const why = object({
  object: text,
  words,
  seq: number,
  life,
  earlier: list(life),
  earlier_count: number,
  topics: list(topic)
})
/** What made an object what it is, or was. */
export type Why = Read<typeof why>

/** `eventlog_why`. */
export const whyObject = method("eventlog_why", why)

const span = object({
  phase: text,
  from: number,
  to: number,
  from_seq: optional(number),
  to_seq: optional(number),
  merged: optional(number)
})
/** A time in which an object was in one phase. */
export type Span = Read<typeof span>

const mark = object({
  severity: text,
  at: number,
  until: number,
  seq: number,
  records: number,
  count: number,
  text: words
})
/** Something that happened. */
export type Mark = Read<typeof mark>

const lane = object({ kind: text, title: words, spans: list(span), marks: list(mark) })
/** An object in a picture of what there was when. */
export type Lane = Read<typeof lane>

const place = object({ seq: number, at: number })
const timeline = object({
  from: place,
  to: place,
  cell_micros: number,
  records: number,
  lanes: list(lane),
  lanes_hidden: number
})
/** What there was when. */
export type Timeline = Read<typeof timeline>

/** `eventlog_timeline`. */
export const readTimeline = method("eventlog_timeline", timeline)
