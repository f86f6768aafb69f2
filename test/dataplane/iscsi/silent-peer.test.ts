/** Initiators that are gone without a word, or take nothing any more: what they held is free when they are given up. */
import { once } from "node:events"
import { assert, beforeEach, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import {
  logoutCloseTimeoutMillis,
  outputBufferBytes,
  smallOutputBufferBytes,
  smallOutputBuffersKept
} from "../../../src/dataplane/limits.ts"
import { Opcode } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  hangingDisk,
  loggedIn,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  turn,
  write10
} from "./fixture.ts"

let node: TestNode
let hung: ErrorBdev
let target: Target

beforeEach(() => {
  node = new TestNode({ nopInInterval: 5, nopTimeout: 10 })
  hung = hangingDisk()
  target = addTarget(node, { 0: ramDisk(4096), 1: hung })
})

const lun1 = { lun: 1n << 48n }
const reserve6 = Buffer.from([0x16, 0, 0, 0, 0, 0])

/** Time passes until a silent initiator has been given up: 5 s without a word, and 10 s for the answer. */
const untilGivenUp = (): void => {
  node.pass(1)
  node.pass(5000)
  node.pass(10_001)
}

const closed = (peer: TestPeer): Promise<unknown> => once(peer.socket, "close")

describe("an initiator that says nothing any more", () => {
  it("loses its commands, their buffers, its place in the window, and what it has reserved", async () => {
    const silent = loggedIn(node, {}, [0, 1])
    silent.command(0x81, reserve6, 0)
    assert.strictEqual(statusOf(silent.one()), "GOOD")
    silent.command(0xa1, write10(0, 1024), 524_288)
    silent.command(0xa1, write10(0, 8), 4096, undefined, lun1)
    silent.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    const other = loggedIn(node, { isid: "800000000002" }, [])
    other.command(0x81, Buffer.alloc(6), 0)
    other.received()
    other.command(0xc1, read10(0, 1), 512)
    assert.strictEqual(other.one().status, 0x18, "RESERVATION CONFLICT")
    assert.isAbove(node.tasks.bufferBytes, 0)
    untilGivenUp()
    // The other one has not answered either; both are gone.
    assert.strictEqual(silent.connection.state, "exiting")
    assert.strictEqual(node.sessions.size, 0)
    hung.resumePending()
    await turn()
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.strictEqual(target.luns[1]?.submitted.size, 0)
    assert.strictEqual(target.luns[1]?.unit.nexusCount, 0)
    const next = loggedIn(node, { isid: "800000000003" }, [])
    next.command(0x81, Buffer.alloc(6), 0)
    next.received()
    next.command(0xc1, read10(0, 1), 512)
    assert.strictEqual(next.one().opcode, Opcode.dataIn, "the reservation is gone")
  })

  it("is gone from the node a few seconds later, also if it does not close its side", async () => {
    const silent = loggedIn(node)
    untilGivenUp()
    const gone = closed(silent)
    node.pass(logoutCloseTimeoutMillis + 1)
    await gone
    assert.strictEqual(node.connections.size, 0)
  })
})

describe("an initiator that takes nothing any more", () => {
  it("is given up with all that is unsent, and nobody waits for it", async () => {
    const blackholed = loggedIn(node, { keys: [["MaxRecvDataSegmentLength", "262144"]] }, [0, 1])
    blackholed.socket.slow = true
    for (let command = 0; command < 16; command++) blackholed.command(0xc1, read10(0, 1024), 524_288)
    blackholed.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    hung.resumePending()
    await turn()
    assert.isTrue(blackholed.connection.transmitter.overLimit)
    untilGivenUp()
    assert.strictEqual(blackholed.connection.state, "exiting")
    assert.strictEqual(node.sessions.size, 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
    const gone = closed(blackholed)
    node.pass(logoutCloseTimeoutMillis + 1)
    await gone
    assert.strictEqual(node.connections.size, 0)
    assert.isFalse(blackholed.connection.transmitter.pending)
  })
})

describe("many initiators that are silent at once", () => {
  it("are pinged with one output buffer for all, and hold none while they are silent", () => {
    node.options = { ...node.options, maxSessions: 20 }
    const peers = Array.from({ length: 20 }, (_, index) => loggedIn(node, { isid: `8000000001${10 + index}` }, []))
    for (const peer of peers) peer.received()
    const allowed = outputBufferBytes + smallOutputBuffersKept * smallOutputBufferBytes
    assert.isAtMost(node.outputBuffers.usedBytes, allowed)
    node.pass(1)
    node.pass(5000)
    for (const peer of peers) assert.strictEqual(peer.one().opcode, Opcode.nopIn)
    assert.isAtMost(node.outputBuffers.usedBytes, allowed)
    assert.strictEqual(node.outputBuffers.usedBytes, node.outputBuffers.keptBytes, "all of it is free again")
  })
})
