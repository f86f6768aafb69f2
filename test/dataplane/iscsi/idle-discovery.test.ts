/** Discovery sessions are for asking: one that stays and asks nothing is ended, and does not use up connections. */
import { assert, it } from "vitest"
import { discoveryIdleTimeoutMillis } from "../../../src/dataplane/limits.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, ramDisk, TestNode, TestPeer } from "./fixture.ts"

it("a discovery session stays while it asks, and ends when it has asked nothing for a while", () => {
  const node = new TestNode()
  addTarget(node, { 0: ramDisk() })
  const peer = new TestPeer(node)
  peer.discover()
  for (let round = 0; round < 3; round++) {
    const header = { opcode: Opcode.text, immediate: true, flags: 0x80, word20: reservedTag, cmdSn: peer.cmdSn }
    peer.send({ ...header, initiatorTaskTag: peer.nextTag() }, Buffer.from("SendTargets=All\0"))
    assert.strictEqual(peer.one().opcode, Opcode.textResponse)
    node.pass(0)
    node.pass(discoveryIdleTimeoutMillis)
    assert.strictEqual(peer.connection.state, "full-feature")
  }
  node.pass(1)
  assert.strictEqual(peer.connection.state, "exiting")
  // It was not pinged: only normal sessions are.
  assert.deepStrictEqual(peer.received(), [])
})
