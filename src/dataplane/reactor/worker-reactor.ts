/** A reactor in a worker thread. */
import { Worker } from "node:worker_threads"
import type { NodeOptions } from "../iscsi/IscsiNode.ts"
import { leaveProcess } from "../leave-process.ts"
import type { ReactorFact, ReactorPort } from "./protocol.ts"
import type { ReactorSurroundings } from "./Reactor.ts"

/** The entry is source in a checkout and a compiled file in the package. */
const entry = new URL(`./worker-entry${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)

/** How long a thread may take to end, in milliseconds. */
const terminateTimeoutMillis = 1_000

/**
 * Heap that the thread may have, in MiB: what sessions and LUNs take is a small part of it, and data are elsewhere. A
 * thread that has used it up ends alone, before its process does.
 */
const heapMebibytesMax = 1_024

/** What the thread is given. */
export interface WorkerStart {
  readonly options: NodeOptions
  readonly surroundings: ReactorSurroundings
}

/** Starts the thread. A failure of it is told as `Crashed`, once, and so is its end, unless it was ended from here. */
export const workerReactor = (options: NodeOptions, surroundings: ReactorSurroundings = {}): ReactorPort => {
  const workerData: WorkerStart = { options, surroundings }
  const resourceLimits = { maxOldGenerationSizeMb: heapMebibytesMax }
  const worker = new Worker(entry, { workerData, resourceLimits, name: `reactor ${surroundings.place?.index ?? 0}` })
  const ended = Promise.withResolvers<void>()
  let isEnding = false
  worker.on("exit", () => ended.resolve())
  return {
    send: (command) => worker.postMessage(command),
    listen: (listener) => {
      const crashed = (detail: string): void => {
        if (!isEnding) listener({ _tag: "Crashed", detail })
        isEnding = true
      }
      worker.on("message", (fact: ReactorFact) => listener(fact))
      worker.on("error", (error) => crashed(error instanceof Error ? (error.stack ?? error.message) : String(error)))
      worker.on("exit", (code) => crashed(`its thread has ended with code ${code}`))
    },
    terminate: async () => {
      isEnding = true
      const late = Promise.withResolvers<"late">()
      const timer = setTimeout(late.resolve, terminateTimeoutMillis, "late")
      const ended = await Promise.race([worker.terminate(), late.promise])
      clearTimeout(timer)
      // File operations of the thread hang, and would keep the process from exiting.
      if (ended === "late") process.once("exit", leaveProcess)
    },
    ended: ended.promise
  }
}
