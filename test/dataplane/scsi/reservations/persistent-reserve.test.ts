/** PERSISTENT RESERVE IN and OUT, byte by byte (SPC-4 6.15 and 6.16). */
import { assert, beforeEach, describe, it } from "vitest"
import { LogicalUnit } from "../../../../src/dataplane/scsi/LogicalUnit.ts"
import type { Nexus } from "../../../../src/dataplane/scsi/Nexus.ts"
import type { ReservationRequest } from "../../../../src/dataplane/scsi/reservations/persistent-reserve-out.ts"
import type { Registrant } from "../../../../src/dataplane/scsi/reservations/ReservationsView.ts"
import { fieldPointer, ramDisk, run, runWithData, unitOptions } from "../scsi-fixture.ts"

const port = (initiator: string, relativePort: number): Registrant => ({
  initiator,
  isid: "00023d000001",
  target: "iqn.2016-06.io.spdk:disk1",
  relativePort
})
const [a, b] = [port("iqn.ex:a", 1), port("iqn.ex:bcd", 2)]
const keyA = "00000000000000a1"
const keyB = "00000000000000b2"

let unit: LogicalUnit
let nexus: Nexus

const put = (reservation?: { readonly type: number; readonly holder?: Registrant }): void =>
  unit.reservations.put({
    generation: 0x01020304,
    persistent: true,
    registrations: [
      { ...a, key: keyA },
      { ...b, key: keyB }
    ],
    ...(reservation === undefined ? {} : { reservation })
  })

beforeEach(() => {
  unit = new LogicalUnit(ramDisk(), unitOptions)
  nexus = unit.attach(a)
  nexus.take(true)
})

const bytesOf = (cdb: string): string => run(cdb, nexus).data.toString("hex")

describe("PERSISTENT RESERVE IN", () => {
  it("READ KEYS gives the generation and all keys", () => {
    assert.strictEqual(bytesOf("5e 00 00 00 00 00 00 0100 00"), "0000000000000000")
    put()
    assert.strictEqual(bytesOf("5e 00 00 00 00 00 00 0100 00"), `0102030400000010${keyA}${keyB}`)
    assert.strictEqual(
      bytesOf("5e 00 00 00 00 00 00 000c 00"),
      "010203040000001000000000",
      "cut, with its whole length"
    )
    assert.strictEqual(run("5e 00 00 00 00 00 00 0000 00", nexus).result, "good")
  })

  it("READ RESERVATION gives the holder's key and the type; no key where all registrants hold it", () => {
    put()
    assert.strictEqual(bytesOf("5e 01 00 00 00 00 00 0100 00"), "0102030400000000")
    put({ type: 5, holder: b })
    assert.strictEqual(bytesOf("5e 01 00 00 00 00 00 0100 00"), `0102030400000010${keyB}0000000000050000`)
    put({ type: 8 })
    assert.strictEqual(bytesOf("5e 01 00 00 00 00 00 0100 00"), "01020304000000100000000000000000" + "0000000000080000")
  })

  it("REPORT CAPABILITIES has CRH, SIP_C, ATP_C, PTPL_C, all six types, and PTPL_A as it is", () => {
    assert.strictEqual(bytesOf("5e 02 00 00 00 00 00 0100 00"), "00081d90ea010000")
    put()
    assert.strictEqual(bytesOf("5e 02 00 00 00 00 00 0100 00"), "00081d91ea010000")
  })

  it("READ FULL STATUS names each port by its TransportID", () => {
    put({ type: 3, holder: b })
    const data = run("5e 03 00 00 00 00 00 1000 00", nexus).data
    const name = (text: string, bytes: number): string => Buffer.from(text.padEnd(bytes, "\0")).toString("hex")
    const first = `${keyA}000000000000000000000001000000204500001c`
    const nameA = name("iqn.ex:a,i,0x00023d000001", 28)
    const second = `${keyB}000000000103000000000002000000204500001c`
    const nameB = name("iqn.ex:bcd,i,0x00023d000001", 28)
    const body = `${first}${nameA}${second}${nameB}`.length / 2
    assert.strictEqual(data.readUInt32BE(4), body)
    assert.strictEqual(data.toString("hex", 8), `${first}${nameA}${second}${nameB}`)
  })

  it("refuses other service actions, and all of them under a RESERVE", () => {
    const { result, sense } = run("5e 04 00 00 00 00 00 0100 00", nexus)
    assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 1.4"])
    run("16 00 00 00 00 00", nexus)
    assert.strictEqual(run("5e 00 00 00 00 00 00 0100 00", nexus).result, "status 18")
    assert.strictEqual(run("5f 00 00 00 00 00 00 00 18 00", nexus).result, "status 18")
  })
})

describe("PERSISTENT RESERVE OUT", () => {
  const list = `${keyA}${keyB}00000000 05 000000`

  it("asks for what its CDB and its list say, by the names of its nexus", () => {
    let asked: ReservationRequest | undefined
    unit.askReservations = (_unit, by, request, done) => {
      assert.strictEqual(by, nexus)
      asked = request
      done("done")
    }
    assert.strictEqual(runWithData("5f 04 06 00 00 00 00 00 18 00", list, nexus).result, "good")
    assert.deepStrictEqual(asked, {
      action: 4,
      by: a,
      key: keyA,
      serviceKey: keyB,
      scope: 0,
      type: 6,
      persistent: true,
      allTargetPorts: true
    })
  })

  it.each([
    ["a list shorter than 24 bytes", "5f 00 00 00 00 00 00 00 17 00", list, "5/1a/00"],
    ["a list longer than 64 KiB", "5f 00 00 00 00 00 01 00 00 00", list, "5/1a/00"],
    ["less data than the CDB says", "5f 00 00 00 00 00 00 00 1c 00", list, "5/1a/00"],
    ["TransportIDs where none may be", "5f 06 00 00 00 00 00 00 18 00", `${keyA}${keyB}00000000 08 000000`, "5/26/00"]
  ])("with %s asks for nothing", (_what, cdb, data, result) => {
    unit.askReservations = () => assert.fail("it was asked for")
    const outcome = runWithData(cdb, data, nexus)
    assert.strictEqual(outcome.result, result)
    if (result === "5/26/00") assert.strictEqual(fieldPointer(outcome.sense), "parameter 20.3")
  })

  it("stands for every known port where a TransportID has no ISID", () => {
    put()
    const other = unit.attach({ ...port("iqn.EX:bcd", 1), isid: "00023d000009" })
    let asked: ReservationRequest | undefined
    unit.askReservations = (_unit, _by, request, done) => {
      asked = request
      done("conflict")
    }
    const id = `05 00 0014 ${Buffer.from("iqn.ex:bcd".padEnd(20, "\0")).toString("hex")}`
    const spec = `${keyA}${keyB}00000000 08 000000 00000018 ${id}`
    assert.strictEqual(runWithData("5f 00 00 00 00 00 00 00 34 00", spec, nexus).result, "status 18")
    assert.deepStrictEqual(
      asked?.others?.map(({ isid }) => isid),
      [other.registrant.isid, b.isid]
    )
  })
})
