/** What `lunlog plan` prints, from made-up answers. */
import { assert, describe, it } from "vitest"
import { type PlanView, planText } from "../../src/cli/config/plan-text.ts"
import { progressBar } from "../../src/cli/config/progress.ts"

const view = (parts: Partial<PlanView>): PlanView => ({
  name: "disks.yaml",
  digest: "",
  steps: [],
  drift: [],
  kept: [],
  conflicts: [],
  ...parts
})

describe("the text of a plan", () => {
  it("has steps with their signs, changes and whom they disturb, then drift and what is kept", () => {
    const none = { changes: [], disturbs: [] }
    const session = { target: "iqn.a:t", sessions: 2, initiators: ["iqn.b:1", "iqn.b:2"] }
    const steps: PlanView["steps"] = [
      { action: "create", object: "bdev b", detail: "null, 1 MiB", ...none },
      { action: "change", object: "options", changes: [{ field: "nopTimeout", from: "60", to: "61" }], disturbs: [] },
      { action: "replace", object: "target iqn.a:t", changes: [], disturbs: [session] },
      {
        action: "remove",
        object: "bdev c",
        changes: [],
        disturbs: [session, { ...session, target: "iqn.a:u", sessions: 0 }]
      }
    ]
    const drift = [{ message: "LUN 3 of target iqn.a:t was added by RPC\u001b[31m" }]
    const expected = [
      "+ bdev b: null, 1 MiB",
      "~ options",
      "    ~ nopTimeout: 60 -> 61",
      "-/+ target iqn.a:t",
      "    disturbs 2 sessions of iqn.a:t: iqn.b:1, iqn.b:2",
      "- bdev c",
      "    disturbs 2 sessions of iqn.a:t: iqn.b:1, iqn.b:2",
      "    disturbs no session of iqn.a:u: nobody is logged in",
      "! drift: LUN 3 of target iqn.a:t was added by RPC?[31m",
      "in no file, and kept (--prune removes it): bdev rpc",
      "drift stays as it is; --enforce makes it what the file says",
      "1 to create, 1 to change, 1 to make anew, 1 to remove; disturbs 2 sessions"
    ]
    assert.deepStrictEqual(planText(view({ steps, drift, kept: ["bdev rpc"] })).split("\n"), expected)
  })

  it("says when there is nothing to do", () => {
    assert.strictEqual(planText(view({})), "nothing to do: disks.yaml is applied")
  })
})

describe("the bar", () => {
  it.each([
    [0, 10, "[                              ] 0/10"],
    [5, 10, "[===============               ] 5/10"],
    [10, 10, "[==============================] 10/10"]
  ])("at %i of %i is %s", (done, total, expected) => {
    assert.strictEqual(progressBar(done, total), expected)
  })
})
