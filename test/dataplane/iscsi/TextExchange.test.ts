/** Text in full feature phase: SendTargets of any length, continued on both sides (RFC 7143 11.10, appendix C). */
import { assert, beforeEach, describe, it } from "vitest"
import { noAuthPolicy } from "../../../src/dataplane/iscsi/auth/AuthPolicy.ts"
import { textExchangeBytesMax } from "../../../src/dataplane/limits.ts"
import { compileAccessList } from "../../../src/domain/access.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import { decodeKeys, encodeKeys, type KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, loggedIn, ramDisk, TestNode, TestPeer, targetName } from "./fixture.ts"

let node: TestNode
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  addTarget(node, { 0: ramDisk() })
  peer = new TestPeer(node)
})

interface TextRequest {
  readonly flags?: number
  readonly tag?: number
  readonly transferTag?: number
}

const request = (data: Buffer | KeyList, { flags = 0x80, tag = 5, transferTag = reservedTag }: TextRequest = {}) => {
  const header = { opcode: Opcode.text, immediate: true, flags, initiatorTaskTag: tag, word20: transferTag }
  peer.send({ ...header, cmdSn: peer.cmdSn }, Buffer.isBuffer(data) ? data : encodeKeys(data))
}

/** The whole answer, and the PDUs that it came in. */
const answer = (data: KeyList): { readonly keys: KeyList; readonly pdus: ReadonlyArray<Pdu> } => {
  request(data)
  const pdus = [peer.one()]
  for (let last = pdus[0]; last !== undefined && !last.final; last = pdus.at(-1)) {
    request([], { transferTag: last.targetTransferTag })
    pdus.push(peer.one())
  }
  return { keys: decodeKeys(Buffer.concat(pdus.map((pdu) => pdu.data))), pdus }
}

describe("discovery", () => {
  it("tells every target with its addresses, and no private portal group", () => {
    peer.discover()
    node.portalGroups.set(2, {
      tag: 2,
      private: true,
      auth: noAuthPolicy,
      portals: [{ host: "10.0.0.1", port: 3260 }]
    })
    const hosts = ["*", "[::]", "[fd00::1]"].map((host) => ({ host, port: 3261 }))
    node.portalGroups.set(3, { tag: 3, private: false, auth: noAuthPolicy, portals: hosts })
    const ports = [1, 2, 3].map((portalGroupTag) => ({
      portalGroupTag,
      relativePortId: 1,
      maps: [{ initiatorGroup: 1, readOnly: false }]
    }))
    addTarget(node, {}, { name: "iqn.b", ports })
    assert.deepStrictEqual(answer([["SendTargets", "All"]]).keys, [
      ["TargetName", targetName],
      ["TargetAddress", "127.0.0.1:3260,1"],
      ["TargetName", "iqn.b"],
      ["TargetAddress", "127.0.0.1:3260,1"],
      // Any address is the one that the initiator came to, if it is of the same family.
      ["TargetAddress", "127.0.0.1:3261,3"],
      ["TargetAddress", "[fd00::1]:3261,3"]
    ])
  })

  it("names a wildcard portal by the address that the initiator came to, IPv6 in brackets and without a zone", () => {
    const portals = ["[*]", "*", "[fe80::9%eth1]"].map((host) => ({ host, port: 3260 }))
    node.portalGroups.set(1, { tag: 1, private: false, auth: noAuthPolicy, portals })
    for (const [address, told] of [
      ["fd00::7", "[fd00::7]:3260,1"],
      ["fe80::7%eth0", "[fe80::7]:3260,1"]
    ] as const) {
      peer = new TestPeer(node, 1, address)
      peer.discover()
      const addresses = answer([["SendTargets", "All"]]).keys.filter(([key]) => key === "TargetAddress")
      assert.deepStrictEqual(
        addresses.map(([, value]) => value),
        [told, "[fe80::9]:3260,1"]
      )
    }
  })

  it("has no target of its own that an empty name could stand for", () => {
    peer.discover()
    assert.deepStrictEqual(answer([["SendTargets", ""]]).keys, [["SendTargets", "Reject"]])
  })

  it("tells of one target by name, and nothing of others or of those that go", () => {
    peer.discover()
    addTarget(node, {}, { name: "iqn.b" })
    assert.deepStrictEqual(answer([["SendTargets", "IQN.B"]]).keys[0], ["TargetName", "iqn.b"])
    assert.deepStrictEqual(answer([["SendTargets", "iqn.c"]]).keys, [])
    addTarget(node, {}, { name: "iqn.b", deleting: true })
    assert.deepStrictEqual(answer([["SendTargets", "iqn.b"]]).keys, [])
    assert.lengthOf(answer([["SendTargets", "All"]]).keys, 2)
  })

  it("tells nothing of what an initiator may not log in to", () => {
    peer.discover()
    node.initiatorGroups.set(9, compileAccessList({ initiators: ["iqn.else"], netmasks: ["ANY"] }))
    const ports = [{ portalGroupTag: 1, relativePortId: 1, maps: [{ initiatorGroup: 9, readOnly: false }] }]
    addTarget(node, {}, { name: "iqn.b", ports })
    assert.lengthOf(answer([["SendTargets", "All"]]).keys, 2)
  })

  it("of many targets comes in pieces that the initiator takes, each asked for", () => {
    for (let count = 0; count < 300; count++) addTarget(node, {}, { name: `iqn.2024-01.test:${count}` })
    for (const length of [512, 8192]) {
      peer = new TestPeer(node)
      peer.discover([["MaxRecvDataSegmentLength", String(length)]])
      const { keys, pdus } = answer([["SendTargets", "All"]])
      assert.lengthOf(keys, 602)
      assert.isAbove(pdus.length, 1)
      assert.deepStrictEqual(keys.at(-2), ["TargetName", "iqn.2024-01.test:299"])
      for (const [index, pdu] of pdus.entries()) {
        assert.isAtMost(pdu.data.length, length)
        const last = index === pdus.length - 1
        assert.strictEqual(pdu.flags, last ? 0x80 : 0x40)
        assert.strictEqual(pdu.targetTransferTag === reservedTag, last)
      }
    }
  })

  it("begins anew with another request in the middle of an answer", () => {
    for (let count = 0; count < 20; count++) addTarget(node, {}, { name: `iqn.2024-01.test:${count}` })
    peer.discover([["MaxRecvDataSegmentLength", "512"]])
    request([["SendTargets", "All"]])
    assert.isFalse(peer.one().final)
    const { keys } = answer([["SendTargets", targetName]])
    assert.deepStrictEqual(keys[0], ["TargetName", targetName])
    assert.lengthOf(keys, 2)
  })

  it("counts CmdSN, if its requests are not immediate", () => {
    peer.discover()
    for (let round = 0; round < 3; round++) {
      peer.send({ opcode: Opcode.text, initiatorTaskTag: 5, word20: reservedTag, cmdSn: peer.cmdSn })
      peer.cmdSn++
      const pdu = peer.one()
      assert.deepStrictEqual([pdu.expCmdSn, pdu.maxCmdSn >= pdu.expCmdSn], [peer.cmdSn, true])
    }
  })
})

describe("text in a normal session", () => {
  beforeEach(() => {
    peer = loggedIn(node)
  })

  it("tells of the session's own target only", () => {
    addTarget(node, {}, { name: "iqn.b" })
    const own: KeyList = [
      ["TargetName", targetName],
      ["TargetAddress", "127.0.0.1:3260,1"]
    ]
    assert.deepStrictEqual(answer([["SendTargets", ""]]).keys, own)
    assert.deepStrictEqual(answer([["SendTargets", targetName]]).keys, own)
    assert.deepStrictEqual(answer([["SendTargets", "iqn.b"]]).keys, [])
    assert.deepStrictEqual(answer([["SendTargets", "All"]]).keys, [["SendTargets", "Reject"]])
  })

  it("says NotUnderstood to keys that mean nothing, and Reject to those that are a login's", () => {
    assert.deepStrictEqual(answer([["X-com.example.a", "1"]]).keys, [["X-com.example.a", "NotUnderstood"]])
    const late: KeyList = ["InitialR2T", "MaxBurstLength", "HeaderDigest", "AuthMethod"].map((key) => [key, "None"])
    assert.deepStrictEqual(
      answer(late).keys,
      late.map(([key]) => [key, "Reject"])
    )
  })

  it("may declare another segment length, which the next Data-In heeds", () => {
    answer([["MaxRecvDataSegmentLength", "512"]])
    peer.command(0xc1, Buffer.from([0x28, 0, 0, 0, 0, 0, 0, 0, 2]), 1024)
    assert.deepStrictEqual(
      peer.received().map((pdu) => pdu.data.length),
      [512, 512]
    )
    answer([["MaxRecvDataSegmentLength", "100"]])
    assert.strictEqual(peer.connection.session?.parameters.initiatorMaxRecvDataSegmentLength, 512)
  })

  it("may come in pieces with the C bit, empty ones too", () => {
    const text = encodeKeys([["SendTargets", targetName]])
    for (const cut of [0, 1, 11, text.length]) {
      request(text.subarray(0, cut), { flags: 0x40 })
      const asking = peer.one()
      assert.deepStrictEqual([asking.flags, asking.data.length], [0, 0])
      assert.notStrictEqual(asking.targetTransferTag, reservedTag)
      request(text.subarray(cut), { transferTag: asking.targetTransferTag })
      assert.lengthOf(decodeKeys(peer.one().data), 2, `cut at ${cut}`)
    }
  })

  it("without the F bit is answered without it: the initiator has more to say (RFC 7143 section 11.11.1)", () => {
    request([["SendTargets", ""]], { flags: 0 })
    const open = peer.one()
    assert.lengthOf(decodeKeys(open.data), 2)
    assert.strictEqual(open.flags, 0)
    assert.notStrictEqual(open.targetTransferTag, reservedTag)
    request([], { transferTag: open.targetTransferTag })
    const last = peer.one()
    assert.deepStrictEqual([last.flags, last.data.length, last.targetTransferTag], [0x80, 0, reservedTag])
  })

  const endsWith = (reason: RegExp): void => {
    assert.match(node.told.find((line) => line.startsWith("protocol error")) ?? "", reason)
    assert.strictEqual(peer.connection.state, "exiting")
  }

  it("with both F and C ends the connection", () => {
    request([], { flags: 0xc0 })
    endsWith(/both F and C/)
  })

  it("that continues nothing ends the connection", () => {
    request([], { transferTag: 77 })
    endsWith(/continues no exchange/)
  })

  it("that continues somebody else's exchange ends the connection", () => {
    request(Buffer.from("A"), { flags: 0x40 })
    request([], { transferTag: peer.one().targetTransferTag, tag: 6 })
    endsWith(/continues no exchange/)
  })

  it("that is not text ends the connection", () => {
    request(Buffer.from("nonsense"))
    endsWith(/a key without =/)
  })

  it("that never ends ends the connection", () => {
    let transferTag = reservedTag
    for (let sent = 0; sent <= textExchangeBytesMax && peer.connection.state === "full-feature"; sent += 8192) {
      request(Buffer.alloc(8192, 0x41), { flags: 0x40, transferTag })
      transferTag = peer.received()[0]?.targetTransferTag ?? 0
    }
    endsWith(/more than 65536 bytes of text/)
  })
})
