/**
 * Header and data digests (RFC 7143 sections 7.8, 11.2.3 and 13.1): who gets which, that ours are right, and what comes
 * of one that is wrong. The scripted peer checks every digest of what the target sends.
 */
import { assert, beforeEach, describe, it } from "vitest"
import type { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import type { TargetSpec } from "../../../src/dataplane/iscsi/Target.ts"
import { type Digests, Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { decodeKeys, type KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, loggedIn, ramDisk, read10, statusOf, TestNode, TestPeer, write10 } from "./fixture.ts"

const both: Digests = { header: true, data: true }
const bothKeys: KeyList = [
  ["HeaderDigest", "CRC32C,None"],
  ["DataDigest", "CRC32C"]
]
const dataDigestError = 2
const protocolServiceCrcError = "b/47/05"

let node: TestNode
let disk: MallocBdev

beforeEach(() => {
  node = new TestNode()
  disk = ramDisk(64)
})

/** A peer in full feature phase with digests and no unit attention. */
const digesting = (digests: Digests = both, keys: KeyList = []): TestPeer => {
  const peer = new TestPeer(node)
  const list: KeyList = [
    ["HeaderDigest", digests.header ? "CRC32C" : "None"],
    ["DataDigest", digests.data ? "CRC32C" : "None"],
    ...keys
  ]
  assert.strictEqual(peer.login({ keys: list }).loginStatus, 0)
  peer.digests = digests
  peer.command(0x81, Buffer.alloc(6), 0)
  peer.received()
  return peer
}

const isUntouched = (): boolean => disk.memory?.every((byte) => byte === 0) ?? false

const flip = (bytes: Buffer, bit: number): Buffer => {
  const damaged = Buffer.from(bytes)
  damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return damaged
}

describe("digests at login", () => {
  const cases: ReadonlyArray<readonly [spec: Partial<TargetSpec>, offer: string, answer: string | undefined]> = [
    [{}, "None", "None"],
    [{}, "CRC32C", "CRC32C"],
    [{}, "CRC32C,None", "CRC32C"],
    [{}, "None,CRC32C", "None"],
    [{}, "X-other,CRC32C", "CRC32C"],
    [{}, "X-other", "Reject"],
    [{ headerDigest: true, dataDigest: true }, "None,CRC32C", "CRC32C"],
    [{ headerDigest: true, dataDigest: true }, "CRC32C", "CRC32C"],
    [{ headerDigest: true, dataDigest: true }, "None", undefined],
    [{ headerDigest: true, dataDigest: true }, "X-other", undefined]
  ]
  for (const key of ["HeaderDigest", "DataDigest"]) {
    for (const [spec, offer, answer] of cases) {
      const required = spec.headerDigest === true
      it(`${key}=${offer}${required ? " where CRC32C is required" : ""}: ${answer ?? "refused"}`, () => {
        addTarget(node, { 0: disk }, spec)
        const other = key === "HeaderDigest" ? "DataDigest" : "HeaderDigest"
        const peer = new TestPeer(node)
        const response = peer.login({ keys: [[key, offer], ...(required ? ([[other, "CRC32C"]] as const) : [])] })
        assert.strictEqual(response.loginStatus, answer === undefined ? 0x0200 : 0)
        if (answer === undefined) return
        assert.strictEqual(decodeKeys(response.data).find(([name]) => name === key)?.[1], answer)
      })
    }
  }

  it("refuses who does not offer what the target requires", () => {
    addTarget(node, { 0: disk }, { headerDigest: true })
    assert.strictEqual(new TestPeer(node).login({ keys: [["DataDigest", "CRC32C"]] }).loginStatus, 0x0200)
  })

  it("begins after the login response, for discovery as well", () => {
    addTarget(node, { 0: disk })
    const peer = new TestPeer(node)
    assert.strictEqual(peer.discover(bothKeys).loginStatus, 0)
    peer.digests = both
    const text = Buffer.from("SendTargets=All\0")
    peer.send({ opcode: Opcode.text, initiatorTaskTag: 9, word20: reservedTag, cmdSn: 1 }, text)
    assert.strictEqual(decodeKeys(peer.one().data)[0]?.[0], "TargetName")
  })
})

describe("with digests", () => {
  for (const digests of [both, { header: true, data: false }, { header: false, data: true }]) {
    it(`${JSON.stringify(digests)}: writes and reads in every way, and answers what has no data`, () => {
      addTarget(node, { 0: disk })
      const peer = digesting(digests, [
        ["InitialR2T", "No"],
        ["MaxRecvDataSegmentLength", "516"]
      ])
      const data = Buffer.from(Array.from({ length: 2048 }, (_, index) => (index * 7) & 0xff))
      const tag = peer.command(0x21, write10(3, 4), 2048, data.subarray(0, 512))
      peer.dataOut(tag, data.subarray(512, 1027), 512, { flags: 0 })
      peer.dataOut(tag, data.subarray(1027), 1027, { word36: 1 })
      assert.strictEqual(statusOf(peer.one()), "GOOD")
      const asked = peer.command(0xa1, write10(8, 1), 512)
      const { targetTransferTag } = peer.one()
      peer.dataOut(asked, data.subarray(0, 512), 0, { word20: targetTransferTag })
      assert.strictEqual(statusOf(peer.one()), "GOOD")
      peer.command(0xc1, read10(3, 4), 2048)
      const pieces = peer.received()
      assert.lengthOf(pieces, 4)
      assert.isTrue(Buffer.concat(pieces.map((pdu) => pdu.data)).equals(data))
      peer.command(0xc1, read10(64, 1), 512)
      assert.strictEqual(statusOf(peer.one()), "5/21/00")
      peer.send(
        { opcode: Opcode.nopOut, initiatorTaskTag: 77, word20: reservedTag, cmdSn: peer.cmdSn++ },
        data.subarray(0, 5)
      )
      assert.isTrue(peer.one().data.equals(data.subarray(0, 5)))
    })
  }

  it("closes the connection at every flipped bit of a header or its digest, and writes nothing", () => {
    addTarget(node, { 0: disk })
    const data = Buffer.alloc(512, 0x11)
    for (let bit = 0; bit < 52 * 8; bit++) {
      node.told.length = 0
      const peer = digesting()
      const bytes = peer.commandBytes(0xa1, write10(0, 1), 512, data)
      peer.bytes(Buffer.concat([flip(bytes, bit), Buffer.alloc(1100)]))
      assert.strictEqual(peer.connection.state, "exiting", `bit ${bit}`)
      assert.match(node.told.join(), /header digest of opcode \d+,closed: a header digest that is wrong/)
      assert.lengthOf(peer.received(), 0)
    }
    assert.isTrue(isUntouched())
  })

  it("drops Data-Out at every flipped bit of data, padding or digest: the command fails, the session goes on", () => {
    addTarget(node, { 0: disk })
    const peer = digesting(both, [["InitialR2T", "No"]])
    const data = Buffer.alloc(511, 0x22)
    // 511 bytes, a byte of padding and the digest: all of the data and a bit of everything else.
    const bits = [
      0,
      7,
      8,
      2049,
      511 * 8 - 1,
      511 * 8,
      512 * 8 - 1,
      ...Array.from({ length: 32 }, (_, i) => 512 * 8 + i)
    ]
    for (const bit of bits) {
      const tag = peer.command(0x21, write10(0, 1), 512)
      const wire = peer.dataOutBytes(tag, data, 0, { flags: 0 })
      peer.bytes(flip(wire, 52 * 8 + bit))
      const reject = peer.one()
      assert.deepStrictEqual([reject.opcode, reject.response], [Opcode.reject, dataDigestError])
      assert.isTrue(reject.data.equals(wire.subarray(0, 48)))
      // Its last data is still to come: only then does it end.
      peer.dataOut(tag, data.subarray(0, 1), 511, { word36: 1 })
      assert.strictEqual(statusOf(peer.one()), protocolServiceCrcError, `bit ${bit}`)
    }
    assert.isTrue(isUntouched())
    assert.strictEqual(peer.connection.session?.commandsInFlight, 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
    peer.command(0xa1, write10(0, 1), 512, Buffer.alloc(512, 0x33))
    assert.strictEqual(statusOf(peer.one()), "GOOD")
  })

  it("waits for the data of all R2Ts before the command fails, and asks for no more", () => {
    addTarget(node, { 0: disk })
    const peer = digesting(both, [
      ["MaxBurstLength", "512"],
      ["MaxOutstandingR2T", "2"]
    ])
    const tag = peer.command(0xa1, write10(0, 8), 4096)
    const [first, second] = peer.received()
    const data = Buffer.alloc(512, 0x44)
    peer.bytes(flip(peer.dataOutBytes(tag, data, 0, { word20: first?.targetTransferTag ?? 0 }), 60 * 8))
    assert.strictEqual(peer.one().response, dataDigestError)
    peer.dataOut(tag, data, 512, { word20: second?.targetTransferTag ?? 0 })
    assert.strictEqual(statusOf(peer.one()), protocolServiceCrcError)
    assert.isTrue(isUntouched())
  })

  it("rejects a command whose immediate data is wrong, and ends the session: its CmdSN can't be filled", () => {
    addTarget(node, { 0: disk })
    const peer = digesting()
    const bytes = peer.commandBytes(0xa1, write10(0, 1), 512, Buffer.alloc(512, 0x55))
    peer.bytes(flip(bytes, 53 * 8))
    assert.deepStrictEqual([peer.one().response, peer.connection.state], [dataDigestError, "exiting"])
    assert.isTrue(isUntouched())
    assert.strictEqual(node.sessions.size, 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("rejects and drops an immediate ping whose data is wrong, and ends the session at one that has a CmdSN", () => {
    addTarget(node, { 0: disk })
    const peer = digesting()
    const ping = (immediate: boolean) =>
      peer.pduBytes(
        { opcode: Opcode.nopOut, immediate, initiatorTaskTag: 77, word20: reservedTag, cmdSn: peer.cmdSn },
        Buffer.from("ping")
      )
    peer.bytes(flip(ping(true), 52 * 8))
    assert.deepStrictEqual([peer.one().response, peer.connection.state], [dataDigestError, "full-feature"])
    peer.bytes(ping(true))
    assert.strictEqual(peer.one().data.toString(), "ping")
    peer.bytes(flip(ping(false), 52 * 8))
    assert.deepStrictEqual([peer.one().response, peer.connection.state], [dataDigestError, "exiting"])
  })

  it("writes nothing of a PDU that does not come to its end", () => {
    addTarget(node, { 0: disk })
    const bytes = digesting().commandBytes(0xa1, write10(0, 1), 512, Buffer.alloc(512, 0x66))
    for (const cut of [52, 100, 563, 564, bytes.length - 1]) {
      const peer = digesting()
      peer.bytes(bytes.subarray(0, cut))
      peer.connection.close("cut")
      assert.isTrue(isUntouched(), `cut at ${cut}`)
    }
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("leaves connections without them as they were", () => {
    addTarget(node, { 0: disk })
    digesting()
    const peer = loggedIn(node, { isid: "800000000002" })
    peer.command(0xa1, write10(0, 1), 512, Buffer.alloc(512, 0x77))
    assert.strictEqual(statusOf(peer.one()), "GOOD")
  })
})
