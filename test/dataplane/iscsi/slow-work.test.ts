/** Requests that take long to answer come one per turn of the event loop, so that IO goes on between them. */
import { assert, beforeEach, describe, it } from "vitest"
import { loneTurnWorkBytes, targetWorkBytes } from "../../../src/dataplane/limits.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, encodeWhole, loggedIn, ramDisk, TestNode, TestPeer, turn } from "./fixture.ts"

const targetsPerTurn = loneTurnWorkBytes / targetWorkBytes

const sendTargets = (tag: number): Buffer =>
  encodeWhole(
    { opcode: Opcode.text, immediate: true, flags: 0x80, initiatorTaskTag: tag, word20: reservedTag, cmdSn: 1 },
    Buffer.from("SendTargets=All\0")
  )
const tagsOf = (pdus: ReadonlyArray<Pdu>): ReadonlyArray<number> => pdus.map((pdu) => pdu.initiatorTaskTag)

describe("a node's slow work", () => {
  it("is done at once while the turn has room, then in later turns, in order", async () => {
    const node = new TestNode()
    const done: Array<number> = []
    const take = (number: number, targets: number): boolean =>
      node.turns.soon(targets * targetWorkBytes, () => done.push(number))
    // More than a turn's share is done when it comes first.
    assert.isTrue(take(1, 2 * targetsPerTurn))
    assert.isFalse(take(2, targetsPerTurn / 2))
    assert.isFalse(take(3, targetsPerTurn / 2))
    assert.isFalse(take(4, 1))
    assert.isFalse(take(5, targetsPerTurn))
    assert.deepStrictEqual(done, [1])
    await turn()
    assert.deepStrictEqual(done, [1, 2, 3])
    await turn()
    assert.deepStrictEqual(done, [1, 2, 3, 4])
    await turn()
    assert.deepStrictEqual(done, [1, 2, 3, 4, 5])
    await turn()
    assert.isTrue(take(6, targetsPerTurn))
  })
})

describe("many SendTargets requests in one chunk", () => {
  let node: TestNode
  let asking: TestPeer
  beforeEach(() => {
    node = new TestNode()
    addTarget(node, { 0: ramDisk() })
    // Nobody sees them, but each is looked at.
    const hidden = { ports: [] }
    for (let i = 0; i < targetsPerTurn / 2; i++) addTarget(node, {}, { name: `iqn.hidden:${i}`, ...hidden })
    asking = new TestPeer(node)
    asking.discover()
  })

  it("are answered in order, one per turn, while another's command is answered at once", async () => {
    const working = loggedIn(node)
    asking.bytes(Buffer.concat([1, 2, 3].map(sendTargets)))
    assert.deepStrictEqual(tagsOf(asking.received()), [1])
    working.command(0x81, Buffer.alloc(6), 0)
    assert.strictEqual(working.one().status, 0)
    await turn()
    assert.deepStrictEqual(tagsOf(asking.received()), [2])
    await turn()
    assert.deepStrictEqual(tagsOf(asking.received()), [3])
    await turn()
    asking.bytes(sendTargets(4))
    assert.deepStrictEqual(tagsOf(asking.received()), [4])
  })

  it("are forgotten when the connection ends", async () => {
    asking.bytes(Buffer.concat([1, 2].map(sendTargets)))
    asking.connection.close("test")
    await turn()
    await turn()
    assert.deepStrictEqual(tagsOf(asking.received()), [1])
    assert.notInclude(node.told.join(), "error")
  })
})
