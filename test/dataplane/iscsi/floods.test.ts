/** Initiators that send what they should not, or as much of it as they can: what that takes is bounded. */
import { assert, beforeEach, describe, it } from "vitest"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { pendingFunctionsMax, taskBufferBytesMax, turnWorkBytes } from "../../../src/dataplane/limits.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  blockBytes,
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

const mebibyteBlocks = 2048
const testUnitReady = Buffer.alloc(6)
let node: TestNode
let target: Target
let flood: TestPeer
let other: TestPeer

beforeEach(() => {
  node = new TestNode({ maxSessions: 256 })
  target = addTarget(node, { 0: ramDisk(2 * mebibyteBlocks), 1: hangingDisk() }, { queueDepth: 256 })
  flood = loggedIn(node, { isid: "800000000001", keys: [["ImmediateData", "No"]] }, [0, 1])
  other = loggedIn(node, { isid: "800000000002" }, [0, 1])
})

const otherIsAnswered = (): boolean => {
  other.command(0x81, testUnitReady, 0)
  return statusOf(other.one()) === "GOOD"
}
const lun1 = { lun: 1n << 48n }

describe("an initiator that announces writes and never sends their data", () => {
  it("holds buffers up to its limit, is told that there are no more, and gives them back when it goes", () => {
    const count = 100
    for (let index = 0; index < count; index++) {
      flood.command(0xa1, write10(0, mebibyteBlocks), mebibyteBlocks * blockBytes, undefined, lun1)
    }
    assert.isAtMost(node.tasks.bufferBytes, taskBufferBytesMax)
    const full = flood.received().filter(({ opcode }) => opcode === Opcode.scsiResponse)
    assert.strictEqual(full.length, count - taskBufferBytesMax / (mebibyteBlocks * blockBytes))
    assert.deepStrictEqual([...new Set(full.map(({ status }) => status))], [0x28])
    other.command(0xc1, read10(0, 8), 8 * blockBytes)
    assert.strictEqual(statusOf(other.one()), "GOOD")
    flood.connection.close("test")
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.strictEqual(target.luns[1]?.bufferBytes, 0)
  })

  it("and that stops in the middle of a PDU holds what it has begun, and no more", () => {
    const before = node.tasks.bufferBytes
    const bytes = flood.commandBytes(0xa1, write10(0, 8), 8 * blockBytes, undefined, lun1)
    flood.bytes(bytes.subarray(0, 40))
    assert.strictEqual(node.tasks.bufferBytes, before)
    assert.isTrue(otherIsAnswered())
    flood.bytes(bytes.subarray(40))
    assert.strictEqual(flood.received().at(-1)?.opcode, Opcode.readyToTransfer)
  })
})

describe("floods of task management functions", () => {
  const functions = 2000

  it("are answered in shares, while others are answered at once", async () => {
    for (let index = 0; index < 100; index++) loggedIn(node, { isid: `80000000${1000 + index}` })
    const reset = {
      opcode: Opcode.taskManagement,
      immediate: true,
      flags: 0x82,
      cmdSn: flood.cmdSn,
      word20: reservedTag
    }
    const requests = Array.from({ length: functions }, (_, tag) => flood.pduBytes({ ...reset, initiatorTaskTag: tag }))
    flood.bytes(Buffer.concat(requests))
    let answered = 0
    let turns = 0
    for (; answered < functions && turns < functions; turns++) {
      const now = flood.received().length
      assert.isAtMost(now, turnWorkBytes / (32 * 1024))
      answered += now
      assert.isTrue(otherIsAnswered())
      await turn()
    }
    assert.strictEqual(answered, functions)
  })

  it("that wait for a disk that hangs are limited in number", () => {
    const tags = Array.from({ length: 4 }, () => flood.command(0xc1, read10(0, 1), blockBytes, undefined, lun1))
    assert.lengthOf(tags, 4)
    const abort = { opcode: Opcode.taskManagement, immediate: true, flags: 0x82, ...lun1, cmdSn: flood.cmdSn }
    for (let tag = 0; tag < 4 * pendingFunctionsMax; tag++) {
      flood.send({ ...abort, initiatorTaskTag: 0x9000 + tag, word20: reservedTag })
    }
    assert.isAtMost(flood.connection.managing.size, pendingFunctionsMax)
    assert.isTrue(otherIsAnswered())
  })
})
