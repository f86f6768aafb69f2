/** Full feature phase: pings both ways, logout, Reject, silence, and what the target asks of its initiators. */
import { assert, beforeEach, describe, it } from "vitest"
import {
  logoutCloseTimeoutMillis,
  logoutRequestTimeoutMillis,
  pingsOutstandingMax,
  recvDataSegmentBytesMax
} from "../../../src/dataplane/limits.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, loggedIn, ramDisk, read10, statusOf, TestNode, TestPeer, turn } from "./fixture.ts"

let node: TestNode
let peer: TestPeer

beforeEach(() => {
  node = new TestNode({ nopInInterval: 5, nopTimeout: 10 })
  addTarget(node, { 0: ramDisk() })
  peer = loggedIn(node)
})

const ping = (data: Buffer, fields = {}): void => {
  const header = { opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: 9, word20: reservedTag }
  peer.send({ ...header, cmdSn: peer.cmdSn, ...fields }, data)
}

describe("a ping of the initiator's", () => {
  it("comes back with its data", () => {
    const { statSn } = peer.connection
    ping(Buffer.from("hello"))
    const pdu = peer.one()
    assert.deepStrictEqual([pdu.opcode, pdu.flags, String(pdu.data)], [Opcode.nopIn, 0x80, "hello"])
    assert.deepStrictEqual([pdu.initiatorTaskTag, pdu.targetTransferTag], [9, reservedTag])
    assert.deepStrictEqual([pdu.statSn, peer.connection.statSn], [statSn, statSn + 1])
  })

  it("comes back no longer than the initiator takes", () => {
    ping(Buffer.alloc(20_000, 1))
    assert.lengthOf(peer.one().data, 8192)
  })

  it("may carry as much as the target takes, and more ends the connection", () => {
    ping(Buffer.alloc(recvDataSegmentBytesMax, 1))
    assert.isTrue(peer.one().data.equals(Buffer.alloc(8192, 1)))
    ping(Buffer.alloc(recvDataSegmentBytesMax + 1))
    assert.strictEqual(peer.connection.state, "exiting")
  })

  it("that takes a CmdSN is answered in its turn", () => {
    ping(Buffer.from("a"), { immediate: false })
    peer.cmdSn++
    assert.strictEqual(peer.one().expCmdSn, peer.cmdSn)
  })

  it("without a tag wants no answer", () => {
    ping(Buffer.alloc(0), { initiatorTaskTag: reservedTag })
    assert.lengthOf(peer.received(), 0)
  })
})

describe("the target's ping", () => {
  it("goes to an initiator that is silent, and uses up no StatSN", async () => {
    const { statSn } = peer.connection
    node.pass(1)
    node.pass(4999)
    await turn()
    assert.lengthOf(peer.received(), 0)
    node.pass(1)
    await turn()
    const pdu = peer.one()
    assert.deepStrictEqual([pdu.opcode, pdu.initiatorTaskTag], [Opcode.nopIn, reservedTag])
    assert.notStrictEqual(pdu.targetTransferTag, reservedTag)
    assert.deepStrictEqual([pdu.statSn, peer.connection.statSn], [statSn, statSn])
  })

  it("keeps a connection that answers, or says anything at all", async () => {
    for (const answer of [
      () => ping(Buffer.alloc(0), { initiatorTaskTag: reservedTag, word20: 1 }),
      () => ping(Buffer.from("data that nobody has asked for"), { initiatorTaskTag: reservedTag, word20: 2 }),
      () => peer.command(0x81, Buffer.alloc(6), 0),
      () => peer.bytes(Buffer.from([0]))
    ]) {
      node.pass(1)
      node.pass(5000)
      await turn()
      assert.strictEqual(peer.received().at(-1)?.opcode, Opcode.nopIn)
      answer()
      node.pass(9000)
      assert.strictEqual(peer.connection.state, "full-feature")
      peer.received()
    }
  })

  it("has one answer, which may come late; what answers none is rejected", async () => {
    const answer = (tag: number, fields = {}) => {
      ping(Buffer.alloc(0), { initiatorTaskTag: reservedTag, word20: tag, ...fields })
      return peer.received().map(({ opcode, response }) => [opcode, response])
    }
    const invalid = [[Opcode.reject, 9]]
    assert.deepStrictEqual(answer(1), invalid, "none is outstanding")
    const tags: Array<number> = []
    for (let round = 0; round < pingsOutstandingMax + 1; round++) {
      node.pass(1)
      node.pass(5000)
      await turn()
      tags.push(peer.one().targetTransferTag)
      // It is there, and answers nothing yet.
      peer.command(0x81, Buffer.alloc(6), 0)
      peer.received()
    }
    const [forgotten, ...outstanding] = tags
    assert.deepStrictEqual(answer(forgotten ?? 0), invalid)
    for (const tag of outstanding) {
      assert.deepStrictEqual(answer(tag, { immediate: false }), invalid, "an answer takes no CmdSN")
      peer.cmdSn++
      assert.deepStrictEqual(answer(tag), [])
      assert.deepStrictEqual(answer(tag), invalid)
    }
    assert.strictEqual(peer.connection.state, "full-feature")
  })

  it("ends a connection that does not answer in time", () => {
    node.pass(1)
    node.pass(5000)
    node.pass(10_000)
    assert.strictEqual(peer.connection.state, "full-feature")
    node.pass(1)
    assert.strictEqual(peer.connection.state, "exiting")
    assert.strictEqual(node.told.at(-1), "closed: no answer to a ping in 10 s")
  })

  it("is not sent when the options say so, nor in discovery", async () => {
    const discovering = new TestPeer(node)
    discovering.discover()
    node.options = { ...node.options, nopInInterval: 0 }
    for (let second = 0; second < 25; second++) node.pass(1000)
    node.options = { ...node.options, nopInInterval: 5 }
    peer.connection.close("test")
    for (let second = 0; second < 25; second++) node.pass(1000)
    await turn()
    assert.lengthOf(peer.received(), 0)
    assert.lengthOf(discovering.received(), 0)
    assert.strictEqual(discovering.connection.state, "full-feature")
  })
})

describe("logout", () => {
  const logout = (reason: number, cid = 1): void => {
    const header = { opcode: Opcode.logout, immediate: true, flags: 0x80 | reason, initiatorTaskTag: 9 }
    peer.send({ ...header, word20: cid << 16, cmdSn: peer.cmdSn })
  }

  it("ends the session, and the initiator closes", () => {
    for (const reason of [0, 1]) {
      peer = loggedIn(node, { isid: `80000000001${reason}` })
      logout(reason)
      const pdu = peer.one()
      assert.deepStrictEqual([pdu.opcode, pdu.response], [Opcode.logoutResponse, 0])
      assert.deepStrictEqual([pdu.header.readUInt16BE(40), pdu.header.readUInt16BE(42)], [2, 20])
      assert.isUndefined(peer.connection.session)
      assert.strictEqual(node.told.at(-1), "closed: logout")
    }
  })

  it("is refused for another connection and for recovery, and the session goes on", () => {
    logout(1, 2)
    assert.strictEqual(peer.one().response, 1)
    logout(2)
    assert.strictEqual(peer.one().response, 2)
    peer.command(0x81, Buffer.alloc(6), 0)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
  })

  it("cuts an initiator that does not close", () => {
    logout(0)
    assert.strictEqual(peer.connection.state, "exiting")
    node.pass(logoutCloseTimeoutMillis)
    const closed = new Promise((resolve) => peer.socket.once("close", resolve))
    node.pass(1)
    return closed
  })

  it("is asked for by the target, in a message that names the time", async () => {
    peer.connection.fullFeature?.requestLogout(
      logoutRequestTimeoutMillis,
      logoutRequestTimeoutMillis + logoutCloseTimeoutMillis
    )
    await turn()
    const pdu = peer.one()
    assert.deepStrictEqual([pdu.opcode, pdu.header[36], pdu.header.readUInt16BE(42)], [Opcode.asyncMessage, 1, 20])
    peer.command(0x81, Buffer.alloc(6), 0)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    node.pass(logoutRequestTimeoutMillis + logoutCloseTimeoutMillis)
    assert.strictEqual(peer.connection.state, "full-feature")
    node.pass(1)
    assert.strictEqual(peer.connection.state, "exiting")
    const last = peer.one()
    assert.deepStrictEqual([last.opcode, last.header[36]], [Opcode.asyncMessage, 3], "all connections are dropped")
    assert.deepStrictEqual([last.header.readUInt16BE(40), last.header.readUInt16BE(42)], [2, 20])
  })

  it("with a reason that there is not is rejected", () => {
    logout(3)
    assert.deepStrictEqual([peer.one().response, peer.connection.state], [9, "full-feature"])
  })
})

describe("what makes no sense", () => {
  const rejected = (reason: number, header: Buffer): void => {
    const pdu = peer.one()
    assert.deepStrictEqual([pdu.opcode, pdu.response, pdu.initiatorTaskTag], [Opcode.reject, reason, reservedTag])
    assert.isTrue(pdu.data.equals(header))
    assert.strictEqual(peer.connection.state, "full-feature")
  }
  const sent = (fields: Parameters<TestPeer["send"]>[0]): Buffer => {
    let first = Buffer.alloc(0)
    const receive = peer.bytes
    peer.bytes = (bytes) => {
      first = Buffer.from(bytes.subarray(0, 48))
      receive.call(peer, bytes)
    }
    peer.send(fields)
    peer.bytes = receive
    return first
  }

  it("is rejected with the header of what was refused", () => {
    const immediate = { immediate: true, cmdSn: peer.cmdSn }
    rejected(5, sent({ ...immediate, opcode: 0x1c }))
    rejected(3, sent({ ...immediate, opcode: Opcode.snack }))
    rejected(9, sent({ ...immediate, opcode: Opcode.nopOut, initiatorTaskTag: 3, word20: 4 }))
  })

  it("a SCSI command with an additional header is rejected, and takes its CmdSN", () => {
    const bytes = peer.commandBytes(0xc1, read10(0, 1), 512)
    bytes[4] = 1
    peer.bytes(Buffer.concat([bytes, Buffer.alloc(4)]))
    rejected(9, bytes)
    peer.command(0x81, Buffer.alloc(6), 0)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
  })

  it("a CDB that goes on in an additional header is a command that there is not, with its data", () => {
    const additional = Buffer.from([0, 17, 1, 0, ...Buffer.alloc(16)])
    const bytes = peer.commandBytes(0xa1, Buffer.from([0x7f]), 512, Buffer.alloc(512, 1))
    bytes[4] = additional.length / 4
    peer.bytes(Buffer.concat([bytes.subarray(0, 48), additional, bytes.subarray(48)]))
    assert.strictEqual(statusOf(peer.one()), "5/20/00")
    peer.command(0x81, Buffer.alloc(6), 0)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
  })

  it("ends the connection when it can't be answered", () => {
    const cases: ReadonlyArray<readonly [RegExp, () => void]> = [
      [/a login request in full feature phase/, () => peer.send({ opcode: Opcode.login, immediate: true })],
      [
        /a data segment of 262145 bytes/,
        () => {
          const bytes = Buffer.alloc(48)
          bytes.writeUIntBE(recvDataSegmentBytesMax + 1, 5, 3)
          peer.bytes(bytes)
        }
      ]
    ]
    for (const [reason, send] of cases) {
      peer = loggedIn(node)
      send()
      assert.strictEqual(peer.connection.state, "exiting")
      assert.match(node.told.findLast((line) => line.startsWith("protocol error")) ?? "", reason)
    }
  })

  it("a discovery session that moves data is ended", () => {
    for (const opcode of [Opcode.scsiCommand, Opcode.dataOut]) {
      const discovering = new TestPeer(node)
      discovering.discover()
      discovering.send({ opcode, immediate: true })
      assert.strictEqual(discovering.connection.state, "exiting")
    }
    const discovering = new TestPeer(node)
    discovering.discover()
    discovering.send({ opcode: Opcode.taskManagement, immediate: true, flags: 0x81 })
    assert.strictEqual(discovering.one().opcode, Opcode.reject)
  })
})

describe("an initiator that does not read", () => {
  it("is not read from either once too much is unsent, and loses no command", async () => {
    const reader = loggedIn(node, { isid: "80000000000b", keys: [["MaxRecvDataSegmentLength", "262144"]] })
    reader.socket.slow = true
    const before = reader.received().length
    const commands = Array.from({ length: 12 }, () => reader.commandBytes(0xc1, read10(0, 2048), 1024 * 1024))
    reader.bytes(Buffer.concat(commands))
    assert.isTrue(reader.socket.isPaused())
    assert.isBelow(reader.socket.writableLength, 7 * 1024 * 1024)
    let ends = before
    for (let round = 0; round < 12 && ends < 12; round++) {
      reader.socket.release()
      reader.socket.slow = true
      await turn()
      ends += reader.received().filter((pdu) => (pdu.flags & 1) === 1).length
    }
    assert.strictEqual(ends, 12)
    assert.isFalse(reader.socket.isPaused())
  })
})
