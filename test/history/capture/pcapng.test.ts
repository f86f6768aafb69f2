/** The file as its format wants it, for any captures: read back with a small parser of its own. */
import { assert, describe, it } from "vitest"
import type { ConnectionCapture } from "../../../src/domain/capture/ConnectionCapture.ts"
import { CaptureFlag, captureEntryBytes, writeCaptureEntry } from "../../../src/domain/capture/capture-entry.ts"
import { pcapngOf } from "../../../src/history/capture/pcapng-of.ts"
import { makeRandom, type Random } from "../../support/initiator/random.ts"

const headerBytes = 48
const tcpHeaderBytes = 20

interface ReadPacket {
  readonly nanos: bigint
  readonly bytes: Buffer
  readonly wireBytes: number
  readonly comments: ReadonlyArray<string>
}

/** Blocks, with what holds of each: its length twice, whole words. */
const blocksOf = (file: Buffer): ReadonlyArray<{ readonly type: number; readonly body: Buffer }> => {
  const blocks: Array<{ readonly type: number; readonly body: Buffer }> = []
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4)
    assert.isAtLeast(length, 12)
    assert.strictEqual(length % 4, 0)
    assert.isAtMost(at + length, file.length)
    assert.strictEqual(file.readUInt32LE(at + length - 4), length)
    blocks.push({ type: file.readUInt32LE(at), body: file.subarray(at + 8, at + length - 4) })
    at += length
  }
  return blocks
}

const optionsOf = (options: Buffer): ReadonlyArray<readonly [number, Buffer]> => {
  const found: Array<readonly [number, Buffer]> = []
  for (let at = 0; at < options.length; ) {
    const [code, length] = [options.readUInt16LE(at), options.readUInt16LE(at + 2)]
    at += 4
    if (code === 0) {
      assert.strictEqual(length, 0)
      assert.strictEqual(at, options.length)
      return found
    }
    found.push([code, options.subarray(at, at + length)])
    at += Math.ceil(length / 4) * 4
  }
  assert.lengthOf(found, 0, "options without an end")
  return found
}

const packetsOf = (file: Buffer): ReadonlyArray<ReadPacket> => {
  const [section, description, ...packets] = blocksOf(file)
  assert.isDefined(section)
  assert.isDefined(description)
  assert.strictEqual(section.type, 0x0a0d0d0a)
  assert.strictEqual(section.body.readUInt32LE(0), 0x1a2b3c4d)
  assert.strictEqual(description.type, 1)
  assert.deepInclude(
    optionsOf(description.body.subarray(8)).map(([code, value]) => [code, value.toString("hex")]),
    [9, "09"]
  )
  return packets.map(({ body, type }) => {
    assert.strictEqual(type, 6)
    const length = body.readUInt32LE(12)
    const options = optionsOf(body.subarray(20 + Math.ceil(length / 4) * 4))
    return {
      nanos: (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8)),
      bytes: body.subarray(20, 20 + length),
      wireBytes: body.readUInt32LE(16),
      comments: options.map(([code, value]) => {
        assert.strictEqual(code, 1)
        return value.toString()
      })
    }
  })
}

/** A PDU that is to be in a capture. */
interface Recorded {
  readonly sent: boolean
  readonly dataBytes: number
  readonly data: Buffer
  readonly flags: number
}

const recordedBy = (random: Random): Recorded => {
  const dataBytes = random.pick([0, 1, 47, 8_192, 65_479, 65_480, 65_481, 262_144, random.below(200_000)])
  const known = random.pick([0, dataBytes, random.below(dataBytes + 1)])
  const digests = random.pick([0, CaptureFlag.headerDigest, CaptureFlag.headerDigest | CaptureFlag.dataDigest])
  const sent = random.chance(0.5)
  return {
    sent,
    dataBytes,
    data: random.bytes(Math.min(known, 9_000)),
    flags: digests | (sent ? CaptureFlag.sent : 0) | (random.chance(0.05) ? CaptureFlag.badData : 0)
  }
}

const headerOf = ({ dataBytes }: Recorded, random: Random): Buffer => {
  const header = random.bytes(headerBytes)
  header.writeUInt32BE(dataBytes, 4)
  return header
}

const captureOf = (
  recorded: ReadonlyArray<Recorded>,
  random: Random,
  more: Partial<ConnectionCapture> = {},
  first = 0
): ConnectionCapture => {
  const entries = recorded.map((one, index) => ({
    nanos: index * 1_000,
    ordinal: first + index,
    flags: one.flags,
    headerDigest: 0x01020304,
    header: headerOf(one, random),
    data: one.data
  }))
  const bytes = new Uint8Array(entries.reduce((sum, { data }) => sum + captureEntryBytes(data.length), 0))
  let at = 0
  for (const entry of entries) {
    writeCaptureEntry(bytes, at, entry)
    at += captureEntryBytes(entry.data.length)
  }
  return {
    connection: 1,
    initiatorName: "iqn.2020-01.org.example:host1",
    targetName: "iqn.2016-06.io.spdk:disk1",
    tsih: 3,
    cid: 1,
    portalGroupTag: 1,
    initiatorAddress: "192.0.2.1",
    initiatorPort: 40_000,
    targetAddress: "192.0.2.2",
    targetPort: 3260,
    openedAt: 1_790_000_000_000_000,
    pduCount: first + recorded.length,
    entries: bytes,
    records: [],
    ...more
  }
}

const fileOf = (captures: ReadonlyArray<ConnectionCapture>): Buffer =>
  Buffer.from(pcapngOf(captures, { version: "9.9.9", sentenceOf: (seq) => (seq === 7 ? "Seven: it is" : undefined) }))

const wireBytesOf = ({ dataBytes, flags }: Recorded): number =>
  headerBytes +
  ((flags & CaptureFlag.headerDigest) === 0 ? 0 : 4) +
  Math.ceil(dataBytes / 4) * 4 +
  ((flags & CaptureFlag.dataDigest) === 0 || dataBytes === 0 ? 0 : 4)

const ipBytes = ({ bytes }: ReadPacket): number => (bytes.readUInt8(0) >> 4 === 4 ? 20 : 40)
const tcpOf = (packet: ReadPacket): Buffer => packet.bytes.subarray(ipBytes(packet))
const sequenceOf = (packet: ReadPacket): number => tcpOf(packet).readUInt32BE(4)
const flagsOf = (packet: ReadPacket): number => tcpOf(packet).readUInt8(13)
const payloadBytes = (packet: ReadPacket): number =>
  packet.wireBytes - ipBytes(packet) - (tcpOf(packet).readUInt8(12) >> 4) * 4

describe("a capture", () => {
  it("is made of packets whose bytes follow each other both ways, whatever was recorded", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = makeRandom(seed)
      const recorded = Array.from({ length: 1 + random.below(12) }, () => recordedBy(random))
      const isIpv6 = random.chance(0.5)
      const addresses = isIpv6 ? { initiatorAddress: "fe80::1%eth0", targetAddress: "::1" } : {}
      const closed = { closedAt: 1_790_000_001_000_000, closeReason: "logout" }
      const packets = packetsOf(fileOf([captureOf(recorded, random, { ...addresses, ...closed })]))
      const next = new Map<number, number>()
      for (const packet of packets) {
        assert.isAtMost(packet.wireBytes, 65_535 + (isIpv6 ? 40 : 0))
        assert.isAtMost(packet.bytes.length, packet.wireBytes)
        const stated = isIpv6 ? packet.bytes.readUInt16BE(4) + 40 : packet.bytes.readUInt16BE(2)
        assert.strictEqual(stated, packet.wireBytes)
        const [from, to] = [tcpOf(packet).readUInt16BE(0), tcpOf(packet).readUInt16BE(2)]
        const expected = next.get(from)
        if (expected !== undefined) assert.strictEqual(sequenceOf(packet), expected, `seed ${seed}`)
        if ((flagsOf(packet) & 0x10) !== 0) assert.strictEqual(tcpOf(packet).readUInt32BE(8), next.get(to))
        const one = (flagsOf(packet) & 0x03) === 0 ? 0 : 1
        next.set(from, (sequenceOf(packet) + payloadBytes(packet) + one) >>> 0)
      }
      const [syn, synAck, ack] = packets
      assert.deepStrictEqual(
        [syn, synAck, ack].map((packet) => packet && flagsOf(packet)),
        [0x02, 0x12, 0x10]
      )
      const sum = packets.reduce((total, packet) => total + payloadBytes(packet), 0)
      assert.strictEqual(
        sum,
        recorded.reduce((total, one) => total + wireBytesOf(one), 0)
      )
    }
  })

  it("has of each PDU what is known of it at its beginning, and no more", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = makeRandom(seed)
      const one = recordedBy(random)
      const [packet] = packetsOf(fileOf([captureOf([one], random, {}, 5)]))
      assert.isDefined(packet)
      const payload = tcpOf(packet).subarray(tcpHeaderBytes)
      assert.strictEqual(payload.readUInt32BE(4), one.dataBytes)
      const dataAt = (one.flags & CaptureFlag.headerDigest) === 0 ? headerBytes : headerBytes + 4
      if (dataAt > headerBytes) assert.strictEqual(payload.readUInt32LE(headerBytes), 0x01020304)
      const isWhole = one.data.length === one.dataBytes
      const known = isWhole ? Math.ceil(one.dataBytes / 4) * 4 : one.data.length
      assert.strictEqual(payload.length, dataAt + known)
      assert.strictEqual(payload.subarray(dataAt, dataAt + one.data.length).compare(one.data), 0)
    }
  })

  it("says whose it is, what it has led to, what was lost, and how it ended", () => {
    const random = makeRandom(1)
    const recorded = [recordedBy(random), { ...recordedBy(random), flags: CaptureFlag.badHeader }]
    const capture = captureOf(
      recorded,
      random,
      {
        targetPort: 3261,
        records: [
          { ordinal: 41, seq: 7 },
          { ordinal: 41, seq: 8 }
        ],
        closedAt: 1_790_000_001_000_000,
        closeReason: "it went"
      },
      40
    )
    const comments = packetsOf(fileOf([capture])).flatMap((packet) => packet.comments)
    assert.match(comments[0] ?? "", /^connection 1, session 3: .*host1 at .*disk1; the first 40 PDUs are not recorded/)
    assert.include(comments[1] ?? "", "-d tcp.port==3261,iscsi")
    assert.deepStrictEqual(comments.slice(2), [
      "its header digest is wrong",
      "seq 7 Seven: it is",
      "seq 8",
      "closed: it went"
    ])
  })

  it("of several connections is in the order of their times", () => {
    const random = makeRandom(2)
    const captures = [3, 1, 2].map((connection) =>
      captureOf([recordedBy(random)], random, { connection, openedAt: 1_790_000_000_000_000 + connection })
    )
    const times = packetsOf(fileOf(captures)).map(({ nanos }) => nanos)
    assert.deepStrictEqual(
      times,
      [...times].sort((a, b) => (a < b ? -1 : 1))
    )
    assert.strictEqual(times[0], 1_790_000_000_000_001_000n)
  })

  it("of nothing is a file without packets", () => {
    assert.lengthOf(packetsOf(fileOf([])), 0)
    assert.lengthOf(packetsOf(fileOf([captureOf([], makeRandom(1))])), 0)
  })

  it("of bytes that are no entries is still a file", () => {
    const random = makeRandom(9)
    for (let round = 0; round < 300; round++) {
      const whole = captureOf([recordedBy(random), recordedBy(random)], random)
      const entries = Buffer.from(whole.entries.subarray(0, random.below(whole.entries.length + 1)))
      for (let flips = random.below(4); flips > 0 && entries.length > 0; flips--) {
        const at = random.below(entries.length)
        // Times are a recorder's own: all else may be anything.
        if (at % captureEntryBytes(0) >= 8) entries[at] = random.below(256)
      }
      packetsOf(fileOf([{ ...whole, entries }]))
    }
  })
})
