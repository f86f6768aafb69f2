/**
 * Why a thing is what it is, or was: the records that made it so, and those of what it depends on. A LUN depends on its
 * bdev and what that is stacked on, on its target, and on the groups that let initiators in; a session on its target
 * and on the groups that let it in.
 */
import { Effect, Option, Schema, Stream } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import { subjectOf } from "../causality/subject.ts"
import { type LogObject, objectTag, objectText, objectWords } from "../LogObject.ts"
import { type StateAtError, stateAt } from "../state-at.ts"
import { dependenciesOf } from "./dependencies.ts"
import { type Life, livesOf } from "./lives.ts"

/** The records of one thing, and what it is to the one that was asked about. */
export interface WhyTopic {
  readonly object: LogObject
  /** `itself`, or such as `its bdev`. */
  readonly role: string
  /** In order: the first ones are what made it, then the newest. */
  readonly records: ReadonlyArray<LogRecord>
  /** How many are left out in between, and what shows them. */
  readonly leftOut?: { readonly count: number; readonly isAtLeast: boolean; readonly filter: string }
}

/** The answer. */
export interface Why {
  readonly object: LogObject
  /** Oldest first; `life` is the one that is told. */
  readonly lives: ReadonlyArray<Life>
  readonly life: Life
  readonly topics: ReadonlyArray<WhyTopic>
}

/** There was no such thing up to the moment that was asked about. */
export class NeverThere extends Schema.TaggedError<NeverThere>()("NeverThere", {
  object: Schema.String,
  seq: Schema.Number,
  /** Where the log begins, if not with its first record. */
  begins: Schema.optionalKey(Schema.Number)
}) {
  override get message() {
    const none = `there was no ${this.object} up to record ${this.seq}`
    return this.begins === undefined
      ? `${none}; name a later moment with --at`
      : `${none}, as far as the log says, which begins with the state at record ${this.begins}`
  }
}

/** Records of one topic: the first, which made it, and the newest. */
const firstMax = 4
const newestMax = 16
const countedMax = 250

/** What is told of a thing that is not itself in question: what changed it. */
const isChange = (object: LogObject) => (record: LogRecord) => {
  const subject = subjectOf(record)
  return record.kind === "control" && subject !== undefined && objectTag(subject) === objectTag(object)
}

/** Of what lives by observations, everything; of the rest what changed the state. */
const isTold =
  (object: LogObject) =>
  (record: LogRecord): boolean =>
    record.kind === "control" || ["Session", "Initiator", "Address"].includes(object._tag)

interface Wanted {
  readonly object: LogObject
  readonly role: string
  readonly from: number
  readonly to: number
}

const topicOf = (
  log: LogArchiveShape,
  { from, object, role, to }: Wanted,
  isWanted: (record: LogRecord) => boolean
): Effect.Effect<WhyTopic, LogReadFailed> =>
  Effect.gen(function* () {
    const isState = !["Session", "Initiator", "Address"].includes(object._tag)
    const tags = [[objectTag(object)], ...(isState ? [["control"]] : [])]
    const found = (reverse: boolean, count: number) =>
      log.find({ tags, from, to, reverse }).pipe(Stream.filter(isWanted), Stream.take(count), Stream.runCollect)
    const all = yield* found(false, countedMax)
    if (all.length <= firstMax + newestMax) return { object, role, records: all }
    const newest = all.length < countedMax ? all.slice(-newestMax) : (yield* found(true, newestMax)).toReversed()
    const first = all.slice(0, firstMax)
    const filter = `--object ${objectText(object)} --since ${from} --until ${to}`
    const leftOut = { count: all.length - firstMax - newestMax, isAtLeast: all.length === countedMax, filter }
    return { object, role, records: [...first, ...newest], leftOut }
  })

/** The life that a moment belongs to: the one that goes on then, else the last one before. */
const lifeAt = (lives: ReadonlyArray<Life>, to: number): Life | undefined => lives.findLast((life) => life.from <= to)

const endTypes = ["LunRemovalStarted", "BdevRemovalStarted", "TargetNodeDeletionStarted"].map((type) => `type:${type}`)

/** The last record before something that is gone began to go: what it depended on is what it had then. */
const lastWhole = (
  log: LogArchiveShape,
  object: LogObject,
  life: Life,
  end: number
): Effect.Effect<number, LogReadFailed> =>
  log.find({ tags: [[objectTag(object)], endTypes], from: life.from, to: end, reverse: true }).pipe(
    Stream.filter(isChange(object)),
    Stream.runHead,
    Effect.map((began) => Option.match(began, { onNone: () => end, onSome: ({ seq }) => seq })),
    Effect.map((began) => Math.max(life.from, began - 1))
  )

/** Why `object` is what it is at record `to`, or what it was when it was there last. */
export const whyOf = (
  log: LogArchiveShape,
  object: LogObject,
  to: number
): Effect.Effect<Why, StateAtError | NeverThere> =>
  Effect.gen(function* () {
    const lives = yield* livesOf(log, object, to)
    const life = lifeAt(lives, to)
    if (life === undefined) {
      const begins = log.beginning()?.controlSeq
      const told = begins === undefined ? {} : { begins }
      return yield* new NeverThere({ object: objectWords(object), seq: to, ...told })
    }
    const last = life.to ?? to
    const { state } = yield* stateAt(log, life.to === undefined ? to : yield* lastWhole(log, object, life, life.to))
    const dependencies = yield* dependenciesOf(log, state, object, life)
    const own = yield* topicOf(log, { object, role: "itself", from: life.from, to: last }, isTold(object))
    const others = yield* Effect.forEach(dependencies, ({ from, object: other, role }) =>
      topicOf(log, { object: other, role, from, to: last }, isChange(other))
    )
    return { object, lives, life, topics: [own, ...others.filter(({ records }) => records.length > 0)] }
  })
