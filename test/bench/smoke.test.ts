/** Each benchmark runs, with as little as possible, and says what it found in the shape that the next run reads. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, it, vi } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { describeWithTools, qemuIscsiDriver } from "../support/requires-tool.ts"
import { decodeBenchResult } from "./support/BenchResult.ts"
import { benchDirectory, benchmarkNames } from "./support/benchmark-names.ts"

const waitMillis = 120_000

/** Those whose smoke run needs more than a result to be judged by have a test of their own. */
const benchmarks = benchmarkNames().filter((name) => !existsSync(join(benchDirectory, `${name}.test.ts`)))

/** Longer than any of them takes, so that it is them who say what went wrong. */
vi.setConfig({ testTimeout: 2 * waitMillis })

describeWithTools(
  ["chromium", "tgtd", "tgtadm", "nbdkit", "iscsi-perf", "qemu-img", qemuIscsiDriver],
  "a smoke run",
  () => {
    it.each(benchmarks)("of %s has a result with rows", async (name) => {
      const args = [join(benchDirectory, `${name}.ts`), "--smoke", "--json"]
      const { code, stderr, stdout } = await runCommand({ command: process.execPath, args }, waitMillis)
      assert.strictEqual(code, 0, stderr)
      const result = decodeBenchResult(JSON.parse(stdout))
      assert.strictEqual(result.benchmark, name)
      assert.isNotEmpty(result.tables)
      for (const { contenders, rows } of result.tables) {
        assert.isNotEmpty(rows)
        for (const row of rows) assert.includeMembers([...contenders], Object.keys(row.values))
        const values = rows.flatMap((row) => Object.values(row.values))
        assert.isTrue(values.every(({ high, low, median }) => low <= median && median <= high))
      }
    })

    it("is refused where its numbers would be committed, and with an option that there is not", async () => {
      for (const args of [["--smoke", "--record"], ["--rownds=3"]]) {
        const whole = [join(benchDirectory, "log.ts"), ...args]
        const { code, stderr } = await runCommand({ command: process.execPath, args: whole }, waitMillis)
        assert.strictEqual(code, 2)
        assert.match(stderr, /--record with --smoke|--rownds/)
        assert.include(stderr, "--longest=100000")
      }
    })
  }
)
