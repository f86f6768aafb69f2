/**
 * Which records: the filter language of all commands. Of one kind of condition any may hold, of different kinds all
 * must: `--type Lun* --type Bdev* --object disk1` is what LUNs and bdevs of disk1 went through.
 */
import { Effect, Schema, Stream } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { suggestion } from "../config/native/closest.ts"
import { Event } from "../domain/Event.ts"
import { Observation } from "../domain/observation/Observation.ts"
import { describeRecord } from "./describe/describe-record.ts"
import { describedObservations } from "./describe/observation-sentence.ts"
import { objectTag } from "./LogObject.ts"
import { type ObjectUnknown, resolveObject } from "./resolve-object.ts"
import { typeGlob } from "./type-glob.ts"

/** Conditions as they are asked for; absent or empty ones ask nothing. */
export interface LogConditions {
  /** Types, with `*` and `?`, in any case. */
  readonly types?: ReadonlyArray<string>
  /** Objects: see `LogObject.ts`. */
  readonly objects?: ReadonlyArray<string>
  /** Names or addresses of initiators. */
  readonly initiators?: ReadonlyArray<string>
  /** A source (`rpc`), a method, an actor, or the number of the record that led to it. */
  readonly causes?: ReadonlyArray<string>
  readonly kind?: "control" | "observation"
  /** Only what went wrong. */
  readonly errors?: boolean
  /** What is to be found in the words of a record (`describeRecord`), in any case. */
  readonly words?: ReadonlyArray<string>
}

/** What the conditions come to. */
export interface LogFilter {
  /** For `LogArchive.find`. */
  readonly tags: ReadonlyArray<ReadonlyArray<string>>
  /** What tags cannot say. */
  readonly matches: (record: LogRecord) => boolean
}

/** A condition that no record can meet. */
export class ConditionRefused extends Schema.TaggedError<ConditionRefused>()("ConditionRefused", {
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
}

/** Why there is no filter. */
export type FilterError = LogReadFailed | ObjectUnknown | ConditionRefused

/** What records are called: events, and observations. */
const recordTypes: ReadonlyArray<string> = [
  ...new Set([...Object.keys(Event.cases), ...Object.keys(Observation.cases), ...describedObservations])
]

const globMax = 64

const typeTags = (types: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, ConditionRefused> =>
  Effect.map(
    Effect.forEach(types, (text) => {
      const found = recordTypes.filter(typeGlob(text.slice(0, globMax)))
      if (found.length > 0) return Effect.succeed(found)
      const hint = suggestion(text, recordTypes)
      return new ConditionRefused({ detail: `no record is of the type ${JSON.stringify(text)}${hint}` })
    }),
    (found) => found.flat().map((type) => `type:${type}`)
  )

/** By name, or else by address. */
const resolveHost = (log: LogArchiveShape, text: string) =>
  resolveObject(log, `initiator:${text}`).pipe(
    Effect.catchTag("ObjectUnknown", (unknown) =>
      Effect.catchTag(resolveObject(log, `address:${text}`), "ObjectUnknown", () => unknown)
    )
  )

/** The actor `local` has no tag: nearly every record of a socket would carry it. */
const causeTags = (text: string): ReadonlyArray<string> => {
  const number = /^#?(\d{1,16})$/u.exec(text)?.[1]
  const named = [`source:${text}`, `actor:${text}`, `method:${text}`, `address:${text.toLowerCase()}`]
  return number === undefined ? named : [`correlation:${Number(number)}`]
}

const any = (tags: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => (tags.length === 0 ? [] : [tags])

/** The filter of some conditions. Names are looked up in the log. */
export const logFilter = (log: LogArchiveShape, wanted: LogConditions): Effect.Effect<LogFilter, FilterError> =>
  Effect.gen(function* () {
    const { causes = [], errors = false, initiators = [], kind, objects = [], types = [], words = [] } = wanted
    const named = yield* Effect.forEach(objects, (text) => resolveObject(log, text))
    const hosts = yield* Effect.forEach(initiators, (text) => resolveHost(log, text))
    const isLocal = causes.includes("local")
    const tags = [
      ...any(yield* typeTags(types)),
      ...any(named.flat().map(objectTag)),
      ...any(hosts.flat().map(objectTag)),
      ...(isLocal ? [] : any(causes.flatMap(causeTags))),
      ...(errors ? [["trouble"]] : []),
      ...(kind === "control" ? [["control"]] : [])
    ]
    const isCause = ({ cause }: LogRecord): boolean =>
      !isLocal || [cause.actor, cause.source, cause.method].some((one) => one !== undefined && causes.includes(one))
    const isKind = (record: LogRecord): boolean => kind === undefined || record.kind === kind
    const sought = words.map((text) => text.toLowerCase())
    const hasWords = (record: LogRecord): boolean => {
      if (sought.length === 0) return true
      const text = describeRecord(record).toLowerCase()
      return sought.some((one) => text.includes(one))
    }
    return { tags, matches: (record) => isKind(record) && isCause(record) && hasWords(record) }
  })

/** Which part of the log, and from which end. */
export interface LogRange {
  /** First and last seq, inclusive. */
  readonly from?: number
  readonly to?: number
  /** The newest first. */
  readonly reverse?: boolean
}

/** The records of a filter. */
export const findMatching = (
  log: LogArchiveShape,
  { matches, tags }: LogFilter,
  range: LogRange
): Stream.Stream<LogRecord, LogReadFailed> => Stream.filter(log.find({ ...range, tags }), matches)
