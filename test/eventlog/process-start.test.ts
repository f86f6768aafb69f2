/** Which processes are there: what a lock file says of its holder is judged by it. */
import { readFileSync } from "node:fs"
import { assert, it } from "vitest"
import { processStart } from "../../eventlog/open/process-start.ts"
import { startChild } from "../support/child-process.ts"
import { until } from "../support/until.ts"

const hasProc = processStart(process.pid) !== undefined

it.runIf(hasProc)("a process that has ended and that nobody reaps is gone", async () => {
  // `sleep` takes the place of the shell whose child has ended, and reaps nobody.
  const parent = await startChild({ command: "sh", args: ["-c", "true & echo $!; exec sleep 600"] })
  try {
    await until("its child has ended", () => /^\d+\n/u.test(parent.stdout()) && isZombie(Number(parent.stdout())))
    assert.isDefined(processStart(parent.pid))
    assert.isUndefined(processStart(Number(parent.stdout())))
  } finally {
    parent.signal("SIGKILL")
    await parent.exited
  }
})

const isZombie = (pid: number): boolean => /^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"))
