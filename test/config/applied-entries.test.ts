/** The hash of what a file wants: by what it says, and by nothing of chance. */
import { assert, describe, it } from "vitest"
import { hashOf } from "../../src/config/plan/applied-entries.ts"

const hash = (payload: unknown, type = "LunAdded") => hashOf([{ type, v: 1, payload: JSON.stringify(payload) }])

describe("the hash of entries", () => {
  it.each([
    ["the incarnation of a bdev", { bdev: { name: "M0", incarnation: 3 } }, { bdev: { name: "M0", incarnation: 44 } }],
    ["an incarnation in front", { incarnation: 3, name: "M0" }, { incarnation: 4, name: "M0" }],
    ["sealed bytes", { secret: { sealed: "a", fingerprint: "f" } }, { secret: { sealed: "b", fingerprint: "f" } }]
  ])("does not see %s", (_, a, b) => {
    assert.strictEqual(hash(a), hash(b))
  })

  it.each([
    ["a name", { name: "a" }, { name: "b" }],
    ["a fingerprint", { secret: { sealed: "a", fingerprint: "f" } }, { secret: { sealed: "a", fingerprint: "g" } }],
    ["a text that looks like an incarnation", { alias: ',"incarnation":3' }, { alias: ',"incarnation":4' }],
    ["that beside one", { alias: ',"incarnation":3', incarnation: 1 }, { alias: ',"incarnation":4', incarnation: 1 }]
  ])("sees %s", (_, a, b) => {
    assert.notStrictEqual(hash(a), hash(b))
  })

  it("is the same whichever way the chance is left out", () => {
    const bdev = { name: "M0", incarnation: 3 }
    // What has something sealed is parsed, the other is cut out of the text.
    assert.strictEqual(hash({ bdev, sealed: "x" }), hash({ bdev }))
  })
})
