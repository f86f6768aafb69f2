/** Waiting for what comes about by itself. */
import { setTimeout as delay } from "node:timers/promises"

const waitMillis = 60_000
const pauseMillis = 10

/** Looks again every few milliseconds until `holds`; fails after a minute, naming `what` was to be. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + waitMillis
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it never came to it: ${what}`)
    await delay(pauseMillis)
  }
}
