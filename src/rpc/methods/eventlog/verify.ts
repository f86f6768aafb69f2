/** `eventlog_verify`: whether the whole log is what it should be. */
import { Effect } from "effect"
import type { LogReadFailed } from "../../../../eventlog/EventLog.ts"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { errnoError, type RpcError, rpcError } from "../../RpcError.ts"
import { anyState, defineMethodWithoutParams, type RpcMethod } from "../../RpcMethod.ts"

const damage = (error: LogReadFailed): RpcError => {
  const hint = "keep a copy of the directory; lunlog log verify --help says how to go on knowingly"
  return rpcError(errnoError("EIO"), { reason: error.message, object: `event log in ${error.directory}`, hint })
}

/** Looks at the store's files, and reads every record, which checks its bytes, its place and its chain. */
const eventlogVerify = defineMethodWithoutParams({
  name: "eventlog_verify",
  states: anyState,
  kind: "wait",
  handler: ({ onProgress }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const { controlRecords, observations, tail } = yield* Effect.mapError(log.verify(onProgress), damage)
      return { clean: true, control: controlRecords, observations, last_seq: tail.seq, control_hash: tail.controlHash }
    })
})

/** This file's methods. */
export const verifyMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogVerify]
