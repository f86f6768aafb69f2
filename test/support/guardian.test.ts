/** What a worker has started does not outlive it, whatever ends the worker. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { type Child, startChild } from "./child-process.ts"
import { describeWithLoopDevices } from "./loop-device.ts"
import { until } from "./until.ts"

/** Runs a module's text in a process of its own. */
const startWorker = (text: string): Promise<Child> =>
  startChild({ command: process.execPath, args: ["--input-type=module", "-e", text], directory: import.meta.dirname })

const firstLine = async (worker: Child): Promise<string> => {
  await until(`the worker has begun: ${worker.stderr()}`, () => worker.stdout().includes("\n"))
  return worker.stdout().split("\n")[0] ?? ""
}

/** A process that nobody has waited for, yet, is not running any more. */
const isRunning = (pid: string): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
  } catch {
    return false
  }
}

const moduleAt = (name: string): string => JSON.stringify(join(import.meta.dirname, name))

describe("a child of a worker", () => {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`ends when ${signal} ends the worker`, async () => {
      const worker = await startWorker(
        `import { startChild } from ${moduleAt("child-process.ts")}
        const ended = await startChild({ command: "true", args: [] })
        await ended.exited
        const child = await startChild({ command: "sleep", args: ["600"] })
        console.log(child.pid)`
      )
      const pid = await firstLine(worker)
      assert.isTrue(isRunning(pid))
      worker.signal(signal)
      await until("its child has gone", () => !isRunning(pid))
    })
  }

  it("ends when the worker exits", async () => {
    const worker = await startWorker(
      `import { startChild } from ${moduleAt("child-process.ts")}
      const child = await startChild({ command: "sleep", args: ["600"] })
      console.log(child.pid)
      process.exit(0)`
    )
    const pid = await firstLine(worker)
    await until("its child has gone", () => !isRunning(pid))
  })
})

describeWithLoopDevices("a loop device of a worker", () => {
  it("is let go when the worker is killed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lunlog-guardian-"))
    try {
      const file = join(folder, "disk")
      writeFileSync(file, "")
      truncateSync(file, 1024 * 1024)
      const worker = await startWorker(
        `import { LoopDevice } from ${moduleAt("loop-device.ts")}
        console.log(LoopDevice.attach(${JSON.stringify(file)}).name)
        setInterval(() => undefined, 1000)`
      )
      const name = await firstLine(worker)
      const backing = (): string => {
        try {
          return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trim()
        } catch {
          return ""
        }
      }
      assert.strictEqual(backing(), file)
      worker.signal("SIGKILL")
      await until("it has been let go", () => backing() !== file)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
