/** What the thread that this is called in has done. */
import { performance } from "node:perf_hooks"
import { isMainThread } from "node:worker_threads"
import type { ReactorThread } from "../../domain/DataPlane.ts"
import { libc } from "../../host/libc.ts"

const microsPerMilli = 1000

/** The main thread has the number of the process. */
const threadId = (): number => {
  const calls = isMainThread ? undefined : libc()
  return typeof calls === "object" ? calls.threadId() : process.pid
}

/** Of a thread that stays on `core`, if that is said. */
export const threadReport = (core: number | undefined): ReactorThread => {
  const { active, idle } = performance.eventLoopUtilization()
  const { system, user } = process.threadCpuUsage()
  return {
    ...(core === undefined ? {} : { core }),
    threadId: threadId(),
    busyMillis: active,
    idleMillis: idle,
    userMillis: Math.round(user / microsPerMilli),
    systemMillis: Math.round(system / microsPerMilli)
  }
}
