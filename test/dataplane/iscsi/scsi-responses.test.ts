/** What answers commands: Data-In in segments and bursts, status in the last of them, residuals, sense data. */
import { assert, describe, it } from "vitest"
import { Opcode, type Pdu } from "../../support/initiator/pdu.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"
import type { KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, loggedIn, ramDisk, read10, statusOf, TestNode, type TestPeer, write10 } from "./fixture.ts"

const disk = ramDisk()
const content = makeRandom(9).bytes(disk.blockCount * 512)
content.copy(disk.memory ?? Buffer.alloc(0))

const peerWith = (keys: KeyList = []): TestPeer => {
  const node = new TestNode()
  addTarget(node, { 0: disk })
  return loggedIn(node, { keys })
}

/** The parts of a read: bytes, F bit, S bit. */
const shapeOf = (pdus: ReadonlyArray<Pdu>): ReadonlyArray<string> =>
  pdus.map(({ data, flags }) => `${data.length}${(flags & 0x80) === 0 ? "" : " F"}${(flags & 1) === 0 ? "" : " S"}`)

const expectData = (pdus: ReadonlyArray<Pdu>, expected: Buffer, segment: number, burst: number): void => {
  let at = 0
  let inBurst = 0
  for (const [index, pdu] of pdus.entries()) {
    const fields = [pdu.opcode, pdu.bufferOffset, pdu.dataSn, pdu.targetTransferTag]
    assert.deepStrictEqual(fields, [Opcode.dataIn, at, index, 0xffffffff])
    assert.isAtMost(pdu.data.length, segment)
    assert.isTrue(pdu.data.equals(expected.subarray(at, at + pdu.data.length)))
    at += pdu.data.length
    inBurst += pdu.data.length
    const last = index === pdus.length - 1
    assert.strictEqual((pdu.flags & 0x01) !== 0, last)
    assert.strictEqual(pdu.final, last || inBurst === burst)
    assert.isAtMost(inBurst, burst)
    if (pdu.final) inBurst = 0
  }
  assert.strictEqual(at, expected.length)
}

describe("a read", () => {
  it("comes in one PDU that carries its status, when it fits", () => {
    const peer = peerWith()
    const statSn = peer.connection.statSn
    const tag = peer.command(0xc1, read10(0, 8), 4096)
    const pdu = peer.one()
    assert.deepStrictEqual(shapeOf([pdu]), ["4096 F S"])
    assert.strictEqual(pdu.initiatorTaskTag, tag)
    assert.strictEqual(pdu.statSn, statSn)
    assert.strictEqual(pdu.count, 0)
    assert.isTrue(pdu.data.equals(content.subarray(0, 4096)))
  })

  it("comes in segments that the initiator takes, and in sequences of MaxBurstLength", () => {
    const peer = peerWith([
      ["MaxRecvDataSegmentLength", "1024"],
      ["MaxBurstLength", "2560"]
    ])
    peer.command(0xc1, read10(0, 8), 4096)
    const pdus = peer.received()
    assert.deepStrictEqual(shapeOf(pdus), ["1024", "1024", "512 F", "1024", "512 F S"])
    assert.deepStrictEqual(
      pdus.map((pdu) => pdu.statSn),
      [0, 0, 0, 0, peer.connection.statSn - 1]
    )
  })

  it("is whole, whatever the segments and bursts", () => {
    const random = makeRandom(runSeed(10))
    for (let round = 0; round < 60; round++) {
      const segment = random.pick([512, 513, 1000, 4096, 8192, 262_144, 0xff_ff_ff])
      const burst = random.pick([512, 777, 4096, 65_536, 1_048_576])
      const peer = peerWith([
        ["MaxRecvDataSegmentLength", String(segment)],
        ["MaxBurstLength", String(burst)]
      ])
      const block = random.below(1000)
      const blocks = random.between(1, 100)
      peer.command(0xc1, read10(block, blocks), blocks * 512)
      expectData(
        peer.received(),
        content.subarray(block * 512, (block + blocks) * 512),
        Math.min(segment, 262_144),
        burst
      )
      assert.strictEqual(peer.connection.session?.commandsInFlight, 0)
    }
  })

  it("pads with zeros, not with what was in the buffer", () => {
    const node = new TestNode()
    addTarget(node, { 0: disk })
    // The reactor's output buffer now holds this one's data where the next one's padding will be.
    const before = loggedIn(node)
    before.command(0xc1, read10(0, 16), 8192)
    const peer = loggedIn(node, { isid: "80000000000a", keys: [["MaxRecvDataSegmentLength", "513"]] })
    const from = peer.socket.sent.length
    peer.command(0xc1, read10(8, 2), 1024)
    const bytes = Buffer.concat(peer.socket.sent.slice(from))
    assert.deepStrictEqual(bytes.subarray(48 + 513, 48 + 516), Buffer.alloc(3))
    assert.isFalse(Buffer.concat(before.socket.sent).subarray(-8192).subarray(600, 700).equals(Buffer.alloc(100)))
  })

  it("opens the window for the command that it answers", () => {
    const peer = peerWith()
    const before = peer.connection.window.maxCmdSn
    peer.command(0xc1, read10(0, 1), 512)
    const pdu = peer.one()
    assert.strictEqual(pdu.expCmdSn, peer.cmdSn)
    assert.strictEqual(pdu.maxCmdSn, before + 1)
    assert.strictEqual(peer.connection.window.maxCmdSn, before + 1)
  })
})

describe("residuals", () => {
  it("underflow: less than the initiator has room for", () => {
    const peer = peerWith()
    peer.command(0xc1, read10(0, 1), 2048)
    const pdu = peer.one()
    assert.strictEqual(pdu.data.length, 512)
    assert.deepStrictEqual([pdu.flags & 0x06, pdu.count], [0x02, 1536])
  })

  it("overflow: more than the initiator has room for", () => {
    const peer = peerWith()
    peer.command(0xc1, read10(0, 4), 700)
    const pdu = peer.one()
    assert.strictEqual(pdu.data.length, 700)
    assert.deepStrictEqual([pdu.flags & 0x06, pdu.count], [0x04, 2048 - 700])
  })

  it("no room at all, or no wish to read", () => {
    for (const [flags, expectedBytes, residualFlags, residual] of [
      [0xc1, 0, 0x04, 512],
      [0x81, 0, 0x04, 512],
      [0xa1, 512, 0x04, 512]
    ] as const) {
      const peer = peerWith()
      peer.command(flags, read10(0, 1), expectedBytes)
      const pdu = peer.one()
      assert.strictEqual(pdu.opcode, Opcode.scsiResponse)
      assert.deepStrictEqual([pdu.flags & 0x06, pdu.count], [residualFlags, residual])
    }
  })

  it("of a write for which the initiator sends nothing, or means to read, are all of it: nothing is written", () => {
    const peer = peerWith()
    for (const [flags, expectedBytes] of [
      [0xc1, 512],
      [0x81, 512],
      [0xa1, 0]
    ] as const) {
      peer.command(flags, write10(0, 1), expectedBytes)
      const pdu = peer.one()
      assert.strictEqual(statusOf(pdu), "GOOD")
      assert.deepStrictEqual([pdu.flags & 0x06, pdu.count], [0x04, 512])
    }
  })

  it("of a command that failed are all that was expected", () => {
    const peer = peerWith()
    peer.command(0xc1, read10(5000, 1), 512)
    const pdu = peer.one()
    assert.strictEqual(statusOf(pdu), "5/21/00")
    assert.deepStrictEqual([pdu.flags & 0x06, pdu.count], [0x02, 512])
    peer.command(0xa1, write10(5000, 1), 512, Buffer.alloc(512))
    const written = peer.one()
    assert.strictEqual(statusOf(written), "5/21/00")
    assert.deepStrictEqual([written.flags & 0x06, written.count], [0x02, 512])
  })

  it("of parameter data count what the allocation length allowed", () => {
    const peer = peerWith()
    peer.command(0xc1, Buffer.from([0x12, 0, 0, 0, 36, 0]), 255)
    const pdu = peer.one()
    assert.strictEqual(pdu.data.length, 36)
    assert.deepStrictEqual([pdu.flags & 0x07, pdu.count], [0x03, 255 - 36])
  })

  it("of a command without data are none", () => {
    const peer = peerWith()
    peer.command(0x81, Buffer.alloc(6), 0)
    const pdu = peer.one()
    assert.strictEqual(statusOf(pdu), "GOOD")
    assert.deepStrictEqual([pdu.flags, pdu.count, pdu.data.length], [0x80, 0, 0])
  })
})

describe("sense data", () => {
  it("are in the response, two bytes of length before them", () => {
    const peer = peerWith()
    peer.command(0xc1, Buffer.from([0xff]), 512)
    const pdu = peer.one()
    assert.strictEqual(pdu.opcode, Opcode.scsiResponse)
    assert.strictEqual(pdu.status, 2)
    assert.strictEqual(pdu.data.readUInt16BE(0), pdu.data.length - 2)
    assert.strictEqual(statusOf(pdu), "5/20/00")
  })

  it("have descriptor format once an initiator has set D_SENSE", () => {
    const node = new TestNode()
    addTarget(node, { 0: ramDisk(), 1: ramDisk() })
    const peer = loggedIn(node)
    const list = Buffer.from("00000000 0a0a0610000000000000 0000".replaceAll(" ", ""), "hex")
    peer.command(0xa1, Buffer.from("151000001000", "hex"), 16, list)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    const pastTheEnd = read10(2048, 1)
    peer.command(0xc1, pastTheEnd, 512)
    const { data } = peer.one()
    assert.strictEqual(data.toString("hex"), "00087205210000000000")
    peer.command(0xc1, Buffer.from("28e00000000000000100", "hex"), 512)
    assert.strictEqual(peer.one().data.toString("hex"), "0010720524000000000802060000cf000100")
    const answers = [0, 1].map(() => {
      peer.command(0xc1, pastTheEnd, 512, undefined, { lun: 0x0001_0000_0000_0000n })
      return statusOf(peer.one())
    })
    assert.deepStrictEqual(answers, ["6/29/00", "5/21/00"], "another unit has its own format")
  })
})
