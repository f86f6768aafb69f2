/**
 * Loaded into a server by the chaos suite: answers on the socket LUNLOG_CHAOS_PROBE what the process has under way, as
 * JSON. The socket itself keeps nothing alive.
 */
import { createServer } from "node:net"
import { isMainThread } from "node:worker_threads"

const path = process.env.LUNLOG_CHAOS_PROBE

const answer = () => {
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
  server.listen(path)
  server.unref()
}
