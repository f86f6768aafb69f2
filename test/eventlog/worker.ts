/** A thread that tries to open the log that its process has open; tells the error's tag. */
import { parentPort, workerData } from "node:worker_threads"
import { Effect } from "effect"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"

const failure = await Effect.runPromise(
  Effect.flip(Effect.scoped(LevelEventLog.make({ directory: String(workerData), ballastBytes: 0 })))
)
parentPort?.postMessage(failure._tag)
