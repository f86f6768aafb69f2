/** Parameter lists of PERSISTENT RESERVE OUT and their TransportIDs, right, cut and hostile (SPC-4 6.16.3, 7.6.4.6). */
import { assert, describe, it } from "vitest"
import type { Registrant } from "../../../../src/dataplane/scsi/reservations/ReservationsView.ts"
import { ReserveOutAction, readReserveOutList } from "../../../../src/dataplane/scsi/reservations/reserve-out-list.ts"
import {
  readTransportId,
  transportIdBytesMax,
  writeTransportId
} from "../../../../src/dataplane/scsi/reservations/transport-id.ts"
import { makeRandom, type Random, runSeed } from "../../../support/initiator/random.ts"
import { outList, transportId } from "../../../support/initiator/reservations.ts"

const name = "iqn.2024-01.test.lunlog:a"
const isid = "800000000001"
const actions = [0, 1, 2, 3, 4, 5, 6, 7] as const satisfies ReadonlyArray<ReserveOutAction>

const randomName = (random: Random): string => {
  const letters = ["a", "Z", "7", ".", "-", ":", "é", "漢"] as const
  const length = random.below(180)
  let text = random.pick(["iqn.2024-01.x", "eui.02004567A425678D", "naa.52004567BA64678D"])
  while (text.length < length && Buffer.byteLength(text) < 220) text += random.pick(letters)
  return text
}

describe("a TransportID", () => {
  it("that was written is read again, and fits where the longest one fits", () => {
    const random = makeRandom(runSeed(31))
    for (let round = 0; round < 2000; round++) {
      const registrant: Registrant = {
        initiator: randomName(random),
        isid: random.bytes(6).toString("hex"),
        target: "",
        relativePort: 1
      }
      const room = Buffer.alloc(8 + transportIdBytesMax)
      const end = writeTransportId(room, 8, registrant)
      assert.isAtMost(end, room.length)
      assert.strictEqual((end - 8) % 4, 0)
      const { initiator, isid } = registrant
      assert.deepStrictEqual(readTransportId(room, 8, end), { id: { initiator, isid }, end })
      assert.property(readTransportId(room, 8, end - 1), "wrongByte")
    }
  })

  it("may leave the ISID out, and may write it in capitals or without its first zeros", () => {
    const read = (id: Buffer) => readTransportId(id, 0, id.length)
    assert.deepInclude(read(transportId(name)), { id: { initiator: name, isid: undefined } })
    assert.deepInclude(read(transportId(name, "00023D00000A")), { id: { initiator: name, isid: "00023d00000a" } })
    assert.deepInclude(read(transportId(name, "23d00000a")), { id: { initiator: name, isid: "00023d00000a" } })
  })

  it.each([
    ["of another protocol", (id: Buffer) => id.writeUInt8(0x46, 0), 0],
    ["of a format that is reserved", (id: Buffer) => id.writeUInt8(0x85, 0), 0],
    ["shorter than 20 bytes", (id: Buffer) => id.writeUInt16BE(16, 2), 2],
    ["of no multiple of 4", (id: Buffer) => id.writeUInt16BE(22, 2), 2],
    ["longer than the list", (id: Buffer) => id.writeUInt16BE(0xfffc, 2), 2],
    ["without an end of the name", (id: Buffer) => id.fill(0x61, 4), 4],
    ["without a name", (id: Buffer) => id.fill(0, 4), 4],
    ["with a name of no kind", (id: Buffer) => id.write("urn.", 4), 4],
    ["with no ISID where there should be one", (id: Buffer) => id.write("x", 4 + name.length), 4]
  ])("%s is refused at its byte", (_what, spoil, wrongByte) => {
    const id = transportId(name, isid)
    spoil(id)
    assert.deepStrictEqual(readTransportId(id, 0, id.length), { wrongByte })
  })
})

describe("a parameter list", () => {
  it("says what it says", () => {
    const plain = outList({ lun: 0, action: 0, key: 1n, serviceKey: 0xabcdef0123456789n, aptpl: true })
    assert.deepStrictEqual(readReserveOutList(plain, 24, ReserveOutAction.preempt), {
      key: "0000000000000001",
      serviceKey: "abcdef0123456789",
      persistent: true,
      allTargetPorts: false
    })
    const transportIds = [transportId(name, isid), transportId(`${name}b`)]
    const others = outList({ lun: 0, action: 0, allTargetPorts: true, transportIds })
    assert.deepInclude(readReserveOutList(others, others.length, ReserveOutAction.register), {
      allTargetPorts: true,
      others: [
        { initiator: name, isid },
        { initiator: `${name}b`, isid: undefined }
      ]
    })
    const moveTo = { transportId: transportId(name, isid), relativePort: 7, unregister: true }
    const move = outList({ lun: 0, action: 7, moveTo })
    assert.deepInclude(readReserveOutList(move, move.length, ReserveOutAction.registerAndMove), {
      persistent: false,
      moveTo: { to: { initiator: name, isid }, relativePort: 7, unregister: true }
    })
  })

  it("has the length that it should have", () => {
    const long = Buffer.alloc(28)
    for (const action of actions) {
      assert.deepStrictEqual(readReserveOutList(long, 23, action), { wrongLength: true })
    }
    assert.deepStrictEqual(readReserveOutList(long, 28, ReserveOutAction.reserve), { wrongLength: true })
    long[20] = 0x08
    assert.deepStrictEqual(readReserveOutList(long, 24, ReserveOutAction.register), { wrongLength: true })
    assert.deepStrictEqual(readReserveOutList(long, 28, ReserveOutAction.registerAndIgnore), { wrongByte: 20, bit: 3 })
    long[27] = 1
    assert.deepStrictEqual(readReserveOutList(long, 28, ReserveOutAction.register), { wrongByte: 24 })
  })

  it("of any bytes is read or refused, within itself", () => {
    const random = makeRandom(runSeed(32))
    for (let round = 0; round < 20_000; round++) {
      const ids = Array.from({ length: random.below(4) }, () => transportId(randomName(random), isid))
      const list = random.chance(0.2)
        ? random.bytes(random.below(200))
        : outList({ lun: 0, action: 0, serviceKey: 5n, transportIds: ids })
      for (let flips = random.below(4); flips > 0 && list.length > 0; flips--) {
        list[random.below(list.length)] = random.below(256)
      }
      const length = random.chance(0.7) ? list.length : random.below(list.length + 1)
      const read = readReserveOutList(list, length, random.pick(actions))
      if ("wrongByte" in read) assert.isBelow(read.wrongByte, Math.max(1, length))
      else if ("key" in read) assert.match(`${read.key}${read.serviceKey}`, /^[0-9a-f]{32}$/u)
      for (const { initiator } of "others" in read ? (read.others ?? []) : []) {
        assert.isAtMost(Buffer.byteLength(initiator), 223)
        assert.isTrue(initiator.isWellFormed())
      }
    }
  })
})
