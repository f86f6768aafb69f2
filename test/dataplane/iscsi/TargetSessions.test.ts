/** Sessions of a target are found by who they are with, also after others have come and gone. */
import { assert, beforeEach, describe, it } from "vitest"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { addTarget, loggedIn, ramDisk, TestNode } from "./fixture.ts"

const [isid, otherIsid] = ["800000000001", "800000000002"]
const [host, otherHost] = ["iqn.2024-01.test:host", "iqn.2024-01.test:other"]

let node: TestNode
let target: Target

beforeEach(() => {
  node = new TestNode({})
  target = addTarget(node, { 0: ramDisk(4096) })
})

const handles = (name: string, of: string, tag = 1): ReadonlyArray<number> =>
  target.sessions.ofNexus(name, of, tag).map(({ tsih }) => tsih)

describe("the sessions of a target", () => {
  it("are found by initiator name, ISID and portal group, each of them", () => {
    const open = (name: string, of: string): number =>
      loggedIn(node, { name, isid: of }, []).connection.session?.tsih ?? 0
    assert.deepStrictEqual(handles(host, isid), [])
    const [one, two, three] = [open(host, isid), open(host, otherIsid), open(otherHost, isid)] as const
    assert.deepStrictEqual(handles(host, isid), [one])
    assert.deepStrictEqual(handles(host, otherIsid), [two])
    assert.deepStrictEqual(handles(otherHost, isid), [three])
    assert.deepStrictEqual(handles(host, isid, 2), [])
    assert.deepStrictEqual(handles("iqn.2024-01.test:nobody", isid), [])
    assert.strictEqual(target.sessions.size, 3)
  })

  it("are forgotten when they end, in whatever order", () => {
    const peers = [isid, otherIsid, "800000000003"].map((each) => loggedIn(node, { name: host, isid: each }, []))
    for (const index of [1, 0, 2]) {
      peers[index]?.connection.close("it ends")
      assert.deepStrictEqual(handles(host, [isid, otherIsid, "800000000003"][index] ?? ""), [])
    }
    assert.strictEqual(target.sessions.size, 0)
    assert.deepStrictEqual([...target.sessions], [])
  })

  it("are several of one nexus where duplicate ISIDs are allowed", () => {
    node.options = { ...node.options, allowDuplicateIsid: true }
    for (const _ of [1, 2]) loggedIn(node, { name: host, isid }, [])
    assert.lengthOf(handles(host, isid), 2)
    node.options = { ...node.options, allowDuplicateIsid: false }
    const next = loggedIn(node, { name: host, isid }, [])
    assert.deepStrictEqual(handles(host, isid), [next.connection.session?.tsih ?? 0])
  })
})
