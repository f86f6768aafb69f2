/** `eventlog_timeline`: what there was when, as lanes, for a picture. */
import { Effect, Schema } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { describeRecord } from "../../../history/describe/describe-record.ts"
import { objectTag } from "../../../history/LogObject.ts"
import { resolveObject } from "../../../history/resolve-object.ts"
import { stateAt } from "../../../history/state-at.ts"
import { readTimeline } from "../../../history/timeline/read-timeline.ts"
import { TIMELINE_CELLS_MAX } from "../../../history/timeline/Timeline.ts"
import { optional, Uint32 } from "../../param.ts"
import { errnoError, rpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { filterError, filterParams } from "./filter-params.ts"
import { historyError, positionOf } from "./place.ts"

const cellsDefault = 120

/** One answer, whose size the cells and lanes bound; it takes as long as reading the records of the range. */
const eventlogTimeline = defineMethod({
  name: "eventlog_timeline",
  states: anyState,
  kind: "wait",
  paramsOptional: true,
  params: Schema.Struct({
    since: filterParams.since,
    until: filterParams.until,
    object: filterParams.object,
    cells: optional(Uint32)
  }),
  handler: ({ cells = cellsDefault, object = [], since, until = "now" }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const resolved = Effect.forEach(object, (text) => resolveObject(log, text))
      const objects = (yield* Effect.mapError(resolved, filterError)).flat().map(objectTag)
      const query = {
        ...(objects.length === 0 ? {} : { objects: new Set(objects) }),
        since: since === undefined ? undefined : yield* positionOf("since", since),
        until: yield* positionOf("until", until),
        cells: Math.min(cells, TIMELINE_CELLS_MAX)
      }
      const state = (seq: number) => Effect.map(stateAt(log, seq), ({ state }) => state)
      const read = readTimeline(log, query, state, describeRecord)
      const found = yield* Effect.mapError(read, historyError)
      return found ?? (yield* rpcError(errnoError("ENOENT"), { reason: "the event log is empty" }))
    })
})

/** This file's methods. */
export const timelineMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogTimeline]
