/** A write that is ended from outside while its PDU is still being read: its task belongs to nobody, or to others. */
import { assert, beforeEach, describe, it } from "vitest"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { drainLun } from "../../../src/dataplane/reactor/drain-lun.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, loggedIn, ramDisk, statusOf, TestNode, type TestPeer, turn, write10 } from "./fixture.ts"

const lunField = { lun: 1n << 48n }
const data = Buffer.alloc(4096, 7)
const bytesOnTheWay = 1000
let node: TestNode
let target: Target
let half: TestPeer
let other: TestPeer
let rest: Buffer

/** A WRITE of which a part has arrived. */
const beginHalf = (lun: bigint): void => {
  const bytes = half.commandBytes(0xa1, write10(0, 8), data.length, data, { lun: lun << 48n })
  half.bytes(bytes.subarray(0, bytesOnTheWay))
  rest = bytes.subarray(bytesOnTheWay)
}

const drain = (lun: number): void => {
  const mapping = target.luns[lun]
  assert(mapping)
  drainLun(
    target,
    mapping,
    1000,
    () => node.now(),
    () => {}
  )
}

beforeEach(() => {
  node = new TestNode()
  target = addTarget(node, { 0: ramDisk(), 1: ramDisk() })
  half = loggedIn(node, {}, [0, 1])
  other = loggedIn(node, { isid: "800000000002" }, [0, 1])
})

/** Another connection's write, which waits for its data: its status when they have come. */
const othersWrite = (meanwhile: () => void): string => {
  const tag = other.command(0xa1, write10(0, 8), data.length, undefined, lunField)
  const { targetTransferTag } = other.one()
  meanwhile()
  other.dataOut(tag, data, 0, { word20: targetTransferTag, flags: 0x80 })
  return statusOf(other.one())
}

describe("a write that is half read", () => {
  it("when its LUN drains leaves other connections' commands alone as its connection is cut", () => {
    beginHalf(0n)
    drain(0)
    const cut = (): void => half.connection.close("cut")
    assert.strictEqual(othersWrite(cut), "GOOD")
    assert.deepStrictEqual(node.told.at(-1), "closed: cut")
  })

  it("when another session resets its LUN leaves other connections' commands alone as its connection is cut", () => {
    beginHalf(0n)
    const reset = { opcode: Opcode.taskManagement, immediate: true, flags: 0x85, initiatorTaskTag: 5 }
    other.send({ ...reset, word20: reservedTag, cmdSn: other.cmdSn })
    assert.strictEqual(other.one().response, 0)
    assert.strictEqual(
      othersWrite(() => half.connection.close("cut")),
      "GOOD"
    )
  })

  it("ends with a reset of its LUN by another session, without an answer", () => {
    beginHalf(0n)
    const reset = { opcode: Opcode.taskManagement, immediate: true, flags: 0x85, initiatorTaskTag: 5 }
    other.send({ ...reset, word20: reservedTag, cmdSn: other.cmdSn })
    half.bytes(rest)
    assert.deepStrictEqual(half.received(), [])
  })

  it("is answered as soon as its LUN drains, without its rest", async () => {
    beginHalf(0n)
    drain(0)
    await turn()
    assert.strictEqual(statusOf(half.one()), "5/25/00")
    half.bytes(rest)
    assert.deepStrictEqual(half.received(), [])
  })

  it("is answered once, and what is left of it is dropped", () => {
    beginHalf(0n)
    drain(0)
    half.bytes(rest)
    assert.strictEqual(statusOf(half.one()), "5/25/00")
    half.command(0x81, Buffer.alloc(6), 0, undefined, lunField)
    assert.strictEqual(statusOf(half.one()), "GOOD")
    assert.strictEqual(
      othersWrite(() => {}),
      "GOOD"
    )
  })
})
