/** Calls to a running target, as the command line makes them: who calls is named, errors are ready to be shown. */
import { userInfo } from "node:os"
import { Effect, Schedule } from "effect"
import { type CallFailed, connect, type RpcClient } from "../../rpc/RpcClient.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { printPretty } from "../print-json.ts"

/** How long a call waits for its answer unless told otherwise, in milliseconds; rpc.py waits as long. */
export const callTimeoutMillis = 60_000
const retryMillis = 200

/** Reasons mostly have the object and the hint in them, which programs want by themselves. */
const details = (data: unknown): string => {
  if (typeof data !== "object" || data === null) return data === undefined ? "" : `\n  ${printPretty(data)}`
  const members: ReadonlyArray<[string, unknown]> = Object.entries(data)
  const [, reason] = members.find(([name]) => name === "reason") ?? []
  const isSaid = (value: unknown): boolean =>
    typeof value === "string" && typeof reason === "string" && value !== reason && reason.includes(value)
  return members
    .filter(([, value]) => !isSaid(value))
    .map(([name, value]) => `\n  ${name}: ${typeof value === "string" ? value : printPretty(value)}`)
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

/** A connection that the log knows as the command line's, with the user's name; tried as often as `retries` says. */
export const connectAs = (socketPath: string, timeoutMillis = callTimeoutMillis, retries = 0) =>
  Effect.gen(function* () {
    const connecting = Effect.mapError(connect(socketPath), failureOf)
    const client: RpcClient = yield* Effect.retry(connecting, {
      times: retries,
      schedule: Schedule.spaced(retryMillis)
    })
    yield* client.call("lunlog_identify", { source: "cli", actor: userName() }, { timeoutMillis }).pipe(
      // A target with --rpcs-allowed may not know it, SPDK does not; the log then says "rpc".
      Effect.catchTag("CallFailed", () => Effect.void),
      Effect.mapError(({ reason }) => {
        return new CliFailure({ message: `whoever serves ${socketPath} is no target, or hangs: ${reason}` })
      })
    )
    return client
  })

/** One call; its errors are ready to be shown. */
export const callMethod = (client: RpcClient, method: string, params?: unknown, timeoutMillis = callTimeoutMillis) =>
  client
    .call(method, params, { timeoutMillis })
    .pipe(Effect.mapError((error) => (error._tag === "CallFailed" ? refusedCall(error) : failureOf(error))))
