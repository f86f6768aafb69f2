/**
 * libiscsi's conformance tests, all of them, one process each on a disk of its own. CUnit counts a skipped test as
 * passed, so what passes and what is skipped, with the reason, is committed in `expected.json`.
 */
import { assert, it } from "vitest"
import { describeWithTools } from "../support/requires-tool.ts"
import { departures, readExpected, shortPlan } from "./expected.ts"
import { runConformance } from "./run-conformance.ts"
import { listTests } from "./TestBench.ts"

/** All tests with workers are in test/long. */
const meeting = /^(CompareAndWrite|MultipathIO|Preven|Prin|Prout|Reserve|Write16|WriteAtomic|iSCSI(TMF|cmdsn))/u

describeWithTools(["iscsi-test-cu"], "libiscsi's conformance tests", () => {
  it("end as committed", { timeout: 300_000 }, async () => {
    const expected = readExpected()
    const tests = await listTests()
    assert.isAbove(tests.length, 200)
    const outcomes = await runConformance(shortPlan(tests, expected), "plain")
    assert.deepStrictEqual(departures(outcomes, expected), [])
    const passed = new Set(outcomes.filter(({ status }) => status === "pass").map(({ test }) => test))
    assert.isAtLeast(passed.size, Object.keys(expected.passes).length)
  })

  it("end alike with two workers, where several initiators, tasks or connections meet", {
    timeout: 300_000
  }, async () => {
    const expected = readExpected()
    const tests = (await listTests()).filter((test) => meeting.test(test))
    assert.isAbove(tests.length, 40)
    const outcomes = await runConformance(shortPlan(tests, expected), "plain", undefined, ["--workers", "2"])
    assert.deepStrictEqual(departures(outcomes, expected), [])
  })

  it("are committed without a failure, and with a reason for each skip", () => {
    const { failures, passes, skips } = readExpected()
    assert.deepStrictEqual(failures, {})
    assert.isAtLeast(Object.keys(passes).length, 220)
    for (const reasons of Object.values(skips)) for (const reason of Object.values(reasons)) assert.match(reason, /\w/u)
  })
})
