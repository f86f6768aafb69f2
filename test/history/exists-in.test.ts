/** Which objects a state has, by their names in full; the search for what went missing takes them in short, too. */
import { assert, describe, it } from "vitest"
import { Seq } from "../../src/domain/ids.ts"
import { lunsOf, targetsOf } from "../../src/domain/State.ts"
import { stateHolds } from "../../src/history/bisect/state-holds.ts"
import { existsIn } from "../../src/history/exists-in.ts"
import { guide } from "../domain/examples.ts"
import { historyOf } from "../domain/specification.ts"

const applied = { name: "shop.yaml", fileHash: "ab".repeat(32), desired: [], seq: Seq.make(3) }
const state = { ...historyOf(...guide).state, appliedConfig: applied }
const [target] = targetsOf(state)
const name = target?.name ?? ""
const short = name.slice(name.indexOf(":") + 1)
const lun = target === undefined ? -1 : (lunsOf(target)[0]?.lun ?? -1)

describe("an object of a state", () => {
  it("is there by its name in full, and the configuration that was applied last, too", () => {
    assert.isTrue(existsIn(state, { _tag: "Target", name }))
    assert.isFalse(existsIn(state, { _tag: "Target", name: short }))
    assert.isTrue(existsIn(state, { _tag: "Lun", target: name, lun }))
    assert.isTrue(existsIn(state, { _tag: "Config", name: "shop.yaml" }))
    assert.isFalse(existsIn(state, { _tag: "Config", name: "other.yaml" }))
    assert.isFalse(existsIn(state, { _tag: "Session", tsih: 1 }))
  })

  it("may be looked for by what follows the prefix of its target", () => {
    for (const text of [short, name, `target:${short}`, `lun:${short}:${lun}`, `${name}:${lun}`, "config:shop.yaml"]) {
      assert.isTrue(stateHolds(text)?.(state), text)
    }
    for (const text of ["none", `lun:${short}:200`, "bdev:none", "config:other.yaml"]) {
      assert.isFalse(stateHolds(text)?.(state), text)
    }
    assert.isUndefined(stateHolds("session:1"))
  })
})
