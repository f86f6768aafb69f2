/** What the log has of the process and its configuration: how it was started, what it read, and whether it ended. */
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"
import { recordedOptions } from "../../src/cli/serve/process-observations.ts"
import { freePort, makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"

const records = async (stateDirectory: string) => {
  const { stdout } = await lunlogHere("log", "tail", "-n", "1000", "--json", "--state", stateDirectory)
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
}

it("a process that ends in order says so last, and what it was started with", async () => {
  const directory = makeDirectory("process")
  try {
    const configFile = join(directory, "lunlog.yaml")
    const portal = `portalGroups: [{ tag: 1, portals: ["127.0.0.1:${await freePort()}"] }]\n`
    const text = `log: { slowIo: 250ms, keep: { count: 5000, age: 2d } }\n${portal}`
    writeFileSync(configFile, text)
    const first = await startTarget({ directory, configFile })
    const options = { slow_io_ms: 250, keep_count: 5000, keep_age_ms: 2 * 24 * 3600 * 1000 }
    assert.deepStrictEqual(await first.rpc.call("lunlog_get_log_options"), options)
    const exported = await lunlogHere("export", "-r", first.socketPath)
    assert.include(exported.stdout, "log:\n  slowIo: 250ms\n  keep: { count: 5000, age: 2d }\n")
    const status = await lunlogHere("status", "-r", first.socketPath)
    assert.match(status.stdout, /^event log: .* control; slow IO from 250ms on; 5000 observations kept, for 2d$/mu)
    await first.stop()
    const second = await startTarget({ directory, stateMode: "resume" })
    assert.deepStrictEqual(await second.rpc.call("lunlog_set_log_options", { slow_io_ms: 0 }), {
      ...options,
      slow_io_ms: 0
    })
    await second.kill()
    const third = await startTarget({ directory, stateMode: "resume" })
    await third.stop()
    const found = await records(first.stateDirectory)
    const epochs = found.filter(({ type }) => type === "EpochStarted")
    const starts = found.filter(({ type }) => type === "ProcessStarted")
    assert.deepStrictEqual(
      starts.map(({ cause }) => cause.correlationId),
      epochs.map(({ seq }) => seq)
    )
    assert.include(starts[0].payload.options, configFile)
    assert.deepInclude(starts[0].payload, { pid: first.pid, node: process.version, stateMode: "resume" })
    assert.deepStrictEqual(
      starts.map(({ payload }) => payload.previousEnd),
      [undefined, "recorded", "missing"]
    )
    const read = found.filter(({ type }) => type === "ConfigurationRead")
    assert.deepStrictEqual(
      read.map(({ payload }) => payload),
      [
        {
          config: configFile,
          format: "native",
          hash: createHash("sha256").update(text).digest("hex"),
          occasion: "start",
          result: "applied: 2 changes, 0 removals"
        }
      ]
    )
    // The second was killed; nothing of the others came after their ends.
    const ends = found.filter(({ type }) => type === "ProcessEnded")
    assert.lengthOf(ends, 2)
    assert.strictEqual(ends[0].payload.reason, "a signal")
    assert.strictEqual(ends[0].seq + 1, epochs[1].seq)
  } finally {
    removeDirectory(directory)
  }
})

it("options of a command line are recorded within bounds, and without what may be secret", () => {
  const given = ["serve", "--api-token=abc", "-c", "x".repeat(400), ...Array.from({ length: 100 }, () => "-v")]
  const recorded = recordedOptions(given)
  assert.lengthOf(recorded, 64)
  assert.deepStrictEqual(recorded.slice(0, 3), ["serve", "--api-token=***", "-c"])
  assert.isBelow(recorded[3]?.length ?? 0, 300)
})
