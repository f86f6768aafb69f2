/** Calls to a running target, as the command line makes them: who calls is named, errors are ready to be shown. */
import { userInfo } from "node:os"
import { Effect } from "effect"
import { type CallFailed, connect, type RpcClient } from "../rpc/RpcClient.ts"
import { CliFailure, failureOf } from "./CliFailure.ts"
import { printPretty } from "./print-json.ts"

/** How long a call waits for its answer unless told otherwise, in milliseconds; rpc.py waits as long. */
export const callTimeoutMillis = 60_000

const details = (data: unknown): string => {
  if (typeof data !== "object" || data === null) return data === undefined ? "" : `\n  ${printPretty(data)}`
  return Object.entries(data)
    .map(([name, value]: [string, unknown]) => `\n  ${name}: ${typeof value === "string" ? value : printPretty(value)}`)
    .join("")
}

/** A refused call with all that the server says about it. */
export const refusedCall = (error: CallFailed): CliFailure =>
  new CliFailure({ message: `${error.message}${details(error.data)}` })

const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return "unknown"
  }
}

/** A connection that the log knows as the command line's, with the user's name. */
export const connectAs = (socketPath: string) =>
  Effect.gen(function* () {
    const client: RpcClient = yield* Effect.mapError(connect(socketPath), failureOf)
    // A target with --rpcs-allowed may not know it; the log then says "rpc".
    yield* Effect.ignore(client.call("lunlog_identify", { source: "cli", actor: userName() }))
    return client
  })

/** One call; its errors are ready to be shown. */
export const callMethod = (client: RpcClient, method: string, params?: unknown, timeoutMillis = callTimeoutMillis) =>
  client
    .call(method, params, { timeoutMillis })
    .pipe(Effect.mapError((error) => (error._tag === "CallFailed" ? refusedCall(error) : failureOf(error))))
