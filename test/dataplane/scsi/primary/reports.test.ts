/** REPORT TARGET PORT GROUPS, REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS and REPORT LUNS, byte by byte. */
import { assert, describe, it } from "vitest"
import { fieldPointer, guideSession, quietNexus, run, runWithoutUnit } from "../scsi-fixture.ts"

const refusal = (cdb: string) => {
  const { result, sense } = run(cdb)
  return [result, fieldPointer(sense)]
}

describe("REPORT TARGET PORT GROUPS (SPC-4 6.37)", () => {
  it("has one group with all ports of the target, always active/optimized", () => {
    const group = "00010001 00000002 00000001 00000003"
    assert.strictEqual(
      run("a3 0a 00000000 00001000 00 00").data.toString("hex"),
      `00000010 ${group}`.replaceAll(" ", "")
    )
    assert.strictEqual(
      run("a3 2a 00000000 00001000 00 00").data.toString("hex"),
      `00000014 10000000 ${group}`.replaceAll(" ", "")
    )
  })

  it("tells no more ports than its count can", () => {
    const session = { ...guideSession, targetPorts: Array.from({ length: 300 }, (_, index) => index + 1) }
    const { data } = run("a3 0a 00000000 00001000 00 00", quietNexus(), session)
    assert.deepStrictEqual([data.length, data[11]], [12 + 4 * 255, 255])
  })

  it("is cut to the allocation length, and refuses other formats", () => {
    assert.strictEqual(run("a3 0a 00000000 00000004 00 00").data.toString("hex"), "00000010")
    assert.deepStrictEqual(refusal("a3 4a 00000000 00001000 00 00"), ["5/24/00", "field 1.7"])
    assert.strictEqual(run("a4 0a 00000000 00000000 00 00").result, "5/20/00")
  })

  it("is the group that the unit's port has in VPD page 83h", () => {
    assert.isTrue(run("12 01 83 10 00 00").data.includes(Buffer.from("5195000400000001", "hex")))
  })
})

describe("REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 6.36)", () => {
  it("has ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET and target resets, and no timeouts", () => {
    assert.strictEqual(run("a3 0d 00 000000 00001000 00 00").data.toString("hex"), "da000000")
    assert.strictEqual(run("a3 0d 80 000000 00001000 00 00").data.toString("hex"), `da00000c${"00".repeat(12)}`)
  })

  it("needs room for 4 bytes", () => {
    assert.deepStrictEqual(refusal("a3 0d 00 000000 00000003 00 00"), ["5/24/00", "field 6.7"])
    assert.strictEqual(run("a3 0d 80 000000 00000004 00 00").data.toString("hex"), "da00000c")
  })
})

describe("REPORT LUNS (SPC-4 6.33)", () => {
  const devices = "0000000000000000 0001000000000000 412c000000000000"
  const wellKnown = "c101000000000000"
  const listed = (select: string): string => {
    const { data } = run(`a0 00 ${select} 000000 00001000 00 00`)
    assert.strictEqual(data.readUInt32BE(0), data.length - 8)
    return data.subarray(8).toString("hex")
  }

  it("obeys SELECT REPORT; there are no conglomerates", () => {
    assert.strictEqual(listed("00"), devices.replaceAll(" ", ""))
    assert.strictEqual(listed("01"), wellKnown)
    assert.strictEqual(listed("02"), `${devices}${wellKnown}`.replaceAll(" ", ""))
    assert.strictEqual(listed("10"), "")
    assert.strictEqual(listed("11"), devices.replaceAll(" ", ""))
    assert.strictEqual(listed("12"), "")
  })

  it("refuses every other", () => {
    for (let select = 0; select < 256; select++) {
      if ([0, 1, 2, 0x10, 0x11, 0x12].includes(select)) continue
      const { result, sense } = runWithoutUnit(Buffer.from([0xa0, 0, select, 0, 0, 0, 0, 0, 16, 0, 0, 0]), 0)
      assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 2.7"])
    }
  })
})
