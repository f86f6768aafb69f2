/**
 * Where a replay is to stop: a type of records (`LunRemoved`, `Lun*`), a place in the source's log (`4711`, `14:03`,
 * `HEAD-5`), or something that records are about (a target, `TARGET:LUN`, a bdev, an initiator, an address, a file, or
 * a tag such as `portal-group:1`).
 */
import { Result } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import { type PositionContext, parsePosition } from "../position.ts"
import { tagsOf } from "../record-tags.ts"
import { typeGlob } from "../type-glob.ts"
import type { ReplayContent } from "./ReplayRecords.ts"
import { type ReplayStep, throughOf } from "./ReplaySteps.ts"

/** Longest text that is a condition: a name of an object is not longer. */
const textMax = 600

/** Whether to stop at a step. */
export type StopCondition =
  /** Before the first step that is beyond a place; with `isBefore` before the place itself. */
  | { readonly _tag: "Place"; readonly isBeyond: (step: ReplayStep, isBefore: boolean) => boolean }
  /** At a step with such a record. */
  | { readonly _tag: "Match"; readonly matches: (record: LogRecord) => boolean }

const seqPlace = (seq: number): StopCondition => ({
  _tag: "Place",
  isBeyond: (step, isBefore) => (isBefore ? throughOf(step) >= seq : step.records[0].seq > seq)
})

const timePlace = (micros: number): StopCondition => ({
  _tag: "Place",
  isBeyond: ({ records: [{ at }] }, isBefore) => (isBefore ? at >= micros : at > micros)
})

const objectMatch = (text: string): StopCondition => {
  const name = text.toLowerCase()
  const [, target, lun] = /^(.+)[:/](\d{1,3})$/u.exec(name) ?? []
  const tags = new Set([
    text,
    `bdev:${text}`,
    `config:${text}`,
    `target:${name}`,
    `initiator:${name}`,
    `address:${name}`,
    ...(target === undefined ? [] : [`lun:${target}/${lun}`])
  ])
  const isShort = (tag: string): boolean =>
    (tag.startsWith("target:") || tag.startsWith("initiator:")) && tag.endsWith(`:${name}`)
  const isShortLun = (tag: string): boolean =>
    target !== undefined && tag.startsWith("lun:") && tag.endsWith(`:${target}/${lun}`)
  return {
    _tag: "Match",
    matches: (record) => tagsOf(record).some((tag) => tags.has(tag) || isShort(tag) || isShortLun(tag))
  }
}

/** Types begin with a capital letter and have no other punctuation than `*` and `?`; few objects are called so. */
const isTypeName = (text: string, known: ReadonlySet<string>): boolean =>
  known.has(text) || (/^[A-Za-z*?]+$/u.test(text) && /[*?]/u.test(text))

/**
 * The condition of a text, or what is wrong with it. `types` are those of records that are known; a type that is not is
 * taken for the name of an object.
 */
export const parseStop = (
  text: string,
  types: ReadonlySet<string>,
  content: ReplayContent,
  context: PositionContext
): Result.Result<StopCondition, string> => {
  if (text.trim() === "" || text.length > textMax) {
    return Result.fail(
      `write a type of records, a place in the source's log or an object, of at most ${textMax} characters`
    )
  }
  if (isTypeName(text, types)) {
    const isWanted = typeGlob(text)
    return Result.succeed({ _tag: "Match", matches: ({ type }) => isWanted(type) })
  }
  const position = parsePosition(text, context)
  if (Result.isFailure(position)) return Result.succeed(objectMatch(text))
  switch (position.success._tag) {
    case "Seq":
      return Result.succeed(seqPlace(position.success.seq))
    case "Back":
      return Result.succeed(seqPlace(content.through - position.success.count))
    case "Time":
      return Result.succeed(timePlace(position.success.micros))
  }
}
