/**
 * `env_dpdk_get_mem_stats`: SPDK writes what DPDK holds into a file and names it. Here it is what Node's process
 * holds; the file is this process's own, nobody else's is written to, and it goes when the process ends.
 */
import { constants, rmSync } from "node:fs"
import { mkdtemp, writeFile } from "node:fs/promises"
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

const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants

let folder: Promise<string> | undefined

/** A folder of this process's own, which nobody could have made before: in a shared one names can be guessed. */
const ownFolder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), "lunlog-"))
  process.once("exit", () => rmSync(path, { force: true, recursive: true }))
  return path
}

const write = async (): Promise<string> => {
  folder ??= ownFolder()
  const path = join(await folder, "mem_dump.txt")
  await writeFile(path, report(), { mode: 0o600, flag: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW })
  return path
}

/** This file's methods. */
export const memoryStatsMethods: ReadonlyArray<RpcMethod<never>> = [
  defineMethodWithoutParams({
    name: "env_dpdk_get_mem_stats",
    kind: "query",
    sideEffect: "it writes a file",
    noParams,
    handler: () =>
      Effect.tryPromise({
        try: async () => ({ filename: await write() }),
        catch: (error) => {
          folder = undefined
          const reason = error instanceof Error ? error.message : String(error)
          const wire = { code: -32603, message: "Unable to open file for writing.\n" }
          return rpcError(wire, { reason, object: tmpdir(), hint: "set TMPDIR to a folder that can be written to" })
        }
      })
  })
]
