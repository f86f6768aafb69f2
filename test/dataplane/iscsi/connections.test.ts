/**
 * Several connections of one session (RFC 7143 sections 4.2.2, 6.3.4 and 7.1.5): who may join, the order of commands
 * across them, which connection answers what, and what is left when one of them goes.
 */
import { assert, beforeEach, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import type { Session } from "../../../src/dataplane/iscsi/Session.ts"
import { missingCommandTimeoutMillis, recvDataSegmentBytesMax } from "../../../src/dataplane/limits.ts"
import { compileAccessList } from "../../../src/domain/access.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"
import { decodeKeys } from "../../support/initiator/text-keys.ts"
import {
  addTarget,
  hangingDisk,
  loggedIn,
  type PeerLogin,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  TestPeer,
  targetSpec,
  turn,
  write10
} from "./fixture.ts"

let node: TestNode
let disk: ReturnType<typeof ramDisk>
let hung: ErrorBdev

beforeEach(() => {
  node = new TestNode({ maxConnectionsPerSession: 3 })
  disk = ramDisk(64)
  hung = hangingDisk()
  addTarget(node, { 0: disk, 1: hung })
})

const sessionOf = (peer: TestPeer): Session => {
  const { session } = peer.connection
  if (session === undefined) throw new Error("the connection has no session")
  return session
}

/** The first connection of a session that may have three, CID 1. */
const leading = (options: PeerLogin = {}): TestPeer =>
  loggedIn(node, { keys: [["MaxConnections", "8"]], ...options }, [0, 1])

/** One more; its commands are numbered by the test. */
const joined = (first: TestPeer, cid: number, options: PeerLogin = {}): TestPeer => {
  const peer = new TestPeer(node)
  peer.cmdSn = first.cmdSn
  const response = peer.login({ tsih: sessionOf(first).tsih, cid, ...options })
  assert.strictEqual(response.loginStatus, 0)
  return peer
}

const loginStatus = (first: TestPeer, options: PeerLogin, portalGroupTag = 1): number =>
  new TestPeer(node, portalGroupTag).login({ tsih: sessionOf(first).tsih, ...options }).loginStatus

const isOpen = (peer: TestPeer): boolean => peer.connection.state === "full-feature"

const writeBytes = (peer: TestPeer, cmdSn: number, block: number, fill: number): Buffer =>
  peer.commandBytes(0xa1, write10(block, 1), 512, Buffer.alloc(512, fill), { cmdSn })

const logout = (peer: TestPeer, reason: number, cid: number): Pdu => {
  const header = { opcode: Opcode.logout, immediate: true, flags: 0x80 | reason, word20: cid << 16 }
  peer.send({ ...header, initiatorTaskTag: peer.nextTag(), cmdSn: peer.cmdSn })
  const pdu = peer.received().find(({ opcode }) => opcode === Opcode.logoutResponse)
  if (pdu === undefined) throw new Error("no logout response")
  return pdu
}

describe("a connection joins a session", () => {
  it("up to the number that was agreed on", () => {
    const first = leading()
    const session = sessionOf(first)
    const others = [joined(first, 2), joined(first, 7)]
    assert.strictEqual(loginStatus(first, { cid: 8 }), 0x0206)
    assert.deepStrictEqual(
      [...session.connections].map(({ cid }) => cid),
      [1, 2, 7]
    )
    assert.deepStrictEqual(
      others.map((peer) => peer.connection.session),
      [session, session]
    )
    assert.strictEqual(node.sessions.size, 1)
    const alone = loggedIn(node, { isid: "800000000002" })
    assert.strictEqual(loginStatus(alone, { isid: "800000000002", cid: 2 }), 0x0206, "MaxConnections was not offered")
  })

  it("only of its own I_T nexus, portal group and rights", () => {
    const first = leading()
    node.portalGroups.set(2, { tag: 2, private: false, auth: sessionOf(first).identity.target.spec.auth, portals: [] })
    const maps = [{ initiatorGroup: 1, readOnly: false }]
    const ports = [1, 2].map((portalGroupTag) => ({ portalGroupTag, relativePortId: portalGroupTag, maps }))
    const { target } = sessionOf(first).identity
    target.update(targetSpec({ ports }))
    assert.strictEqual(loginStatus(first, { cid: 2, isid: "80000000000f" }), 0x0208)
    assert.strictEqual(loginStatus(first, { cid: 2, name: "iqn.x" }), 0x0208)
    assert.strictEqual(loginStatus(first, { cid: 2 }, 2), 0x0208)
    assert.strictEqual(loginStatus(first, { cid: 2, tsih: sessionOf(first).tsih + 1 }), 0x020a)
    node.initiatorGroups.set(2, compileAccessList({ initiators: ["ANY"], netmasks: ["ANY"] }))
    target.update(
      targetSpec({ ports: [{ portalGroupTag: 1, relativePortId: 1, maps: [{ initiatorGroup: 2, readOnly: false }] }] })
    )
    assert.strictEqual(loginStatus(first, { cid: 2 }), 0x0208, "another map lets it in by now")
  })

  it("with digests and a segment length of its own, and no say in what is the session's", () => {
    const first = leading({
      keys: [
        ["MaxConnections", "2"],
        ["MaxRecvDataSegmentLength", "1024"]
      ]
    })
    const second = new TestPeer(node)
    const keys = [
      ["HeaderDigest", "CRC32C"],
      ["DataDigest", "CRC32C"],
      ["MaxRecvDataSegmentLength", "512"],
      ["MaxBurstLength", "512"],
      ["InitialR2T", "No"]
    ] as const
    const response = second.login({ tsih: sessionOf(first).tsih, cid: 2, keys })
    const answered = new Map(decodeKeys(response.data))
    assert.deepStrictEqual(
      keys.map(([key]) => answered.get(key)),
      ["CRC32C", "CRC32C", String(recvDataSegmentBytesMax), "Irrelevant", "Irrelevant"]
    )
    second.digests = { header: true, data: true }
    assert.strictEqual(sessionOf(first).parameters.maxBurstLength, 262_144)
    second.cmdSn = first.cmdSn
    second.command(0xc1, read10(0, 2), 1024)
    assert.deepStrictEqual(
      second.received().map(({ data }) => data.length),
      [512, 512]
    )
    first.cmdSn = second.cmdSn
    first.command(0xc1, read10(0, 2), 1024)
    assert.deepStrictEqual(
      first.received().map(({ data }) => data.length),
      [1024]
    )
  })

  it("shares the command window and numbers its own responses", () => {
    const first = leading()
    const second = joined(first, 2)
    const statSn = [first.connection.statSn, second.connection.statSn]
    second.command(0x81, Buffer.alloc(6), 0)
    const answer = second.one()
    assert.deepStrictEqual([answer.statSn, answer.expCmdSn], [statSn[1], second.cmdSn])
    assert.deepStrictEqual(first.received(), [])
    first.cmdSn = second.cmdSn
    first.command(0x81, Buffer.alloc(6), 0)
    assert.deepStrictEqual([first.one().statSn, second.connection.statSn], [statSn[0], (statSn[1] ?? 0) + 1])
  })
})

describe("the order of commands", () => {
  it("holds across connections: what comes early waits, with its data, and nothing behind it is read", () => {
    const first = leading()
    const second = joined(first, 2)
    const n = first.cmdSn
    second.bytes(Buffer.concat([writeBytes(second, n + 1, 0, 0x22), writeBytes(second, n + 3, 0, 0x44)]))
    assert.deepStrictEqual(second.received(), [])
    assert.strictEqual(sessionOf(first).expCmdSn, n)
    first.bytes(Buffer.concat([writeBytes(first, n, 0, 0x11), writeBytes(first, n + 2, 0, 0x33)]))
    assert.deepStrictEqual(
      [first.received().map(statusOf), second.received().map(statusOf)],
      [
        ["GOOD", "GOOD"],
        ["GOOD", "GOOD"]
      ]
    )
    assert.strictEqual(sessionOf(first).expCmdSn, n + 4)
    assert.strictEqual(disk.memory?.[0], 0x44)
    assert.strictEqual(sessionOf(first).commandsInFlight, 0)
  })

  it("is kept for any way of spreading commands and cutting them into chunks", () => {
    const random = makeRandom(runSeed(31))
    for (let round = 0; round < 60; round++) {
      node = new TestNode({ maxConnectionsPerSession: 3 })
      disk = ramDisk(8)
      addTarget(node, { 0: disk, 1: ramDisk(8) })
      const first = leading()
      const peers = [first, joined(first, 2), joined(first, 3)]
      const start = first.cmdSn
      const streams = peers.map(() => [] as Buffer[])
      const total = random.between(1, 31)
      for (let index = 0; index < total; index++) {
        const at = random.below(peers.length)
        const peer = peers[at] ?? first
        streams[at]?.push(
          random.chance(0.3)
            ? peer.commandBytes(0xc1, read10(0, 1), 512, undefined, { cmdSn: start + index })
            : writeBytes(peer, start + index, 0, index + 1)
        )
      }
      const left = streams.map((buffers) => Buffer.concat(buffers))
      for (let busy = left.filter((bytes) => bytes.length > 0); busy.length > 0; ) {
        const at = random.below(left.length)
        const bytes = left[at] ?? Buffer.alloc(0)
        const taken = Math.min(bytes.length, random.chance(0.5) ? random.between(1, 100) : random.between(1, 3000))
        if (taken > 0) peers[at]?.bytes(bytes.subarray(0, taken))
        left[at] = bytes.subarray(taken)
        busy = left.filter((rest) => rest.length > 0)
      }
      const answers = peers.flatMap((peer) => peer.received().map(statusOf))
      assert.deepStrictEqual([answers.length, new Set(answers)], [total, new Set(["GOOD"])], `round ${round}`)
      assert.strictEqual(sessionOf(first).expCmdSn, start + total)
      assert.deepStrictEqual(
        node.told.filter((line) => !line.startsWith("opened")),
        []
      )
    }
  })

  it("drops a number that has come already, and one that another connection has read and holds", () => {
    const first = leading()
    const second = joined(first, 2)
    const third = joined(first, 3)
    const n = first.cmdSn
    second.bytes(writeBytes(second, n + 1, 0, 0x22))
    third.bytes(Buffer.concat([writeBytes(third, n + 1, 0, 0x99), writeBytes(third, n + 2, 1, 0x33)]))
    first.bytes(writeBytes(first, n, 0, 0x11))
    assert.deepStrictEqual(
      [first, second, third].map((peer) => peer.received().length),
      [1, 1, 1]
    )
    assert.deepStrictEqual([disk.memory?.[0], disk.memory?.[512]], [0x22, 0x33])
  })

  it("goes on past a missing command that is aborted", () => {
    const first = leading()
    const second = joined(first, 2)
    const n = first.cmdSn
    second.bytes(writeBytes(second, n + 1, 0, 0x22))
    assert.deepStrictEqual(second.received(), [])
    const abort = { opcode: Opcode.taskManagement, immediate: true, flags: 0x81, word20: 0x7777, word32: n }
    first.send({ ...abort, initiatorTaskTag: first.nextTag(), cmdSn: n + 2 })
    assert.strictEqual(first.one().response, 0)
    assert.strictEqual(statusOf(second.one()), "GOOD")
  })

  it("gives up a command that does not come, and the session with it", () => {
    const first = leading()
    const second = joined(first, 2)
    second.bytes(writeBytes(second, first.cmdSn + 1, 0, 0x22))
    node.options = { ...node.options, nopInInterval: 0 }
    node.pass(missingCommandTimeoutMillis)
    assert.isTrue(isOpen(second))
    node.pass(1001)
    assert.deepStrictEqual([isOpen(first), isOpen(second), node.sessions.size], [false, false, 0])
    assert.match(node.told.join(), /protocol error: CmdSN \d+, and those before it have not come/)
  })

  it("ends the session at a gap that no other connection can fill", () => {
    const first = leading()
    const second = joined(first, 2)
    second.bytes(writeBytes(second, first.cmdSn + 1, 0, 0x22))
    assert.strictEqual(logout(first, 1, 1).response, 0)
    assert.strictEqual(node.sessions.size, 0)
    assert.strictEqual(disk.memory?.[0], 0)
  })
})

describe("allegiance", () => {
  it("gives R2Ts, data and status to the connection of the command", () => {
    const first = leading()
    const second = joined(first, 2)
    const tag = second.command(0xa1, write10(0, 1), 512)
    const r2t = second.one()
    assert.strictEqual(r2t.opcode, Opcode.readyToTransfer)
    // The tag means nothing on another connection.
    first.dataOut(tag, Buffer.alloc(512, 0x99), 0, { word20: r2t.targetTransferTag })
    assert.deepStrictEqual(first.received(), [])
    second.dataOut(tag, Buffer.alloc(512, 0x11), 0, { word20: r2t.targetTransferTag })
    assert.strictEqual(statusOf(second.one()), "GOOD")
    assert.strictEqual(disk.memory?.[0], 0x11)
  })

  it("does not limit what a function does: a LUN reset ends the commands of all connections", async () => {
    const first = leading()
    const second = joined(first, 2)
    const lun = { lun: 1n << 48n }
    second.command(0xc1, read10(0, 1), 512, undefined, lun)
    first.cmdSn = second.cmdSn
    first.command(0xc1, read10(0, 1), 512, undefined, lun)
    const reset = { opcode: Opcode.taskManagement, immediate: true, flags: 0x85, word20: reservedTag, ...lun }
    first.send({ ...reset, initiatorTaskTag: first.nextTag(), cmdSn: first.cmdSn })
    hung.resumePending()
    await turn()
    assert.strictEqual(first.one().opcode, Opcode.taskManagementResponse)
    assert.deepStrictEqual(second.received(), [])
    assert.strictEqual(sessionOf(first).commandsInFlight, 0)
  })
})

describe("a connection goes", () => {
  it("with a logout of its own or by another: its commands end, the session goes on", async () => {
    for (const byItself of [true, false]) {
      const first = leading()
      const second = joined(first, 2)
      second.command(0xc1, read10(0, 1), 512, undefined, { lun: 1n << 48n })
      first.cmdSn = second.cmdSn
      assert.strictEqual(sessionOf(first).commandsInFlight, 1)
      assert.strictEqual(logout(byItself ? second : first, 1, 2).response, 0)
      assert.deepStrictEqual([isOpen(first), isOpen(second)], [true, false])
      assert.strictEqual(sessionOf(first).commandsInFlight, 0)
      hung.resumePending()
      await turn()
      assert.deepStrictEqual(second.received(), [])
      first.command(0xc1, read10(0, 1), 512)
      assert.strictEqual(statusOf(first.one()), "GOOD")
      assert.strictEqual(logout(first, 1, 2).response, 1, "no such CID any more")
      assert.strictEqual(logout(first, 2, 1).response, 2, "recovery is not supported")
      assert.strictEqual(logout(first, 1, 1).response, 0)
      assert.strictEqual(node.sessions.size, 0, "the last one ends the session")
    }
  })

  it("with the session's logout: all of them", () => {
    const first = leading()
    const second = joined(first, 2)
    second.command(0xc1, read10(0, 1), 512, undefined, { lun: 1n << 48n })
    assert.strictEqual(logout(first, 0, 9).response, 0)
    assert.deepStrictEqual([isOpen(first), isOpen(second), node.sessions.size], [false, false, 0])
    assert.deepStrictEqual(second.received(), [], "it has asked for that, nobody has to tell it")
    assert.deepStrictEqual(node.told.slice(1), ["closed: logout"])
  })

  it("lost: the session falls, and the initiator is told on the others (RFC 7143 section 7.1.5, level 0)", () => {
    const first = leading()
    const second = joined(first, 2)
    second.connection.close("the network")
    assert.deepStrictEqual([isOpen(first), node.sessions.size], [false, 0])
    const message = first.one()
    assert.deepStrictEqual([message.opcode, message.header[36]], [Opcode.asyncMessage, 3])
    assert.deepStrictEqual([message.header.readUInt16BE(40), message.header.readUInt16BE(42)], [2, 20])
    assert.deepStrictEqual(node.told.slice(1), ["closed: the network"])
  })

  it("reinstated: its commands end, and the session goes on with the new one", async () => {
    const first = leading()
    const second = joined(first, 2)
    second.command(0xc1, read10(0, 1), 512, undefined, { lun: 1n << 48n })
    first.cmdSn = second.cmdSn
    const again = joined(first, 2)
    assert.deepStrictEqual([isOpen(first), isOpen(second), isOpen(again)], [true, false, true])
    assert.strictEqual(sessionOf(first).connections.size, 2)
    assert.strictEqual(sessionOf(first).commandsInFlight, 0)
    again.command(0xc1, read10(0, 1), 512)
    assert.strictEqual(statusOf(again.one()), "GOOD")
    hung.resumePending()
    await turn()
    assert.deepStrictEqual(second.received(), [])
    assert.deepStrictEqual(node.told.slice(1), [])
  })

  it("with session reinstatement: all of them", () => {
    const first = leading()
    const second = joined(first, 2)
    assert.strictEqual(new TestPeer(node).login().loginStatus, 0)
    assert.deepStrictEqual([isOpen(first), isOpen(second), node.sessions.size], [false, false, 1])
  })
})
