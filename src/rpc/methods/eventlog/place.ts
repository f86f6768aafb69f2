/** Places in the log as parameters: a seq, a negative number back from the end, or text. Times are UTC here. */
import { Clock, Effect, Result, Schema } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import {
  type Position,
  parsePosition,
  positionForms,
  resolvePosition,
  resolveStart
} from "../../../history/position.ts"
import type { StateAtError } from "../../../history/state-at.ts"
import { SafeInteger, text } from "../../param.ts"
import { errnoError, invalidParameters, type RpcError, rpcError } from "../../RpcError.ts"
import { logError } from "../dispatch.ts"

/** `4711`, `-5`, `"HEAD"`, `"2026-11-22T14:03Z"`, `"10 minutes ago"`. */
export const Place = Schema.Union([SafeInteger, text(64)])
export type Place = typeof Place.Type

/** The place that the parameter `name` says. */
export const positionOf = (name: string, place: Place): Effect.Effect<Position, RpcError> =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMillis) => {
    if (typeof place === "number") {
      return Effect.succeed<Position>(place < 0 ? { _tag: "Back", count: -place } : { _tag: "Seq", seq: place })
    }
    const position = parsePosition(place, { nowMillis, zone: "utc" })
    if (Result.isSuccess(position)) return Effect.succeed(position.success)
    return Effect.fail(rpcError(invalidParameters, { reason: position.failure, object: name, allowed: positionForms }))
  })

/** The last record at or before a place: the last of all if none is given. */
export const lastSeqOf = (name: string, place: Place | undefined): Effect.Effect<number, RpcError, LogArchive> =>
  Effect.gen(function* () {
    const log = yield* LogArchive
    if (place === undefined) return log.durable().seq
    return yield* Effect.mapError(resolvePosition(log, yield* positionOf(name, place)), logError)
  })

/** A moment to look at: as `lastSeqOf`, but a number that no record has yet is refused: it is a mistake. */
export const momentOf = (name: string, place: Place | undefined): Effect.Effect<number, RpcError, LogArchive> =>
  Effect.gen(function* () {
    if (place === undefined) return yield* lastSeqOf(name, place)
    const last = (yield* LogArchive).durable().seq
    const position = yield* positionOf(name, place)
    if (position._tag !== "Seq" || position.seq <= last) return yield* lastSeqOf(name, place)
    const reason = `the log has no record ${position.seq}: the last one is ${last}`
    return yield* Effect.fail(rpcError(errnoError("ENODEV"), { reason, object: name, allowed: `0 to ${last}` }))
  })

/** The first record at or after a place: the first of all if none is given. */
export const firstSeqOf = (name: string, place: Place | undefined): Effect.Effect<number, RpcError, LogArchive> =>
  Effect.gen(function* () {
    const log = yield* LogArchive
    if (place === undefined) return 1
    return yield* Effect.mapError(resolveStart(log, yield* positionOf(name, place)), logError)
  })

/** Why a question about the past has no answer. */
export const historyError = (error: StateAtError): RpcError => {
  switch (error._tag) {
    case "LogReadFailed":
      return logError(error)
    case "StateUnknown":
      return rpcError(invalidParameters, { reason: error.message, object: `record ${error.seq}` })
    case "UnreadableEvent": {
      const hint = "use the version of lunlog that wrote it"
      return rpcError(invalidParameters, { reason: error.message, object: `record ${error.seq}`, hint })
    }
  }
}
