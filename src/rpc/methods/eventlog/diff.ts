/** `eventlog_diff`: what changed between two moments, and by which records. */
import { Effect, Schema } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { objectText } from "../../../history/LogObject.ts"
import { stateAt } from "../../../history/state-at.ts"
import { differing, emptyStarts, explained, type ObjectChange, unexplained } from "../../../history/state-difference.ts"
import { optional, Uint32 } from "../../param.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { logError } from "../dispatch.ts"
import { historyError, momentOf, Place } from "./place.ts"
import { recordBrief } from "./record-view.ts"

/** Objects in one answer: each is looked up in the log. */
const objectsMax = 200

const changeView = ({ about, action, by, changes, detail, object }: ObjectChange) => ({
  action,
  object,
  ...(about === undefined ? {} : { about: objectText(about) }),
  ...(detail === "" ? {} : { detail }),
  changes: changes.map((change) => ({ ...change, by: change.by.map(recordBrief) })),
  by: by.map(recordBrief)
})

/**
 * The `total` objects that differ, from number `skip` on, `limit` of them at most; `next` is where to go on. Without
 * `by` it is not looked up which records did it: that takes time where much has changed.
 */
const eventlogDiff = defineMethod({
  name: "eventlog_diff",
  states: anyState,
  kind: "wait",
  params: Schema.Struct({
    from: Place,
    to: optional(Place),
    skip: optional(Uint32),
    limit: optional(Uint32),
    by: optional(Schema.Boolean)
  }),
  handler: ({ by = true, from, limit = objectsMax, skip = 0, to }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const [a, b] = [yield* momentOf("from", from), yield* momentOf("to", to)]
      const before = yield* Effect.mapError(stateAt(log, a), historyError)
      const after = yield* Effect.mapError(stateAt(log, b), historyError)
      const all = differing(before.state, after.state)
      const range = { from: Math.min(a, b) + 1, to: Math.max(a, b) }
      const page = all.slice(skip, skip + Math.max(1, Math.min(limit, objectsMax)))
      const objects = yield* Effect.gen(function* () {
        if (!by) return page.map(unexplained)
        const starts = yield* emptyStarts(log, range)
        return yield* Effect.forEach(page, (one) => explained(log, one, range, starts), { concurrency: 4 })
      }).pipe(Effect.mapError(logError))
      const next = skip + page.length < all.length ? { next: skip + page.length } : {}
      return { from: a, to: b, total: all.length, objects: objects.map(changeView), ...next }
    })
})

/** This file's methods. */
export const diffMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogDiff]
