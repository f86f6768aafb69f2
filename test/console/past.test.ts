/** What a moment was, and what two moments differ in, as the page shows them. */
import { assert, describe, it } from "vitest"
import type { ObjectChange } from "../../src/console/rpc/history-methods.ts"
import { groupsOf, signOfMember, signOfObject, summaryOf } from "../../src/console/time/model/difference-groups.ts"
import { lunOf, objectWords } from "../../src/console/time/model/object-name.ts"
import { fieldText, pastObjects } from "../../src/console/time/model/past-objects.ts"

const change = (action: string, object: string, about?: string): ObjectChange => ({
  action,
  object,
  about,
  detail: undefined,
  changes: [],
  by: []
})

describe("what differs", () => {
  it("is grouped by kind, what hosts see first, and nothing is lost", () => {
    const objects = [
      change("change", "iSCSI options"),
      change("create", "bdev Malloc1", "bdev:Malloc1"),
      change("remove", "bdev Malloc0", "bdev:Malloc0"),
      change("change", "target iqn.x:a", "target:iqn.x:a"),
      change("conjured", "thing 1", "thing:1")
    ]
    const groups = groupsOf(objects)
    assert.deepStrictEqual(
      groups.map(({ kind, objects: found }) => [kind, found.map(({ object }) => object)]),
      [
        ["target", ["target iqn.x:a"]],
        ["bdev", ["bdev Malloc1", "bdev Malloc0"]],
        ["", ["iSCSI options", "thing 1"]]
      ]
    )
    assert.strictEqual(summaryOf(objects), "3 changed, 1 new, 1 gone")
  })

  it("is told by a sign and a word, not by a colour alone", () => {
    assert.deepStrictEqual([signOfObject("create").sign, signOfObject("remove").word], ["+", "gone"])
    assert.deepStrictEqual(
      [signOfMember(undefined, "a"), signOfMember("a", undefined), signOfMember("a", "b")].map(({ sign }) => sign),
      ["+", "−", "~"]
    )
  })
})

describe("an object", () => {
  it("has words", () => {
    assert.strictEqual(objectWords("lun:iqn.2016-06.io.spdk:disk1:2"), "LUN 2 of iqn.2016-06.io.spdk:disk1")
    assert.strictEqual(objectWords("portal-group:1"), "portal group 1")
    assert.strictEqual(objectWords("nonsense"), "nonsense")
    assert.deepStrictEqual(lunOf("iqn.x:a:2"), { target: "iqn.x:a", lun: 2 })
    assert.isUndefined(lunOf("iqn.x:a"))
  })
})

describe("a state of the past", () => {
  const state = {
    targets: [
      {
        name: "iqn.x:a",
        alias: "Store",
        phase: { _tag: "Active" },
        luns: [{ lun: 2, bdev: { name: "Malloc0" }, phase: { _tag: "Draining" } }]
      }
    ],
    bdevs: [{ name: "Malloc0", spec: { _tag: "Malloc" }, phase: { _tag: "Active" } }],
    detachedBdevs: [{ name: "pulled", spec: { _tag: "Aio" } }],
    portalGroups: [{ tag: 1, name: "front", portals: [{ host: "127.0.0.1", port: 3260 }] }],
    authGroups: [{ tag: 3, secrets: [{ user: "u", secret: { sealed: "c2VjcmV0", fingerprint: "1" } }] }],
    options: { maxSessions: 128 },
    somethingLater: [{ unknown: true }]
  }

  it("is read as lists of objects, each with its phase", () => {
    const past = pastObjects(JSON.stringify(state))
    assert.deepStrictEqual(
      past?.luns.map(({ about, phase, summary }) => [about, summary, phase]),
      [["lun:iqn.x:a:2", "Malloc0", "Draining"]]
    )
    assert.deepStrictEqual(
      past?.bdevs.map(({ phase, title }) => [title, phase]),
      [
        ["Malloc0", "Active"],
        ["pulled", "Detached"]
      ]
    )
    assert.deepStrictEqual(
      past?.groups.map(({ summary, title }) => [title, summary]),
      [
        ["Portal group 1 (front)", "127.0.0.1:3260"],
        ["Auth group 3", ""]
      ]
    )
    assert.deepStrictEqual([past?.targets[0]?.summary, past?.settings], ["Store, 1 LUN", [["maxSessions", "128"]]])
    assert.isUndefined(pastObjects("[]"))
  })

  it("has fields that are read on one line", () => {
    assert.strictEqual(
      fieldText({ _tag: "Malloc", blocks: 8, base: { name: "a", size: 1 } }),
      "Malloc, blocks 8, base (name a, size 1)"
    )
    assert.deepStrictEqual([[], ["a", "b"], null, false, { _tag: "Active" }].map(fieldText), [
      "none",
      "a, b",
      "none",
      "false",
      "Active"
    ])
  })

  it("never shows what is sealed", () => {
    const shown = fieldText(state.authGroups)
    assert.notInclude(shown, "c2VjcmV0")
    assert.strictEqual(shown, "(tag 3, secrets (user u, secret withheld))")
  })
})
