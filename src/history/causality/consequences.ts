/** What came of a record: what it led to, the rest of its request, and what the thing that it made went through. */
import { Effect, Stream } from "effect"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import { memberOf } from "../describe/words.ts"
import { type LogObject, objectTag, objectText } from "../LogObject.ts"
import type { CausalNode, CausalWalk, LeftOut, Relation } from "./CausalNode.ts"
import { sameRequest } from "./same-request.ts"
import { changesIo, endingOf, isSameIncarnation, removalEndOf, subjectOf } from "./subject.ts"

const depthMax = 5
/** Records of one relation. */
const widthMax = 20
/** What a thing went through: so many are told, and so many are counted. */
const lifeMax = 10
const countedMax = 1000

interface Found {
  readonly nodes: ReadonlyArray<readonly [Relation, LogRecord]>
  readonly leftOut?: LeftOut
}

const nothing: Found = { nodes: [] }

const ledTo = ({ log }: CausalWalk, { seq }: LogRecord): Effect.Effect<Found, LogReadFailed> =>
  Effect.gen(function* () {
    const query = { tags: [[`correlation:${seq}`]], from: seq + 1 }
    const found = yield* Stream.runCollect(Stream.take(log.find(query), countedMax))
    const nodes = found.slice(0, widthMax).map((one) => ["came of it", one] as const)
    if (found.length <= widthMax) return { nodes }
    const isAtLeast = found.length === countedMax
    return { nodes, leftOut: { count: found.length - widthMax, isAtLeast, filter: `--cause '#${seq}'` } }
  })

/** The end of the removal that this record begins, if a start has ended it: that names no other record as its cause. */
const removalEnd = ({ log }: CausalWalk, record: LogRecord): Effect.Effect<ReadonlyArray<LogRecord>, LogReadFailed> => {
  const [end, subject] = [removalEndOf(record.type), subjectOf(record)]
  if (end === undefined || subject === undefined) return Effect.succeed([])
  return log.find({ tags: [[objectTag(subject)], [`type:${end}`]], from: record.seq + 1 }).pipe(
    Stream.filter((one) => isSameIncarnation(one, record)),
    Stream.take(1),
    Stream.runCollect
  )
}

const isSame = (a: LogObject | undefined, b: LogObject): boolean => a !== undefined && objectTag(a) === objectTag(b)

/** Whether this ends what `first` has begun. A session ends with its process, too. */
const endsIt = (first: LogRecord, subject: LogObject) => {
  const ending = endingOf(first.type)
  return (one: LogRecord): boolean => {
    if (one.type === "EpochStarted") return subject._tag === "Session" || memberOf(one.payload, "mode") === "empty"
    return one.type === ending && isSame(subjectOf(one), subject)
  }
}

/** All that a thing went through until it ended; of a change of IO, what went wrong until the next change. */
const lifeOf = ({ log }: CausalWalk, first: LogRecord): Effect.Effect<Found, LogReadFailed> =>
  Effect.gen(function* () {
    const subject = subjectOf(first)
    const isChange = changesIo(first.type)
    if (subject === undefined || (endingOf(first.type) === undefined && !isChange)) return nothing
    const isEnd = endsIt(first, subject)
    const isNextChange = (one: LogRecord) => one.kind === "control" && isSame(subjectOf(one), subject)
    const tags = isChange ? [[objectTag(subject)], ["trouble", "control"]] : [[objectTag(subject), "type:EpochStarted"]]
    let isOver = false
    const until = (one: LogRecord): boolean => {
      if (isOver) return false
      isOver = isChange ? isNextChange(one) : isEnd(one)
      return !(isChange && isOver)
    }
    const isAbout = (one: LogRecord) => one.type !== "EpochStarted" || isEnd(one)
    const found = yield* log
      .find({ tags, from: first.seq + 1 })
      .pipe(Stream.takeWhile(until), Stream.filter(isAbout), Stream.take(countedMax), Stream.runCollect)
    if (found.length <= lifeMax) return { nodes: found.map((one) => ["afterwards", one] as const) }
    // The end is what one wants to know.
    const told = [...found.slice(0, lifeMax - 1), ...found.slice(-1)]
    const filter = `--object ${objectText(subject)} --since ${first.seq + 1} --until ${found.at(-1)?.seq ?? first.seq}`
    const isAtLeast = found.length === countedMax
    const leftOut = { count: found.length - told.length, isAtLeast, filter }
    return { nodes: told.map((one) => ["afterwards", one] as const), leftOut }
  })

/** The consequences of a record, oldest first, each with its own; and what is left out. */
export const consequencesOf = (
  walk: CausalWalk,
  record: LogRecord,
  depth = 0
): Effect.Effect<Pick<CausalNode, "children" | "leftOut">, LogReadFailed> =>
  Effect.gen(function* () {
    if (depth >= depthMax) return { children: [] }
    const led = yield* ledTo(walk, record)
    const { after } = depth === 0 ? yield* sameRequest(walk.log, record) : { after: [] }
    const life = depth === 0 ? yield* lifeOf(walk, record) : nothing
    const request = after.slice(0, widthMax).map((one) => ["same request", one] as const)
    const removed = (yield* removalEnd(walk, record)).map((one) => ["came of it", one] as const)
    const relations = new Map<number, Relation>()
    const found = [...led.nodes, ...request, ...removed, ...life.nodes]
    for (const [relation, { seq }] of found) if (!relations.has(seq)) relations.set(seq, relation)
    const all = found.map(([, one]) => one).sort((a, b) => a.seq - b.seq)
    // What another of them led to stands below that one.
    const seqs = new Set(all.map(({ seq }) => seq))
    const own = all.filter(({ cause: { correlationId } }) => correlationId === undefined || !seqs.has(correlationId))
    const children = yield* Effect.forEach(walk.take(own), (one) =>
      Effect.map(consequencesOf(walk, one, depth + 1), (below) => ({
        record: one,
        relation: relations.get(one.seq) ?? ("came of it" as const),
        ...below
      }))
    )
    const leftOut = led.leftOut ?? life.leftOut
    return leftOut === undefined ? { children } : { children, leftOut }
  })
