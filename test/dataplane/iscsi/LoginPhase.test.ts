/** The login on the wire: responses, sessions that begin and are reinstated, what may happen in the middle of it. */
import { assert, beforeEach, describe, it } from "vitest"
import { loginTimeoutMillis } from "../../../src/dataplane/limits.ts"
import { Opcode } from "../../support/initiator/pdu.ts"
import { decodeKeys, encodeKeys, type KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, initiatorName, loggedIn, ramDisk, TestNode, TestPeer, targetName } from "./fixture.ts"

const identity: KeyList = [
  ["InitiatorName", initiatorName],
  ["TargetName", targetName]
]

let node: TestNode
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  addTarget(node, { 0: ramDisk() })
  peer = new TestPeer(node)
})

describe("a login", () => {
  it("opens a session, with a handle and a command window", () => {
    peer.cmdSn = 0xffffffff
    const response = peer.login()
    assert.strictEqual(response.opcode, Opcode.loginResponse)
    assert.strictEqual(response.flags, 0x87)
    assert.strictEqual(response.loginStatus, 0)
    assert.isAbove(response.tsih, 0)
    assert.strictEqual(response.header.toString("hex", 8, 14), "800000000001")
    assert.strictEqual(response.initiatorTaskTag, 7)
    assert.strictEqual(response.statSn, 1)
    assert.strictEqual(response.expCmdSn, 0xffffffff)
    // Queue depth 32: 0xffffffff to 0x1e.
    assert.strictEqual(response.maxCmdSn, 0x1e)
    assert.deepStrictEqual([...(node.sessions.get(response.tsih)?.connections ?? [])], [peer.connection])
    assert.deepStrictEqual(node.told, [`opened ${initiatorName}`])
    assert.strictEqual(peer.connection.state, "full-feature")
  })

  it("arrives in any pieces", () => {
    const whole = new TestPeer(node)
    whole.sendLogin(0x87, identity)
    const expected = whole.one().data
    const other = new TestPeer(node)
    const pieces: Array<Buffer> = []
    other.bytes = (bytes) => void pieces.push(bytes)
    other.sendLogin(0x87, identity, { isid: "800000000002" })
    for (const byte of Buffer.concat(pieces)) other.connection.receive(Buffer.from([byte]), 1)
    assert.deepStrictEqual(other.one().data, expected)
  })

  it("counts StatSN over its responses, and keeps the stage in them", () => {
    peer.sendLogin(0x81, [...identity, ["AuthMethod", "None"]])
    const security = peer.one()
    assert.deepStrictEqual([security.flags, security.statSn, security.tsih], [0x81, 1, 0])
    peer.sendLogin(0x87, [])
    const operational = peer.one()
    assert.deepStrictEqual([operational.flags, operational.statSn], [0x87, 2])
  })

  it("gives a discovery session a handle too, and no session", () => {
    const response = peer.discover()
    assert.strictEqual(response.flags, 0x87)
    assert.isAbove(response.tsih, 0)
    assert.strictEqual(node.sessions.size, 0)
    assert.deepStrictEqual(node.told, [])
  })

  it("continues an answer that is longer than a login PDU may be", () => {
    const keys: KeyList = Array.from({ length: 500 }, (_, index) => [`X-com.example.${index}`, "1"])
    const text = encodeKeys([...identity, ...keys])
    // The offer goes out in pieces, too.
    for (let at = 0; at < text.length; at += 8000) {
      const piece = text.subarray(at, at + 8000)
      peer.sendLogin(at + 8000 < text.length ? 0x44 : 0x87, piece)
      if (at + 8000 < text.length) assert.lengthOf(peer.one().data, 0)
    }
    let answer = peer.one()
    const answers = [answer.data]
    while ((answer.flags & 0x40) !== 0) {
      assert.strictEqual(answer.flags, 0x44)
      assert.strictEqual(peer.connection.state, "login")
      peer.sendLogin(0x04, [])
      answer = peer.one()
      answers.push(answer.data)
    }
    assert.isAbove(answers.length, 1)
    assert.strictEqual(answer.flags, 0x87)
    assert.lengthOf(
      decodeKeys(Buffer.concat(answers)).filter(([, value]) => value === "NotUnderstood"),
      500
    )
  })
})

describe("a login that is refused", () => {
  it("is told so, and its connection is closed", () => {
    const response = peer.login({ target: "iqn.none" })
    assert.strictEqual(response.loginStatus, 0x0203)
    assert.strictEqual(response.flags, 0x04)
    assert.deepStrictEqual(node.told, ["refused 203: no target iqn.none"])
    assert.strictEqual(peer.connection.state, "exiting")
    // Nothing that comes behind it is read.
    peer.sendLogin(0x87, identity)
    assert.strictEqual(node.sessions.size, 0)
  })

  it("says nothing to a peer that does not begin with a login", () => {
    peer.send({ opcode: Opcode.nopOut })
    assert.deepStrictEqual(peer.received(), [])
    assert.deepStrictEqual(node.told, ["protocol error: NopOut before the login"])
  })

  it("says nothing to a peer whose login request is too long", () => {
    peer.send({ opcode: Opcode.login }, Buffer.alloc(8193))
    assert.match(node.told[0] ?? "", /8193 bytes of text/)
    assert.strictEqual(peer.connection.state, "exiting")
  })

  it("may not change its ISID, TSIH or CID on the way", () => {
    for (const changes of [{ isid: "800000000009" }, { tsih: 5 }, { cid: 9 }]) {
      const other = new TestPeer(node)
      other.sendLogin(0x81, [...identity, ["AuthMethod", "None"]])
      assert.strictEqual(other.one().loginStatus, 0)
      other.sendLogin(0x87, [], changes)
      assert.strictEqual(other.one().loginStatus, 0x0200)
    }
  })

  it("when it takes too long", () => {
    peer.sendLogin(0x81, [...identity, ["AuthMethod", "None"]])
    peer.received()
    node.pass(loginTimeoutMillis)
    assert.strictEqual(peer.connection.state, "login")
    node.pass(1)
    assert.strictEqual(peer.connection.state, "exiting")
    assert.strictEqual(node.sessions.size, 0)
  })

  it("when there are as many sessions as allowed", () => {
    node.options = { ...node.options, maxSessions: 1 }
    loggedIn(node, { isid: "800000000001" })
    assert.strictEqual(peer.login({ isid: "800000000002" }).loginStatus, 0x0302)
    assert.strictEqual(node.sessions.size, 1)
    // But an initiator may take the place of its own session.
    assert.strictEqual(new TestPeer(node).login({ isid: "800000000001" }).loginStatus, 0)
    assert.strictEqual(node.sessions.size, 1)
  })
})

describe("a target that goes during a login", () => {
  const begin = (): void => {
    peer.sendLogin(0x81, [...identity, ["AuthMethod", "None"]])
    assert.strictEqual(peer.one().loginStatus, 0)
  }
  const refusedAtEnd = (): void => {
    peer.sendLogin(0x87, [])
    assert.strictEqual(peer.one().loginStatus, 0x0204)
    assert.strictEqual(node.sessions.size, 0)
  }

  it("is not entered once it is being deleted", () => {
    begin()
    const target = node.findTarget(targetName)
    assert(target !== undefined)
    target.spec = { ...target.spec, deleting: true }
    refusedAtEnd()
    assert.strictEqual(target.sessions.size, 0)
  })

  it("is not entered when it is gone", () => {
    begin()
    node.targets.clear()
    refusedAtEnd()
  })

  it("is not mistaken for a new one of the same name", () => {
    begin()
    const other = addTarget(node, { 0: ramDisk() }, { incarnation: 2 })
    refusedAtEnd()
    assert.strictEqual(other.sessions.size, 0)
  })
})

describe("an initiator that logs in again", () => {
  it("ends the session that its port had (session reinstatement)", () => {
    const first = loggedIn(node)
    const firstTsih = first.connection.session?.tsih
    const response = peer.login()
    assert.strictEqual(response.loginStatus, 0)
    assert.notStrictEqual(response.tsih, firstTsih)
    assert.strictEqual(first.connection.state, "exiting")
    assert.strictEqual(node.sessions.size, 1)
    assert.deepStrictEqual(node.told.slice(1), [
      "closed: the initiator logged in again: session reinstatement",
      `opened ${initiatorName}`
    ])
  })

  it("keeps its session when its port, its name or its target is another", () => {
    addTarget(node, {}, { name: "iqn.other" })
    loggedIn(node)
    for (const options of [{ isid: "80000000000f" }, { name: "iqn.x" }, { target: "iqn.other" }]) {
      assert.strictEqual(new TestPeer(node).login(options).loginStatus, 0)
    }
    assert.strictEqual(node.sessions.size, 4)
  })

  it("keeps its session when the options allow one ISID twice", () => {
    node.options = { ...node.options, allowDuplicateIsid: true }
    loggedIn(node)
    peer.login()
    assert.strictEqual(node.sessions.size, 2)
  })

  it("with its session's handle goes on with that session's CmdSN", () => {
    const first = loggedIn(node)
    const tsih = first.connection.session?.tsih ?? 0
    peer.cmdSn = first.cmdSn
    const response = peer.login({ tsih })
    assert.strictEqual(response.tsih, tsih)
    assert.strictEqual(response.expCmdSn, first.cmdSn)
    assert.strictEqual(first.connection.state, "exiting")
    assert.deepStrictEqual([...(node.sessions.get(tsih)?.connections ?? [])], [peer.connection])
    assert.deepStrictEqual(node.told, [`opened ${initiatorName}`], "the session is the same one")
    peer.command(0x81, Buffer.alloc(6), 0)
    assert.strictEqual(peer.one().opcode, Opcode.scsiResponse)
  })

  it("with the handle of a session that has ended meanwhile is refused", () => {
    const first = loggedIn(node)
    const tsih = first.connection.session?.tsih ?? 0
    peer.sendLogin(0x81, [...identity, ["AuthMethod", "None"]], { tsih })
    assert.strictEqual(peer.one().loginStatus, 0)
    first.connection.close("test")
    const newcomer = loggedIn(node, { isid: "80000000000e" })
    peer.sendLogin(0x87, [], { tsih })
    assert.strictEqual(peer.one().loginStatus, 0x020a)
    assert.strictEqual(newcomer.connection.state, "full-feature")
    assert.strictEqual(node.sessions.size, 1)
  })
})
