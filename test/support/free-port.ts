/**
 * Ports for servers that a test starts by number. Between the look and the server's own bind another process may take
 * a port: not the kernel, because these lie below those that it gives away by itself, and not another worker of the
 * same run, because each has ports of its own.
 */
import { createServer } from "node:net"

/** The kernel gives away 32768 and above, unless it is told otherwise. */
const firstPort = 10_000
const portsPerWorker = 700
const workersMax = 32

const worker = Number(process.env["VITEST_POOL_ID"] ?? 0) % workersMax
const ownPorts = firstPort + (Number.isInteger(worker) ? worker : 0) * portsPerWorker
/** Begins where other processes do not: another run of the tests on the same machine has the same ports. */
let next = process.pid % portsPerWorker

const isFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false)
      else reject(error)
    })
    server.listen({ host, port }, () => server.close(() => resolve(true)))
  })

/** A TCP port on `host` that nobody listens on; no other call in this process gives the same one for a long time. */
export const freePort = async (host = "127.0.0.1"): Promise<number> => {
  for (let tries = 0; tries < portsPerWorker; tries++) {
    const port = ownPorts + (next++ % portsPerWorker)
    if (await isFree(host, port)) return port
  }
  throw new Error(`none of the ports ${ownPorts} to ${ownPorts + portsPerWorker - 1} of ${host} is free`)
}
