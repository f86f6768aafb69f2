/** `lunlog status`: what a running target serves, to whom, and what is wrong. */
import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import type { RpcClient } from "../../rpc/RpcClient.ts"
import { unexpectedAnswer } from "../CliFailure.ts"
import { printPretty } from "../print-json.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { socketFlag } from "../serve/server-flags.ts"
import { StatusView, statusText } from "./status-text.ts"

/** Methods of RUNTIME answer nothing in STARTUP, where there is nothing to list yet. */
const callOr = (client: RpcClient, method: string, isRuntime: boolean) =>
  isRuntime ? callMethod(client, method) : Effect.succeed([])

const decodeStatus = Schema.decodeUnknownEffect(StatusView)

const isInRuntime = (status: unknown): boolean =>
  typeof status === "object" && status !== null && "state" in status && status.state === "RUNTIME"

const gather = (client: RpcClient) =>
  Effect.gen(function* () {
    const status = yield* callMethod(client, "lunlog_status")
    const isRuntime = isInRuntime(status)
    return {
      status,
      targets: yield* callOr(client, "iscsi_get_target_nodes", isRuntime),
      bdevs: yield* callOr(client, "bdev_get_bdevs", isRuntime),
      connections: yield* callOr(client, "iscsi_get_connections", isRuntime)
    }
  })

/** The command. */
export const statusCommand = Command.make(
  "status",
  {
    socket: socketFlag,
    json: Flag.Boolean("json").pipe(Flag.withDescription("As JSON, with all fields"), Flag.withDefault(false))
  },
  Effect.fn(function* ({ json, socket }) {
    const client = yield* connectAs(socket)
    const found = yield* gather(client)
    if (json) return yield* Console.log(printPretty(found))
    yield* Console.log(statusText(yield* Effect.mapError(decodeStatus(found), unexpectedAnswer)))
  }, Effect.scoped)
).pipe(Command.withDescription("Show what a running target serves: portals, targets, LUNs, bdevs, sessions, warnings."))
