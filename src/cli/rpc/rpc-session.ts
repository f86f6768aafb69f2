/** The connection of one `lunlog rpc`: made with the first call, kept for all that follow, watched with `-v`. */
import { Console, Effect, Scope } from "effect"
import type { RpcClient } from "../../rpc/RpcClient.ts"
import type { CliFailure } from "../CliFailure.ts"
import { printPretty } from "../print-json.ts"
import { callMethod, connectAs } from "./rpc-call.ts"
import type { RpcOptions } from "./rpc-options.ts"

/** Calls a method. */
export type Call = (method: string, params?: unknown) => Effect.Effect<unknown, CliFailure>

/** How to connect. */
export type Connection = Pick<RpcOptions, "socket" | "timeoutMillis" | "retries" | "verbose">

const tell = (verbose: boolean, what: string, value: unknown) =>
  verbose ? Console.error(`${what}: ${printPretty(value)}`) : Effect.void

/** The connection lives as long as the scope. */
export const makeCall = (options: Connection): Effect.Effect<Call, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    let client: RpcClient | undefined
    return (method, params) =>
      Effect.gen(function* () {
        client ??= yield* Scope.provide(connectAs(options.socket, options.timeoutMillis, options.retries), scope)
        yield* tell(options.verbose, "request", { method, ...(params === undefined ? {} : { params }) })
        const result = yield* callMethod(client, method, params, options.timeoutMillis)
        yield* tell(options.verbose, "result", result)
        return result
      })
  })
