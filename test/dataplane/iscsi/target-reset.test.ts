/** TARGET WARM RESET and TARGET COLD RESET: every unit of the target, every initiator, and the sessions. */
import { assert, beforeEach, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LunMapping, type Target } from "../../../src/dataplane/iscsi/Target.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  hangingDisk,
  loggedIn,
  lunField,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  turn,
  write10
} from "./fixture.ts"

const complete = 0
let node: TestNode
let slow: ErrorBdev
let target: Target
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  slow = hangingDisk()
  target = addTarget(node, { 0: ramDisk(), 1: slow })
  peer = loggedIn(node, { keys: [["InitialR2T", "Yes"]] }, [0, 1])
})

const readSlowly = (from: TestPeer = peer) => from.command(0xc1, read10(0, 8), 4096, undefined, lunField(1))
const manage = (code: number): void => {
  const header = { opcode: Opcode.taskManagement, immediate: true, flags: 0x80 | code, cmdSn: peer.cmdSn }
  peer.send({ ...header, initiatorTaskTag: peer.nextTag(), word20: reservedTag })
}
const unitReady = (from: TestPeer, lun: number): string => {
  from.command(0x81, Buffer.alloc(6), 0, undefined, lunField(lun))
  return statusOf(from.one())
}
/** The result, when it is there. */
const result = async (): Promise<number | undefined> => {
  await turn()
  return peer.received()[0]?.response
}

describe("TARGET WARM RESET", () => {
  it("resets all units of the target, for every initiator", async () => {
    const second = addTarget(node, { 3: ramDisk() }, { name: "iqn.second" })
    const unit = target.luns[1]?.unit
    assert(unit !== undefined)
    second.luns[5] = new LunMapping(5, 50, unit)
    const other = loggedIn(node, { target: "iqn.second" }, [3, 5])
    other.command(0xc1, read10(0, 8), 4096, undefined, lunField(5))
    readSlowly()
    peer.command(0xa1, write10(0, 8), 4096)
    peer.received()
    manage(6)
    assert.isUndefined(await result())
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.lengthOf(other.received(), 0)
    assert.deepStrictEqual([unitReady(other, 5), unitReady(other, 5), unitReady(other, 3)], ["6/29/02", "GOOD", "GOOD"])
    assert.deepStrictEqual(
      [0, 1, 0, 1].map((lun) => unitReady(peer, lun)),
      ["6/29/02", "6/29/02", "GOOD", "GOOD"]
    )
    assert.strictEqual(peer.connection.commands?.tasks.size, 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })
})

describe("TARGET COLD RESET", () => {
  it("answers, and ends all sessions of the target, and no others", async () => {
    addTarget(node, { 0: ramDisk() }, { name: "iqn.second" })
    const other = loggedIn(node, { isid: "80000000000a" }, [0, 1])
    const elsewhere = loggedIn(node, { target: "iqn.second" })
    readSlowly(other)
    manage(7)
    assert.isUndefined(await result())
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.deepStrictEqual([peer.connection.state, other.connection.state], ["exiting", "exiting"])
    assert.strictEqual(target.sessions.size, 0)
    assert.lengthOf(other.received(), 0)
    assert.strictEqual(unitReady(elsewhere, 0), "GOOD")
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })
})
