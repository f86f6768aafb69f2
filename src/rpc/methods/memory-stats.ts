/**
 * `env_dpdk_get_mem_stats`: SPDK writes what DPDK holds into a file and names it. Here it is what Node's process
 * holds; the file is this process's own, nobody else's is written to, and it goes when the process ends.
 */
import { constants, rmSync } from "node:fs"
import { open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { rpcError } from "../RpcError.ts"
import { defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"

/** SPDK's sentence, with its full stop and its line end. */
const noParams = "env_dpdk_get_mem_stats doesn't accept any parameters.\n"

const report = (): string => {
  const bytes = { ...process.memoryUsage(), maxRSS: process.resourceUsage().maxRSS * 1024 }
  return `${JSON.stringify({ pid: process.pid, uptimeSeconds: Math.round(process.uptime()), bytes }, null, 2)}\n`
}

/** A link that somebody has put there is not followed. */
const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants

const removedAtExit = new Set<string>()

const removeAtExit = (path: string): void => {
  if (removedAtExit.has(path)) return
  removedAtExit.add(path)
  process.once("exit", () => rmSync(path, { force: true }))
}

const write = async (path: string): Promise<string> => {
  const file = await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
  removeAtExit(path)
  try {
    await file.writeFile(report())
  } finally {
    await file.close()
  }
  return path
}

/** This file's methods. */
export const memoryStatsMethods: ReadonlyArray<RpcMethod<never>> = [
  defineMethodWithoutParams({
    name: "env_dpdk_get_mem_stats",
    kind: "query",
    noParams,
    handler: () => {
      const path = join(tmpdir(), `lunlog_mem_dump.${process.pid}.txt`)
      return Effect.tryPromise({
        try: async () => ({ filename: await write(path) }),
        catch: (error) => {
          const reason = error instanceof Error ? error.message : String(error)
          const wire = { code: -32603, message: "Unable to open file for writing.\n" }
          return rpcError(wire, { reason, object: path, hint: "remove it, or set TMPDIR" })
        }
      })
    }
  })
]
