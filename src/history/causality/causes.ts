/** What led to a record: who or what came before it, as far back as the log knows. */
import { Effect, Stream } from "effect"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import { memberOf } from "../describe/words.ts"
import { objectTag } from "../LogObject.ts"
import { type CausalNode, type CausalWalk, newestBefore, type Relation, recordAt } from "./CausalNode.ts"
import { sameRequest } from "./same-request.ts"
import { creatorsOf, isSameIncarnation, refersTo, removalStartOf, subjectOf } from "./subject.ts"

/** How far back. */
const depthMax = 6
/** Records of one relation. */
const widthMax = 8
/** What went wrong, or was asked for, shortly before a session ended. */
const wrongBeforeMax = 3

type Found = ReadonlyArray<readonly [Relation, LogRecord]>

const isThere = (record: LogRecord | undefined): record is LogRecord => record !== undefined

const loginTypes = ["TargetNodeMapsAdded", "TargetNodeMapsRemoved", "TargetNodeMapAccessSet", "TargetNodeAuthSet"].map(
  (type) => `type:${type}`
)

/** The record that opened the session that this one is of: its handle is given anew after each start. */
const openingOf = ({ log }: CausalWalk, record: LogRecord) =>
  Effect.gen(function* () {
    const { tsih } = refersTo(record)
    if (tsih === undefined || record.type === "SessionOpened") return undefined
    const opened = yield* newestBefore(log, record.seq - 1, [[`session:${tsih}`], ["type:SessionOpened"]])
    if (opened === undefined) return undefined
    const started = yield* newestBefore(log, record.seq - 1, [["type:EpochStarted"]])
    return started !== undefined && started.seq > opened.seq ? undefined : opened
  })

/** The last change of the disk that IO failed at, and of who may log in where a login was refused. */
const lastChangeOf = ({ log }: CausalWalk, record: LogRecord) =>
  Effect.gen(function* () {
    if (record.kind !== "observation") return undefined
    const { bdev, target } = refersTo(record)
    if (record.type === "LoginRefused" && target !== undefined) {
      return yield* newestBefore(log, record.seq - 1, [[`target:${target.toLowerCase()}`], loginTypes])
    }
    if (bdev === undefined || record.type.startsWith("Lun")) return undefined
    const isOwn = ({ payload, type }: LogRecord) => type.startsWith("Bdev") && memberOf(payload, "name") === bdev
    return yield* newestBefore(log, record.seq - 1, [[`bdev:${bdev}`], ["control"]], isOwn)
  })

const wrongBefore = ({ log }: CausalWalk, record: LogRecord, opened: LogRecord | undefined) => {
  const { tsih } = refersTo(record)
  if (record.type !== "SessionClosed" || opened === undefined || tsih === undefined) return Effect.succeed([])
  const query = {
    tags: [[`session:${tsih}`], ["trouble", "type:SessionLogoutRequested"]],
    from: opened.seq,
    to: record.seq - 1,
    reverse: true
  }
  return Stream.runCollect(Stream.take(log.find(query), wrongBeforeMax))
}

/** The beginning of the removal that this record ends: one that a start has ended names no other as its cause. */
const removalStart = ({ log }: CausalWalk, record: LogRecord): Effect.Effect<LogRecord | undefined, LogReadFailed> => {
  const [start, subject] = [removalStartOf(record.type), subjectOf(record)]
  if (start === undefined || subject === undefined) return Effect.undefined
  const tags = [[objectTag(subject)], [`type:${start}`]]
  return newestBefore(log, record.seq - 1, tags, (one) => isSameIncarnation(one, record))
}

const causesAbove = (walk: CausalWalk, record: LogRecord): Effect.Effect<Found, LogReadFailed> =>
  Effect.gen(function* () {
    const { correlationId } = record.cause
    const led = correlationId === undefined ? undefined : yield* recordAt(walk.log, correlationId)
    const begun = yield* removalStart(walk, record)
    const { before } = yield* sameRequest(walk.log, record)
    const creators = yield* Effect.forEach(creatorsOf(record), (seq) => recordAt(walk.log, seq))
    const opened = yield* openingOf(walk, record)
    const changed = yield* lastChangeOf(walk, record)
    const wrong = yield* wrongBefore(walk, record, opened)
    const found: ReadonlyArray<readonly [Relation, LogRecord | undefined]> = [
      ["led to it", led],
      ["led to it", begun],
      ...before.slice(-widthMax).map((one) => ["same request", one] as const),
      ...creators.map((one) => ["created it", one] as const),
      ["its session", opened],
      ["changed it last", changed],
      ...wrong.map((one) => ["came before", one] as const)
    ]
    return found.flatMap(([relation, one]) => (isThere(one) && one.seq < record.seq ? [[relation, one] as const] : []))
  })

/** What a thing was made of, or who opened a session, explains it; what made that in turn does not. */
const goesOn: ReadonlySet<Relation> = new Set(["led to it", "same request", "changed it last", "came before"])

/** The causes of a record, oldest first, each with its own. */
export const causesOf = (
  walk: CausalWalk,
  record: LogRecord,
  depth = 0
): Effect.Effect<ReadonlyArray<CausalNode>, LogReadFailed> =>
  Effect.gen(function* () {
    if (depth >= depthMax) return []
    const found = yield* causesAbove(walk, record)
    const relations = new Map<number, Relation>()
    for (const [relation, { seq }] of found) if (!relations.has(seq)) relations.set(seq, relation)
    const taken = walk.take(found.map(([, one]) => one))
    const nodes = yield* Effect.forEach(taken, (one) =>
      Effect.gen(function* () {
        const relation = relations.get(one.seq) ?? "led to it"
        const children = goesOn.has(relation) ? yield* causesOf(walk, one, depth + 1) : []
        return { record: one, relation, children }
      })
    )
    return nodes.toSorted((a, b) => a.record.seq - b.record.seq)
  })
