/** What a worker thread runs: a reactor, with messages for commands and facts. */
import { parentPort, workerData } from "node:worker_threads"
import type { ReactorCommand, ReactorFact } from "./protocol.ts"
import { Reactor } from "./Reactor.ts"

const port = parentPort
if (port !== null) {
  const reactor = new Reactor(workerData, (fact: ReactorFact) => port.postMessage(fact))
  port.on("message", (command: ReactorCommand) => reactor.handle(command))
}
