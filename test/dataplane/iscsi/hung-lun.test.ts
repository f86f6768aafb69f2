/** A disk that hangs while its initiators abort and try again holds a bounded amount, and others have their share. */
import { assert, beforeEach, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { lunCommandsMax, lunTaskBufferBytesMax } from "../../../src/dataplane/limits.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, cdb10, hangingDisk, loggedIn, read10, statusOf, TestNode, type TestPeer, turn } from "./fixture.ts"

const depth = 32
const abortTaskSet = 0x82
const blocks = 2048
const taskSetFull = "status 28"
let node: TestNode
let hung: ErrorBdev
let target: Target
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  hung = hangingDisk()
  hung.inject({ ioType: "all", errorType: "pending", count: 1e9, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
  target = addTarget(node, { 0: hung, 1: hangingDisk() }, { queueDepth: depth })
  peer = loggedIn(node, {}, [0, 1])
})

/** Commands that hang, and then nobody waits for; the statuses of those that are answered at once. */
const tryAndAbort = (send: () => void): ReadonlyArray<string> => {
  for (let command = 0; command < depth; command++) send()
  const statuses = peer.received().map(statusOf)
  const header = { opcode: Opcode.taskManagement, immediate: true, flags: abortTaskSet, word20: reservedTag }
  peer.send({ ...header, initiatorTaskTag: peer.nextTag(), cmdSn: peer.cmdSn })
  // With nothing to abort the response is there at once.
  peer.received()
  return statuses
}

describe("a LUN that hangs", () => {
  it("takes no more than its share of the buffers", async () => {
    const read = (): void => void peer.command(0xc1, read10(0, blocks), blocks * 512)
    let full = 0
    for (let round = 0; round < 20; round++) full += tryAndAbort(read).filter((status) => status === taskSetFull).length
    assert.isAbove(full, 0)
    assert.strictEqual(target.luns[0]?.bufferBytes, lunTaskBufferBytesMax)
    assert.strictEqual(node.tasks.bufferBytes, lunTaskBufferBytesMax)
    peer.command(0xc1, read10(0, blocks), blocks * 512, undefined, { lun: 1n << 48n })
    assert.deepStrictEqual(peer.received(), [])
    hung.resumePending()
    await turn()
    assert.strictEqual(target.luns[0]?.bufferBytes, 0)
  })

  it("is given a bounded number of commands, also of those without data", async () => {
    const flush = (): void => void peer.command(0x81, cdb10(0x35, 0, 0), 0)
    let full = 0
    for (let round = 0; round < lunCommandsMax / depth + 3; round++) full += tryAndAbort(flush).length
    assert.strictEqual(full, 3 * depth)
    assert.strictEqual(hung.pendingCount, lunCommandsMax)
    hung.resumePending()
    assert.strictEqual(target.luns[0]?.submitted.size, 0)
    await turn()
    peer.received()
    peer.command(0x81, cdb10(0x35, 0, 0), 0)
    assert.strictEqual(hung.pendingCount, 1)
  })
})
