/**
 * libiscsi's conformance suites (`iscsi-test-cu`) against a malloc LUN. The number of passed tests per suite is
 * committed in `libiscsi-suites.json`, because CUnit counts a skipped test as passed: a test that starts to be skipped
 * fails here.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, beforeAll, it } from "vitest"
import { type CommandResult, runCommand } from "../support/child-process.ts"
import { lunUrl, setUpGuide } from "../support/guide.ts"
import { type LibiscsiTest, parseTestRun } from "../support/libiscsi-report.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, startTarget } from "../support/target-process.ts"

const runMillis = 120_000

interface Expected {
  readonly pass: number
  readonly skip: ReadonlyArray<string>
}

const isExpected = (value: unknown): value is Expected =>
  typeof value === "object" && value !== null && "pass" in value && "skip" in value && Array.isArray(value.skip)

const expectations = ((): ReadonlyArray<readonly [string, Expected]> => {
  const file: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "libiscsi-suites.json"), "utf8"))
  assert(typeof file === "object" && file !== null)
  return Object.entries(file).map(([suite, expected]: [string, unknown]) => {
    assert(isExpected(expected), `libiscsi-suites.json: ${suite} needs pass and skip`)
    return [suite, expected]
  })
})()

describeWithTools(["iscsi-test-cu"], "libiscsi's conformance suites", () => {
  let run: CommandResult
  let tests: ReadonlyArray<LibiscsiTest>
  let serverSaid = ""

  beforeAll(async () => {
    const port = await freePort()
    await using target = await startTarget({ stateMode: "empty" })
    await setUpGuide(target.rpc, port)
    const chosen = expectations.map(([suite]) => `ALL.${suite}`).join(",")
    const args = ["--dataloss", "--fail", "--verbose", `--test=${chosen}`, lunUrl(port, 0)]
    run = await runCommand({ command: "iscsi-test-cu", args }, runMillis)
    tests = parseTestRun(run.stdout + run.stderr)
    serverSaid = target.stderr()
  }, runMillis + 30_000)

  it("run to their end", () => {
    assert.isFalse(run.timedOut, `${run.stdout}${run.stderr}\n--- lunlog\n${serverSaid}`)
    assert.isNull(run.signal)
    assert.sameMembers(
      [...new Set(tests.map((test) => test.suite))],
      expectations.map(([suite]) => suite)
    )
  })

  it.each(expectations)("%s has no failure and skips only what is known", (suite, expected) => {
    const of = (status: LibiscsiTest["status"]) =>
      tests.filter((test) => test.suite === suite && test.status === status)
    const explained = (test: LibiscsiTest) => `${test.name}: ${test.reason}`
    assert.deepStrictEqual(of("unfinished").map(explained), [])
    assert.deepStrictEqual(of("fail").map(explained), [])
    assert.deepStrictEqual(
      of("skip").map((test) => test.name),
      [...expected.skip],
      of("skip").map(explained).join("\n")
    )
    assert.strictEqual(of("pass").length, expected.pass)
  })
})
