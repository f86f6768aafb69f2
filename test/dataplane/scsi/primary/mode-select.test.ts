/** MODE SELECT(6) and (10) (SPC-4 6.11, 6.12), and what the changed values do. */
import { assert, describe, it } from "vitest"
import { SenseCode } from "../../../../src/dataplane/scsi/sense-codes.ts"
import { fieldPointer, nullDisk, quietNexus, run, runWithData } from "../scsi-fixture.ts"

const header6 = "00000000"
const control = (senseByte: string, protectByte: string) => `0a0a ${senseByte} 10 ${protectByte} 00 0000 0000 0000`
const select6 = (list: string, nexus = quietNexus()) => {
  const length = list.replaceAll(" ", "").length / 2
  return runWithData(`15 10 0000 ${length.toString(16).padStart(2, "0")} 00`, list, nexus)
}
const currentControl = (nexus = quietNexus()) => run("1a 08 0a 00 ff 00", nexus).data.subarray(4).toString("hex")

describe("MODE SELECT", () => {
  it("makes the unit write-protected for every initiator, and tells the others", () => {
    const nexus = quietNexus(nullDisk(2048))
    const other = nexus.unit.attach()
    other.take(true)
    assert.strictEqual(select6(`${header6} ${control("02", "08")}`, nexus).result, "good")
    assert.strictEqual(run("2a 00 00000000 00 0001 00", nexus).result, "7/27/00")
    assert.strictEqual(run("2a 00 00000000 00 0001 00", other).result, "6/2a/01")
    assert.strictEqual(run("2a 00 00000000 00 0001 00", other).result, "7/27/00")
    assert.strictEqual(run("28 00 00000000 00 0001 00", other).result, "good")
    assert.strictEqual(run("1a 08 0a 00 ff 00", other).data.toString("hex"), "0f009000" + "0a0a02100800000000000000")
    assert.strictEqual(select6(`${header6} ${control("02", "00")}`, other).result, "good")
    assert.strictEqual(run("2a 00 00000000 00 0001 00", other).result, "good")
  })

  it("tells nobody where nothing changes", () => {
    const nexus = quietNexus(nullDisk(2048))
    const other = nexus.unit.attach()
    other.take(true)
    assert.strictEqual(select6(`${header6} ${control("02", "00")}`, nexus).result, "good")
    assert.isFalse(other.hasUnitAttention)
  })

  it("takes the longer list of MODE SELECT(10)", () => {
    const nexus = quietNexus()
    const list = `00000000 00000000 ${control("06", "00")}`
    assert.strictEqual(runWithData("55 10 0000000000 0014 00", list, nexus).result, "good")
    assert.isTrue(nexus.unit.modeValues.descriptorSense)
    assert.strictEqual(currentControl(nexus), "0a0a06100000000000000000")
  })

  it("changes nothing of a list that is wrong anywhere", () => {
    const nexus = quietNexus()
    const wrong = select6(`${header6} ${control("06", "08")} 0812 04 ${"00".repeat(17)}`, nexus)
    assert.deepStrictEqual([wrong.result, fieldPointer(wrong.sense)], ["5/26/00", "parameter 18.2"])
    assert.strictEqual(currentControl(nexus), "0a0a02100000000000000000")
    assert.isFalse(nexus.unit.modeValues.softwareWriteProtect)
  })

  it("refuses lists that are shorter than the CDB says", () => {
    const list = `${header6} ${control("06", "00")}`
    assert.strictEqual(runWithData("15 10 0000 11 00", list).result, "5/1a/00")
    assert.strictEqual(runWithData("15 10 0000 0f 00", list).result, "5/1a/00")
    assert.strictEqual(runWithData("15 10 0000 03 00", list).result, "5/1a/00")
    assert.strictEqual(runWithData("55 10 0000000000 0007 00", list).result, "5/1a/00")
  })

  it("refuses to save, to revert, and pages of another format; no list is no error", () => {
    const refusals = ["15 11 0000 04 00", "15 12 0000 04 00", "15 00 0000 04 00", "55 11 0000000000 0008 00"]
    const found = refusals.map((cdb) => {
      const { result, sense } = run(cdb)
      return [result, fieldPointer(sense)]
    })
    assert.deepStrictEqual(found, [
      ["5/24/00", "field 1.0"],
      ["5/24/00", "field 1.1"],
      ["5/24/00", "field 1.4"],
      ["5/24/00", "field 1.0"]
    ])
    assert.strictEqual(run("15 00 0000 00 00").result, "good")
    assert.strictEqual(run("55 10 0000000000 0000 00").result, "good")
  })

  it("is forgotten with a reset", () => {
    const nexus = quietNexus()
    select6(`${header6} ${control("06", "08")}`, nexus)
    nexus.unit.reset(SenseCode.busDeviceResetFunctionOccurred)
    nexus.take(true)
    assert.strictEqual(currentControl(nexus), "0a0a02100000000000000000")
    assert.deepInclude(nexus.unit.modeValues, { descriptorSense: false, softwareWriteProtect: false })
  })

  it("leaves the default values as they are", () => {
    const nexus = quietNexus()
    select6(`${header6} ${control("06", "08")}`, nexus)
    assert.strictEqual(run("1a 08 8a 00 ff 00", nexus).data.subarray(4).toString("hex"), "0a0a02100000000000000000")
  })
})

describe("SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS", () => {
  const refusal = (cdb: string, data = "") => {
    const { result, sense } = runWithData(cdb, data)
    return [result, fieldPointer(sense)]
  }

  it("passes the default self-test, and has one page: the list of pages", () => {
    assert.strictEqual(run("1d 04 00 0000 00").result, "good")
    assert.strictEqual(run("1d 00 00 0000 00").result, "good")
    assert.strictEqual(runWithData("1d 10 00 0004 00", "00000000").result, "good")
    assert.strictEqual(run("1c 01 00 00ff 00").data.toString("hex"), "0000000100")
    assert.strictEqual(run("1c 00 00 00ff 00").data.toString("hex"), "0000000100")
    assert.strictEqual(run("1c 01 00 0004 00").data.toString("hex"), "00000001")
  })

  it("refuses other tests and other pages", () => {
    assert.deepStrictEqual(refusal("1d 20 00 0000 00"), ["5/24/00", "field 1.7"])
    assert.deepStrictEqual(refusal("1d 14 00 0004 00"), ["5/24/00", "field 3.7"])
    assert.deepStrictEqual(refusal("1d 00 00 0004 00"), ["5/24/00", "field 1.4"])
    assert.deepStrictEqual(refusal("1d 10 00 0005 00"), ["5/24/00", "field 3.7"])
    assert.deepStrictEqual(refusal("1d 10 00 0004 00", "40000000"), ["5/26/00", "parameter 0.7"])
    assert.deepStrictEqual(refusal("1d 10 00 0004 00", "00000001"), ["5/26/00", "parameter 2.7"])
    assert.deepStrictEqual(refusal("1d 10 00 0004 00", "0000"), ["5/1a/00", undefined])
    assert.deepStrictEqual(refusal("1c 01 40 00ff 00"), ["5/24/00", "field 2.7"])
  })
})
