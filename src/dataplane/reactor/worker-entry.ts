/** What a worker thread runs: a reactor, with messages for commands and facts. */
import { parentPort, workerData } from "node:worker_threads"
import { libc } from "../../host/libc.ts"
import type { ReactorCommand, ReactorFact } from "./protocol.ts"
import { Reactor } from "./Reactor.ts"
import type { WorkerStart } from "./worker-reactor.ts"

const port = parentPort
if (port !== null) {
  const { options, surroundings }: WorkerStart = workerData
  const { core, place } = surroundings
  // Loaded now rather than with the first connection.
  const calls = place === undefined ? undefined : libc()
  if (core !== undefined && typeof calls === "object") calls.pinThread([core])
  const reactor = new Reactor(options, (fact: ReactorFact) => port.postMessage(fact), surroundings)
  port.on("message", (command: ReactorCommand) => reactor.handle(command))
}
