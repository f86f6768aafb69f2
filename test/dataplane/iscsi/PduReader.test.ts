/** A byte stream becomes the same PDUs however it is cut. */
import { assert, describe, it } from "vitest"
import { PduReader } from "../../../src/dataplane/iscsi/PduReader.ts"
import { type Digests, encodePdu, makeHeader, Opcode, Pdu } from "../../support/initiator/pdu.ts"
import { makeRandom, type Random, runSeed } from "../../support/initiator/random.ts"

/** Writes down what the reader hands on, and stops it on demand. */
class Recorder {
  readonly pdus: Array<string> = []
  readonly reader: PduReader
  /** Asked after each PDU: whether to stop. */
  stop: () => boolean = () => false
  refuse = false
  postponed = false
  #header = ""
  #data: Array<Buffer> = []

  constructor() {
    this.reader = new PduReader({
      header: (b, at, dataBytes, ahsBytes) => {
        this.#header = `${b.subarray(at, at + 48).toString("hex")} ${dataBytes} ${ahsBytes}`
        this.#data = []
        return !this.refuse && !this.postponed
      },
      isPostponed: () => this.postponed,
      data: (b, start, end) => void this.#data.push(Buffer.from(b.subarray(start, end))),
      end: () => {
        this.pdus.push(`${this.#header} ${Buffer.concat(this.#data).toString("hex")}`)
        return !this.stop()
      },
      badHeader: (b, at) => void this.pdus.push(`bad header ${b.subarray(at, at + 48).toString("hex")}`),
      badData: (header) => {
        this.pdus.push(`bad data ${header.toString("hex")}`)
        return !this.stop()
      }
    })
  }

  /** As the socket does: one buffer for every chunk, garbage behind what was received. */
  push(bytes: Buffer): boolean {
    const shared = Buffer.alloc(bytes.length + 32, 0xdd)
    bytes.copy(shared)
    const goOn = this.reader.push(shared, bytes.length)
    shared.fill(0xcc)
    return goOn
  }
}

const pduOf = (dataBytes: number, ahsBytes = 0): Pdu => {
  const header = makeHeader({ opcode: Opcode.dataOut, initiatorTaskTag: dataBytes + 1, word40: 0xffff0000 })
  return new Pdu(header, Buffer.alloc(dataBytes, 0x30 + (dataBytes % 64)), Buffer.alloc(ahsBytes, 0xaa))
}

const encodeWith = (pdu: Pdu, digests: Digests): Buffer => Buffer.concat(encodePdu(pdu, digests))
const encode = (pdu: Pdu): Buffer => encodeWith(pdu, { header: false, data: false })
/** With the length fields that `encodePdu` sets. */
const expectedLater = (pdu: Pdu): string => {
  encode(pdu)
  return expected(pdu)
}
const expected = (pdu: Pdu): string => {
  const { additionalHeader, data, header } = pdu
  return `${header.toString("hex")} ${data.length} ${additionalHeader.length} ${data.toString("hex")}`
}

const shapes = [pduOf(0), pduOf(1), pduOf(4), pduOf(0, 8), pduOf(7, 12), pduOf(50), pduOf(0)]
const stream = Buffer.concat(shapes.map(encode))
const wanted = shapes.map(expected)

const randomCuts = (random: Random, length: number): ReadonlyArray<number> => {
  const cuts: Array<number> = []
  for (let at = 0; at < length; ) {
    const size = random.chance(0.5) ? random.between(1, 5) : random.between(1, 120)
    cuts.push(at)
    at += size
  }
  return [...cuts, length]
}

describe("the PDU reader", () => {
  it("finds the same PDUs at every single cut, at every byte, and in one piece", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const recorder = new Recorder()
      if (cut > 0) recorder.push(stream.subarray(0, cut))
      if (cut < stream.length) recorder.push(stream.subarray(cut))
      assert.deepStrictEqual(recorder.pdus, wanted, `cut at ${cut}`)
      assert.isTrue(recorder.reader.between)
    }
    const bytewise = new Recorder()
    for (const byte of stream) bytewise.push(Buffer.from([byte]))
    assert.deepStrictEqual(bytewise.pdus, wanted)
  })

  it("finds the same PDUs in any chunks, also when it is stopped and resumed at any of them", () => {
    const random = makeRandom(runSeed(2))
    for (let round = 0; round < 300; round++) {
      const pdus = Array.from({ length: random.between(1, 8) }, () =>
        pduOf(random.below(90), random.chance(0.2) ? 4 * random.below(5) : 0)
      )
      const bytes = Buffer.concat(pdus.map(encode))
      const recorder = new Recorder()
      const stops = random.chance(0.5)
      recorder.stop = () => stops && random.chance(0.4)
      const cuts = randomCuts(random, bytes.length)
      for (const [index, start] of cuts.slice(0, -1).entries()) {
        let goOn = recorder.push(bytes.subarray(start, cuts[index + 1]))
        // Sometimes more arrives before it is resumed.
        while (!goOn && random.chance(0.8)) goOn = recorder.reader.resume()
      }
      while (!recorder.reader.resume());
      assert.deepStrictEqual(recorder.pdus, pdus.map(expected), `round ${round}`)
      assert.isTrue(recorder.reader.between)
    }
  })

  it("reads nothing after a stop until it is resumed, and keeps every byte", () => {
    const recorder = new Recorder()
    recorder.stop = () => true
    assert.isFalse(recorder.push(stream))
    assert.lengthOf(recorder.pdus, 1)
    assert.isFalse(recorder.push(stream))
    assert.lengthOf(recorder.pdus, 1)
    recorder.stop = () => false
    assert.isTrue(recorder.reader.resume())
    assert.deepStrictEqual(recorder.pdus, [...wanted, ...wanted])
  })

  it("goes on with the next chunk when the stop was at the end of the one before", () => {
    const recorder = new Recorder()
    recorder.stop = () => true
    assert.isFalse(recorder.push(encode(pduOf(4))))
    assert.isTrue(recorder.reader.resume())
    recorder.stop = () => false
    assert.isTrue(recorder.push(stream))
    assert.lengthOf(recorder.pdus, 1 + shapes.length)
  })

  it("hands on nothing of a PDU whose header is refused", () => {
    const recorder = new Recorder()
    recorder.refuse = true
    assert.isFalse(recorder.push(stream))
    assert.deepStrictEqual(recorder.pdus, [])
  })

  it("knows whether it stands between two PDUs", () => {
    const recorder = new Recorder()
    assert.isTrue(recorder.reader.between)
    recorder.push(stream.subarray(0, 1))
    assert.isFalse(recorder.reader.between)
    recorder.push(stream.subarray(1, 48))
    assert.isTrue(recorder.reader.between)
    recorder.push(stream.subarray(48, 48 + 48 + 1))
    // The padding of the second PDU is missing.
    assert.isFalse(recorder.reader.between)
    recorder.push(stream.subarray(97, 100))
    assert.isTrue(recorder.reader.between)
  })
})

const digestsOf: ReadonlyArray<Digests> = [
  { header: true, data: false },
  { header: false, data: true },
  { header: true, data: true }
]

describe("the PDU reader with digests", () => {
  for (const digests of digestsOf) {
    const name = `${digests.header ? "header" : ""}${digests.data ? "data" : ""}`
    const bytes = Buffer.concat(shapes.map((pdu) => encodeWith(pdu, digests)))

    it(`finds the same PDUs at every single cut, at every byte, and in one piece: ${name}`, () => {
      for (let cut = 0; cut <= bytes.length; cut++) {
        const recorder = new Recorder()
        recorder.reader.useDigests(digests)
        if (cut > 0) recorder.push(bytes.subarray(0, cut))
        if (cut < bytes.length) recorder.push(bytes.subarray(cut))
        assert.deepStrictEqual(recorder.pdus, wanted, `cut at ${cut}`)
        assert.isTrue(recorder.reader.between)
      }
      const bytewise = new Recorder()
      bytewise.reader.useDigests(digests)
      for (const byte of bytes) bytewise.push(Buffer.from([byte]))
      assert.deepStrictEqual(bytewise.pdus, wanted)
    })
  }

  it("finds every flipped bit of a header, its additional segments and their digest", () => {
    const pdu = pduOf(7, 12)
    const digests = { header: true, data: true }
    const bytes = encodeWith(pdu, digests)
    for (let bit = 0; bit < (48 + 12 + 4) * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      for (const cut of [0, bit >> 3, bytes.length]) {
        const recorder = new Recorder()
        recorder.reader.useDigests(digests)
        // Enough behind it for any length of additional segments that the flip makes of the right one.
        const all = Buffer.concat([damaged, Buffer.alloc(1100)])
        let goOn = cut === 0 || recorder.push(all.subarray(0, cut))
        if (goOn) goOn = recorder.push(all.subarray(cut))
        assert.isFalse(goOn)
        assert.deepStrictEqual(recorder.pdus, [`bad header ${all.subarray(0, 48).toString("hex")}`], `bit ${bit}`)
      }
    }
  })

  it("finds every flipped bit of data, padding and their digest, and the PDU behind them", () => {
    const pdu = pduOf(7)
    const digests = { header: true, data: true }
    const bytes = Buffer.concat([encodeWith(pdu, digests), encodeWith(pduOf(1), digests)])
    for (let bit = 52 * 8; bit < (52 + 8 + 4) * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      for (let cut = 50; cut <= 64; cut++) {
        const recorder = new Recorder()
        recorder.reader.useDigests(digests)
        assert.isTrue(recorder.push(damaged.subarray(0, cut)))
        assert.isTrue(recorder.push(damaged.subarray(cut)))
        assert.deepStrictEqual(recorder.pdus, [`bad data ${pdu.header.toString("hex")}`, expectedLater(pduOf(1))])
      }
    }
  })

  it("takes digests from the next PDU on, in the middle of a chunk", () => {
    const recorder = new Recorder()
    const digests = { header: true, data: true }
    recorder.stop = () => {
      recorder.reader.useDigests(digests)
      return false
    }
    recorder.push(Buffer.concat([encode(pduOf(5)), encodeWith(pduOf(6, 8), digests), encodeWith(pduOf(0), digests)]))
    assert.deepStrictEqual(recorder.pdus, [pduOf(5), pduOf(6, 8), pduOf(0)].map(expectedLater))
  })
})
