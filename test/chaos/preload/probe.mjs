/**
 * Loaded into a server by the chaos suite and the soak: answers on the socket LUNLOG_CHAOS_PROBE what the process has
 * under way, as JSON; with LUNLOG_CHAOS_PROBE_GC=1 after its garbage has been collected. The socket itself keeps
 * nothing alive.
 */
import { rmSync } from "node:fs"
import { createServer } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { isMainThread } from "node:worker_threads"

const path = process.env.LUNLOG_CHAOS_PROBE

const collect = () => {
  if (process.env.LUNLOG_CHAOS_PROBE_GC !== "1") return
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
}

const answer = () => {
  collect()
  const resources = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const { external, heapUsed } = process.memoryUsage()
  return JSON.stringify({ resources, heapBytes: heapUsed, externalBytes: external })
}

if (isMainThread && path !== undefined) {
  const server = createServer((socket) => {
    socket.on("error", () => {})
    socket.end(answer())
  })
  server.on("error", () => {})
  // The launcher may begin again in the same process: its first beginning has made the socket.
  rmSync(path, { force: true })
  server.listen(path)
  server.unref()
}
