/** libiscsi's tests on every kind of LUN, and all of them with CHAP and with header digests; and with workers. */
import { assert, it } from "vitest"
import { departures, readExpected, shortPlan, wholePlan } from "../conformance/expected.ts"
import { lunKindOf } from "../conformance/lun-kinds.ts"
import { runConformance } from "../conformance/run-conformance.ts"
import { listTests } from "../conformance/TestBench.ts"
import { describeWithTools } from "../support/requires-tool.ts"

describeWithTools(["iscsi-test-cu"], "libiscsi's conformance tests", () => {
  it("end as committed on every kind of LUN", async () => {
    const outcomes = await runConformance(wholePlan(await listTests()), "plain")
    assert.deepStrictEqual(departures(outcomes, readExpected()), [])
  })

  it("end as committed with two workers", async () => {
    const expected = readExpected()
    const plan = shortPlan(await listTests(), expected)
    const outcomes = await runConformance(plan, "plain", undefined, ["--workers", "2"])
    assert.deepStrictEqual(departures(outcomes, expected), [])
  })

  it.each(["chap", "header-digest"] as const)("end as committed with %s", async (login) => {
    const outcomes = await runConformance(wholePlan(await listTests(), [lunKindOf("fixed")], login), login)
    assert.deepStrictEqual(departures(outcomes, readExpected()), [])
  })
})
