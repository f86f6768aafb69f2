/** `eventlog_fork_point`: the state as of a record, and its place in the chain, for a fork to begin with. */
import { Effect, Schema } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { FOLD_VERSION } from "../../../domain/evolve.ts"
import { encodeSnapshot } from "../../../domain/snapshot-codec.ts"
import { forkPointAt } from "../../../history/fork/ForkPoint.ts"
import { optional, SafeUint64 } from "../../param.ts"
import { invalidParameters, rpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { historyError, momentOf, Place } from "./place.ts"

/** Bytes of a state in one answer, where they are base64. */
const chunkBytes = 3 * 1024 * 1024

/** `offset` goes on in the state of an answer before; name that by its `seq`. */
const eventlogForkPoint = defineMethod({
  name: "eventlog_fork_point",
  states: anyState,
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({ at: optional(Place), offset: optional(SafeUint64) }),
  handler: ({ at, offset = 0 }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const point = yield* Effect.mapError(forkPointAt(log, yield* momentOf("at", at)), (error) =>
        error._tag === "NothingToFork"
          ? rpcError(invalidParameters, { reason: error.message, object: `record ${error.seq}` })
          : historyError(error)
      )
      const state = encodeSnapshot(point.state)
      return {
        seq: point.seq,
        at: point.at,
        control_seq: point.controlSeq,
        control_no: point.controlNo,
        control_hash: point.controlHash,
        control_at: point.controlAt,
        fold_version: FOLD_VERSION,
        state_bytes: state.length,
        chunk: Buffer.from(state.subarray(offset, offset + chunkBytes)).toString("base64")
      }
    })
})

/** This file's methods. */
export const forkPointMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogForkPoint]
