/** 1,000 targets with 10 LUNs each from one file: planned, applied, applied again, restarted with, and removed. */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"
import { largeConfig } from "../bench/config.ts"
import {
  freePort,
  makeDirectory,
  projectDirectory,
  removeDirectory,
  startTarget,
  type TargetProcess
} from "../support/target-process.ts"

const run = ({ socketPath }: TargetProcess, command: "plan" | "apply", ...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, [join(projectDirectory, "bin/lunlog.js"), command, "-r", socketPath, ...args], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024
  })

interface Status {
  readonly log: { readonly control_no: number }
  readonly objects: { readonly targets: number; readonly bdevs: number }
  readonly drift_count: number
}

const isStatus = (value: unknown): value is Status => typeof value === "object" && value !== null && "objects" in value

const statusOf = async ({ rpc }: TargetProcess): Promise<Status> => {
  const status = await rpc.call("lunlog_status")
  assert(isStatus(status))
  return status
}

it("is planned, applied once, and left as it is by a restart", async () => {
  const directory = makeDirectory("large")
  try {
    const file = join(directory, "large.yaml")
    writeFileSync(file, largeConfig(await freePort(), 1000, 10))
    {
      await using served = await startTarget({ directory })
      const plan = run(served, "plan", file)
      assert.strictEqual(plan.status, 2, plan.stderr)
      assert.match(plan.stdout, /11002 to create, 0 to change, 0 to remove/)
      const applied = run(served, "apply", "--yes", file)
      assert.strictEqual(applied.status, 0, applied.stderr)
      const { log, objects } = await statusOf(served)
      assert.deepInclude(objects, { targets: 1000, bdevs: 10_000 })
      assert.strictEqual(run(served, "apply", "--yes", file).status, 0)
      assert.strictEqual((await statusOf(served)).log.control_no, log.control_no)
      assert.strictEqual((await served.stop()).code, 0)
    }
    await using served = await startTarget({ directory, configFile: file, readyMillis: 300_000 })
    assert.match(served.stderr(), /large\.yaml: nothing to change/)
    const { drift_count, objects } = await statusOf(served)
    assert.deepInclude(objects, { targets: 1000, bdevs: 10_000 })
    assert.strictEqual(drift_count, 0)
    writeFileSync(file, "{}")
    const removed = run(served, "apply", "--yes", file)
    assert.strictEqual(removed.status, 0, removed.stderr)
    assert.deepInclude((await statusOf(served)).objects, { targets: 0, bdevs: 0 })
  } finally {
    removeDirectory(directory)
  }
})
