/** The command window (RFC 7143 section 4.2.2.1), and a session's paths to logical units. */
import { assert, beforeEach, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LunMapping, type Target } from "../../../src/dataplane/iscsi/Target.ts"
import { SenseCode } from "../../../src/dataplane/scsi/sense-codes.ts"
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
  unitOf
} from "./fixture.ts"

const queueDepth = 4
const testUnitReady = Buffer.alloc(6)
let node: TestNode
let slow: ErrorBdev
let target: Target
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  slow = hangingDisk()
  target = addTarget(node, { 0: ramDisk(), 1: slow }, { queueDepth })
  peer = loggedIn(node, {}, [0, 1])
})

const lun1 = { lun: 1n << 48n }
const readSlowly = () => peer.command(0xc1, read10(0, 1), 512, undefined, lun1)

describe("the command window", () => {
  it("is as deep as the queue, closes by commands that run, and opens with their ends", async () => {
    const first = peer.connection.window.maxCmdSn
    assert.strictEqual(first, peer.cmdSn + queueDepth - 1)
    for (let count = 0; count < queueDepth; count++) readSlowly()
    assert.strictEqual(peer.connection.window.expCmdSn, peer.cmdSn)
    assert.strictEqual(peer.connection.window.maxCmdSn, first)
    assert.lengthOf(peer.received(), 0)
    slow.resumePending()
    await turn()
    const pdus = peer.received()
    assert.deepStrictEqual(
      pdus.map((pdu) => pdu.maxCmdSn),
      [first + 1, first + 2, first + 3, first + 4]
    )
    assert.strictEqual(peer.connection.window.maxCmdSn, first + queueDepth)
  })

  it("drops what is beyond it without a word, data and all", async () => {
    for (let count = 0; count < queueDepth; count++) readSlowly()
    peer.command(0xa1, Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1]), 512, Buffer.alloc(512, 0xee))
    assert.lengthOf(peer.received(), 0)
    assert.strictEqual(peer.connection.state, "full-feature")
    slow.resumePending()
    await turn()
    assert.lengthOf(peer.received(), queueDepth)
    assert.strictEqual(target.luns[0]?.unit.bdev.memory?.[0], 0)
  })

  it("drops what was there already", () => {
    peer.command(0x81, testUnitReady, 0)
    peer.received()
    peer.cmdSn--
    peer.command(0x81, testUnitReady, 0)
    assert.lengthOf(peer.received(), 0)
    peer.command(0x81, testUnitReady, 0)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
  })

  it("ends the connection over a gap, which nothing can fill any more", () => {
    peer.cmdSn++
    peer.command(0x81, testUnitReady, 0)
    assert.strictEqual(peer.connection.state, "exiting")
    assert.match(node.told.at(-2) ?? "", /protocol error: CmdSN \d+ where \d+ is expected/)
  })

  it("wraps round", () => {
    const other = new TestNode()
    addTarget(other, { 0: ramDisk() }, { queueDepth })
    const wrapping = loggedIn(other)
    const session = wrapping.connection.session
    assert(session !== undefined)
    session.expCmdSn = 0xfffffffe
    wrapping.cmdSn = 0xfffffffe
    for (const [exp, max] of [
      [0xffffffff, 2],
      [0, 3],
      [1, 4]
    ]) {
      const cmdSn = wrapping.cmdSn
      wrapping.command(0x81, testUnitReady, 0, undefined, { cmdSn: cmdSn % 0x1_0000_0000 })
      const pdu = wrapping.one()
      assert.deepStrictEqual([statusOf(pdu), pdu.expCmdSn, pdu.maxCmdSn], ["GOOD", exp, max])
    }
  })

  it("does not count immediate commands, which have a limit of their own", () => {
    const before = peer.connection.window
    const { expCmdSn, maxCmdSn } = before
    const immediate = { ...lun1, immediate: true }
    for (let count = 0; count < queueDepth + 64; count++) peer.command(0xc1, read10(0, 1), 512, undefined, immediate)
    assert.deepStrictEqual([before.expCmdSn, before.maxCmdSn], [expCmdSn, maxCmdSn])
    assert.lengthOf(peer.received(), 0)
    peer.command(0xc1, read10(0, 1), 512, undefined, immediate)
    const refused = peer.one()
    assert.deepStrictEqual([refused.opcode, statusOf(refused)], [Opcode.scsiResponse, "status 28"])
  })

  it("is whole again when commands were aborted", () => {
    const tags = [readSlowly(), readSlowly()]
    for (const tag of tags) {
      const header = { opcode: Opcode.taskManagement, immediate: true, flags: 0x81, initiatorTaskTag: peer.nextTag() }
      peer.send({ ...header, ...lun1, word20: tag, cmdSn: peer.cmdSn })
    }
    assert.strictEqual(peer.connection.session?.commandsInFlight, 0)
    assert.strictEqual(peer.connection.window.maxCmdSn, peer.cmdSn + queueDepth - 1)
  })
})

describe("a command without buffer to be had", () => {
  it("gets TASK SET FULL, and the next one may have it", async () => {
    const big = new TestNode()
    const bdev = hangingDisk()
    addTarget(big, { 0: bdev }, { queueDepth: 300 })
    const reader = loggedIn(big)
    // 1 MiB is all that the disk has; 64 MiB a connection may hold.
    for (let count = 0; count < 64; count++) reader.command(0xc1, read10(0, 2048), 1024 * 1024)
    assert.lengthOf(reader.received(), 0)
    reader.command(0xc1, read10(0, 2048), 1024 * 1024)
    assert.strictEqual(statusOf(reader.one()), "status 28")
    reader.command(0xa1, Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1]), 512, Buffer.alloc(512))
    assert.strictEqual(statusOf(reader.one()), "status 28")
    assert.strictEqual(big.tasks.bufferBytes, 64 * 1024 * 1024)
    reader.connection.close("test")
    // The bdev still has them, and their memory.
    assert.strictEqual(big.tasks.bufferBytes, 64 * 1024 * 1024)
    bdev.resumePending()
    assert.strictEqual(big.tasks.bufferBytes, 0)
  })
})

describe("paths to logical units", () => {
  it("begin with the first command, and end with the session", () => {
    const unit = target.luns[0]?.unit
    assert.strictEqual(unit?.nexusCount, 1)
    const second = loggedIn(node, { isid: "80000000000a" }, [])
    assert.strictEqual(unit?.nexusCount, 1)
    second.command(0x81, testUnitReady, 0)
    assert.strictEqual(statusOf(second.one()), "6/29/00")
    assert.strictEqual(unit?.nexusCount, 2)
    second.connection.close("test")
    peer.connection.close("test")
    assert.strictEqual(unit?.nexusCount, 0)
  })

  it("lead to the LUN that is mapped now", () => {
    const session = peer.connection.session
    const old = target.luns[0]
    assert(session !== undefined && old !== undefined)
    old.active = false
    assert.isUndefined(session.path(0))
    assert.strictEqual(old.unit.nexusCount, 0)
    target.luns[0] = new LunMapping(0, 77, unitOf(ramDisk()))
    assert.strictEqual(session.path(0)?.mapping.incarnation, 77)
    peer.command(0x81, testUnitReady, 0)
    assert.strictEqual(statusOf(peer.one()), "6/29/00")
  })

  it("do not exist for LUNs that can't", () => {
    const session = peer.connection.session
    for (const lun of [-1, 2, 16_383, 0xc101]) assert.isUndefined(session?.path(lun))
  })

  it("learn that the inventory has changed, until it was reported", () => {
    const session = peer.connection.session
    session?.lunInventoryChanged(1)
    for (const lun of [0, 1]) assert.isTrue(session?.path(lun)?.nexus.hasUnitAttention)
    peer.command(0xc1, Buffer.from([0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0]), 256)
    assert.strictEqual(peer.one().data.readUInt32BE(0), 16)
    for (const lun of [0, 1]) assert.isFalse(session?.path(lun)?.nexus.hasUnitAttention)
    session?.lunInventoryChanged(1)
    peer.command(0x81, testUnitReady, 0)
    assert.strictEqual(statusOf(peer.one()), "6/3f/0e")
    assert.strictEqual(session?.path(1)?.nexus.take(false), SenseCode.reportedLunsDataHasChanged)
  })

  it("are at a port that has a name", () => {
    const session = peer.connection.session
    assert.strictEqual(session?.targetPortName, "iqn.2016-06.io.spdk:disk1,t,0x0001")
    assert.strictEqual(session?.relativeTargetPort, 1)
  })
})
