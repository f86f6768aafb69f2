/** Requests on connections of their own, so that each of their records in the log names the action. */

import type { RpcParams } from "../../support/rpc-client.ts"
import { connectRpc, type RpcClient, RpcFailure } from "../../support/rpc-client.ts"
import { actorOf, type RpcDone } from "../History.ts"
import type { World } from "../World.ts"

type Outcome = RpcDone["outcome"]

const settled = async (call: Promise<unknown>): Promise<Outcome> => {
  try {
    return { _tag: "Ok", result: await call }
  } catch (error) {
    if (error instanceof RpcFailure) {
      const reason = new Map(Object.entries(Object(error.data))).get("reason")
      return { _tag: "Refused", code: error.code, reason: String(reason ?? error.reason) }
    }
    return { _tag: "Unanswered" }
  }
}

const connected = async (world: World, id: number): Promise<RpcClient | undefined> => {
  const client = await connectRpc(world.lunlog.process.socketPath).catch(() => undefined)
  try {
    await client?.call("lunlog_identify", { source: "rpc", actor: actorOf(id) })
    return client
  } catch {
    client?.close()
    return undefined
  }
}

const noteFault = (world: World, begin: number, method: string, params: RpcParams): void => {
  if (method !== "bdev_error_inject_error" || params["io_type"] === "clear") return
  world.history.faults.push({
    begin,
    of: "bdev",
    name: String(params["name"]),
    kind: String(params["error_type"]),
    offset: Number(params["corrupt_offset"] ?? 0),
    value: Number(params["corrupt_value"] ?? 0)
  })
}

/** Asks, and writes down what was answered. */
export const performRpc = async (world: World, id: number, method: string, params: RpcParams): Promise<void> => {
  const { clock, history } = world
  const client = await connected(world, id)
  if (client === undefined) return
  const begin = clock.tick()
  noteFault(world, begin, method, params)
  const outcome = await settled(client.call(method, params))
  client.close()
  const end = outcome._tag === "Unanswered" ? Number.POSITIVE_INFINITY : clock.tick()
  history.rpcs.push({ id, method, params, begin, end, outcome })
  world.note(`action ${id}: ${method} ${JSON.stringify(params)}: ${JSON.stringify(outcome).slice(0, 300)}`)
}

/** Uploads a configuration and applies it. */
export const performConfig = async (world: World, id: number, document: unknown): Promise<void> => {
  const { clock, history } = world
  const client = await connected(world, id)
  if (client === undefined) return
  const begin = clock.tick()
  const upload = { name: "chaos.yaml", chunk: JSON.stringify(document), restart: true }
  const uploaded = await settled(client.call("lunlog_config_upload", upload))
  const outcome = uploaded._tag === "Ok" ? await settled(client.call("lunlog_config_apply", {})) : uploaded
  client.close()
  const end = outcome._tag === "Unanswered" ? Number.POSITIVE_INFINITY : clock.tick()
  history.rpcs.push({ id, method: "lunlog_config_apply", params: {}, begin, end, outcome })
  world.note(`action ${id}: configuration: ${JSON.stringify(outcome).slice(0, 300)}`)
}
