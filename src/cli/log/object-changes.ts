/** What changed between two moments: asked for page by page, and in lines. */
import { Effect, Option, Schema, Stream } from "effect"
import type { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"
import { ask, type LogSource } from "./log-source.ts"
import { RecordView } from "./RecordView.ts"
import { type LineStyle, recordLine } from "./record-line.ts"

const Change = Schema.Struct({
  field: Schema.String,
  from: Schema.optional(Schema.String),
  to: Schema.optional(Schema.String),
  by: Schema.Array(RecordView)
})

/** One object that differs between two moments, with the records that did it. */
export const ObjectChange = Schema.Struct({
  action: Schema.Literals(["create", "change", "replace", "remove", "made-anew"]),
  object: Schema.String,
  about: Schema.optional(Schema.String),
  detail: Schema.optional(Schema.String),
  changes: Schema.Array(Change),
  by: Schema.Array(RecordView)
})
export type ObjectChange = typeof ObjectChange.Type

const Page = Schema.Struct({
  from: Schema.Number,
  to: Schema.Number,
  total: Schema.Number,
  objects: Schema.Array(ObjectChange),
  next: Schema.optional(Schema.Number)
})

/** Folding a long log without snapshots takes its time; in milliseconds. */
const diffMillis = 600_000

const signs = { create: "+", change: "~", replace: "-/+", remove: "-", "made-anew": "-/+" } as const

const changeLine = ({ field, from, to }: typeof Change.Type): string => {
  const value = (text: string | undefined) => (text === undefined || text === "" ? "" : `: ${text}`)
  if (from === undefined) return `    + ${field}${value(to)}`
  if (to === undefined) return `    - ${field}${value(from)}`
  return `    ~ ${field}: ${from} -> ${to}`
}

const byLines = (by: ReadonlyArray<RecordView>, indent: string, style: LineStyle): ReadonlyArray<string> =>
  by.map((record) => `${indent}${recordLine(record, style)}`)

/** It in lines, as diff(1) marks them. */
export const objectLines = (one: ObjectChange, style: LineStyle): ReadonlyArray<string> => {
  const { action, by, changes, detail, object } = one
  const what = detail === undefined ? object : `${object}: ${detail}`
  const anew = action === "made-anew" ? ", made anew" : ""
  return [
    printable(`${signs[action]} ${what}${anew}`),
    ...changes.flatMap((change) => [printable(changeLine(change)), ...byLines(change.by, "      ", style)]),
    ...byLines(by, "  ", style)
  ]
}

/** Two places in the log, and whether the records are wanted that did it. */
export interface ChangesWish {
  readonly from: string
  readonly to: string
  readonly by: boolean
}

/** All of them, as `eventlog_diff` has them. */
export const changedObjects = (source: LogSource, asked: ChangesWish): Stream.Stream<ObjectChange, CliFailure> =>
  Stream.paginate(0, (skip) =>
    Effect.map(
      ask(source, Page, "eventlog_diff", { ...asked, skip }, { timeoutMillis: diffMillis }),
      ({ next, objects }) => [objects, Option.fromUndefinedOr(next)] as const
    )
  )
