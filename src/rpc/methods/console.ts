/** `lunlog_get_console`: who asks, and what for; where the web console is. */
import { hostname } from "node:os"
import { Effect, Redacted } from "effect"
import { type ConsoleInfo, Instance } from "../Instance.ts"
import { anyState, defineMethodWithoutParams, type RpcCaller, type RpcMethod } from "../RpcMethod.ts"

/** The token only for who may do everything anyway. */
const consoleView = ({ allowsChanges, token, url }: ConsoleInfo, { isRemote }: RpcCaller) => ({
  url,
  read_only: !allowsChanges,
  ...(isRemote ? {} : { token: Redacted.value(token) })
})

/** This file's methods. */
export const consoleMethods: ReadonlyArray<RpcMethod<Instance>> = [
  defineMethodWithoutParams({
    name: "lunlog_get_console",
    states: anyState,
    kind: "query",
    handler: ({ caller }) =>
      Effect.map(Instance, ({ console, instanceId, startedAt, version }) => {
        const served = console()
        return {
          version,
          instance_id: instanceId,
          host: hostname(),
          started_at: startedAt,
          actor: caller.actor,
          read_only: caller.onlyReads !== undefined,
          ...(caller.onlyReads === undefined ? {} : { hint: caller.onlyReads.hint }),
          console: served === undefined ? null : consoleView(served, caller)
        }
      })
  })
]
