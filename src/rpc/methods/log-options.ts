/**
 * `lunlog_set_log_options` and `lunlog_get_log_options`: from when on IO counts as slow, and which observations the
 * event log keeps. Unlike `iscsi_set_options` at any time, and what is left out stays as it is.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import type { LogOptions } from "../../domain/options/LogOptions.ts"
import { SafeUint64 } from "../param.ts"
import { refuseWithInvalidParameters } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { dispatch } from "./dispatch.ts"

/** Times in milliseconds. */
const params = Schema.Struct({
  slow_io_ms: Schema.optionalKey(SafeUint64),
  keep_count: Schema.optionalKey(SafeUint64),
  keep_age_ms: Schema.optionalKey(SafeUint64)
})

/** As both methods answer. */
export const logOptionsView = ({ observationsMax, observationsMaxAgeMillis, slowIoMillis }: LogOptions) => ({
  slow_io_ms: slowIoMillis,
  keep_count: observationsMax,
  keep_age_ms: observationsMaxAgeMillis
})

/** This file's methods. */
export const logOptionsMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane>> = [
  defineMethod({
    name: "lunlog_set_log_options",
    states: anyState,
    kind: "change",
    params,
    handler: (given, call) =>
      Effect.gen(function* () {
        const { keep_age_ms, keep_count, slow_io_ms } = given
        const options = {
          ...(slow_io_ms === undefined ? {} : { slowIoMillis: slow_io_ms }),
          ...(keep_count === undefined ? {} : { observationsMax: keep_count }),
          ...(keep_age_ms === undefined ? {} : { observationsMaxAgeMillis: keep_age_ms })
        }
        yield* dispatch(call, { _tag: "SetLogOptions", options }, refuseWithInvalidParameters)
        return logOptionsView((yield* ControlPlane).state().logOptions)
      })
  }),
  defineMethodWithoutParams({
    name: "lunlog_get_log_options",
    states: anyState,
    kind: "query",
    handler: () => Effect.map(ControlPlane, ({ state }) => logOptionsView(state().logOptions))
  })
]
