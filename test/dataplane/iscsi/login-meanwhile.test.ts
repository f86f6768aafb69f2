/** What changes between the first request of a login and its last counts; what peers call themselves is printable. */
import { assert, beforeEach, describe, it } from "vitest"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { compileAccessList } from "../../../src/domain/access.ts"
import type { KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, initiatorName, ramDisk, TestNode, TestPeer, targetName, targetSpec } from "./fixture.ts"

const toOperational = 0x81
const toFullFeature = 0x87
const forbidden = 0x0202
const initiatorError = 0x0200
let node: TestNode
let target: Target
let peer: TestPeer

const keysOf = (name: string): KeyList => [
  ["InitiatorName", name],
  ["SessionType", "Normal"],
  ["TargetName", targetName]
]

beforeEach(() => {
  node = new TestNode()
  target = addTarget(node, { 0: ramDisk() })
  peer = new TestPeer(node)
})

describe("a login under way", () => {
  beforeEach(() => {
    peer.sendLogin(toOperational, keysOf(initiatorName))
    assert.strictEqual(peer.one().loginStatus, 0)
  })
  const end = (): number => {
    peer.sendLogin(toFullFeature, [])
    return peer.one().loginStatus
  }

  it("ends well when nothing has changed", () => {
    assert.strictEqual(end(), 0)
  })

  it("is refused when its initiator group lets it in no more", () => {
    node.initiatorGroups.set(1, compileAccessList({ initiators: [`!${initiatorName}`], netmasks: ["ANY"] }))
    assert.strictEqual(end(), forbidden)
    assert.strictEqual(node.sessions.size, 0)
  })

  it("is refused when the target has left the portal group", () => {
    target.spec = targetSpec({ ports: [] })
    assert.strictEqual(end(), forbidden)
  })
})

describe("a name with control characters", () => {
  it("is refused: it would be printed", () => {
    for (const name of ["iqn.x:a\nb", "iqn.x:\u001b[2J", "iqn.x:\u009b2J", "iqn.x:\u2028", "iqn.x:\u007f"]) {
      peer = new TestPeer(node)
      peer.sendLogin(toFullFeature, keysOf(name))
      assert.strictEqual(peer.one().loginStatus, initiatorError, JSON.stringify(name))
    }
    assert.match(node.told.join("|"), /a control character in the value of InitiatorName/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    assert.notMatch(node.told.join("|"), /[\u0000-\u001f\u007f-\u009f]/)
  })
})
