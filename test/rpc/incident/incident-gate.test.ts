/** A storm of incidents opens few folders, and what it joins is the one that tells of its beginning. */
import { assert, describe, it } from "vitest"
import { IncidentGate } from "../../../src/rpc/incident/IncidentGate.ts"

const failed = (seq: number, bdev: string) => ({ seq, type: "IoFailed", payload: { bdev, targetName: "t" } })
const second = 1000
const minute = 60 * second

describe("an incident", () => {
  it("of a time without others opens a folder", () => {
    const gate = new IncidentGate()
    assert.isUndefined(gate.joins(failed(5, "a"), 0))
    assert.isUndefined(gate.joins(failed(9, "b"), 11 * second))
  })

  it("joins the folder that was opened seconds before, whatever it is", () => {
    const gate = new IncidentGate()
    gate.joins(failed(5, "a"), 0)
    assert.strictEqual(gate.joins(failed(6, "b"), 9 * second), 5)
    assert.strictEqual(gate.joins({ seq: 7, type: "ReactorCrashed", payload: { reactor: 1 } }, 9 * second), 5)
  })

  it("joins one of its kind and about the same thing for minutes, and opens another after that", () => {
    const gate = new IncidentGate()
    gate.joins(failed(5, "a"), 0)
    assert.strictEqual(gate.joins(failed(6, "a"), 9 * minute), 5)
    assert.isUndefined(gate.joins(failed(7, "b"), 9 * minute))
    assert.isUndefined(gate.joins(failed(8, "a"), 11 * minute))
    assert.strictEqual(gate.joins(failed(9, "a"), 12 * minute), 8)
  })

  it("opens a folder when the clock has gone back behind the last one", () => {
    const gate = new IncidentGate()
    gate.joins(failed(5, "a"), 60 * minute)
    assert.isUndefined(gate.joins(failed(6, "a"), 0))
  })
})

it("a storm about thousands of things opens a folder every ten seconds", () => {
  const gate = new IncidentGate()
  const opened = Array.from({ length: 60_000 }, (_, index) => gate.joins(failed(index + 1, `b${index}`), index)).filter(
    (joined) => joined === undefined
  )
  assert.strictEqual(opened.length, 6)
})
