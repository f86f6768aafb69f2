/** `eventlog_compact`: old control records go into an archive, or away. The one method here that changes the log. */
import { Effect, Schema } from "effect"
import { EventLog } from "../../../../eventlog/EventLog.ts"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import type { CompactFailed } from "../../../../eventlog/retain/compaction.ts"
import { FOLD_VERSION } from "../../../domain/evolve.ts"
import { encodeSnapshot } from "../../../domain/snapshot-codec.ts"
import { stateAt } from "../../../history/state-at.ts"
import { optional } from "../../param.ts"
import { errnoError, type RpcError, rpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { firstSeqOf, historyError, Place } from "./place.ts"

const failed = (error: CompactFailed): RpcError =>
  rpcError(errnoError("EIO"), { reason: error.message, object: `event log in ${error.directory}` })

/** Control records in front of `before` (default: all) go; with `archive` false for good. */
const eventlogCompact = defineMethod({
  name: "eventlog_compact",
  states: anyState,
  kind: "change",
  paramsOptional: true,
  params: Schema.Struct({
    before: optional(Place),
    archive: optional(Schema.Boolean),
    dry_run: optional(Schema.Boolean)
  }),
  handler: ({ archive = true, before, dry_run: dryRun = false }, { cause, onProgress }) =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const through = before === undefined ? log.durable().seq : (yield* firstSeqOf("before", before)) - 1
      const { state, ...position } = yield* Effect.mapError(stateAt(log, Math.max(0, through)), historyError)
      const snapshot = { ...position, foldVersion: FOLD_VERSION, state: encodeSnapshot(state) }
      const options = { keepArchive: archive, dryRun, cause, ...(onProgress === undefined ? {} : { onProgress }) }
      return yield* Effect.mapError(log.compact(snapshot, options), failed)
    }).pipe(Effect.provideServiceEffect(LogArchive, EventLog))
})

/** This file's methods. */
export const compactMethods: ReadonlyArray<RpcMethod<EventLog>> = [eventlogCompact]
