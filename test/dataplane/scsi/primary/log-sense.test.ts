/** LOG SENSE and LOG SELECT, byte by byte (SPC-4 6.7, 6.8, 7.3). */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { IoKind } from "../../../../src/dataplane/bdev/statistics/IoCounts.ts"
import { fieldPointer, nullDisk, quietNexus, run } from "../scsi-fixture.ts"

const refusal = (cdb: string) => {
  const { result, sense } = run(cdb)
  return [result, fieldPointer(sense)]
}

/** 8 KiB in two reads, 4 KiB in one write; a read and a write that failed, a read that was aborted. */
const busyNexus = () => {
  const nexus = quietNexus(nullDisk(2048))
  const { statistics } = nexus.unit
  statistics.ended(IoKind.read, 4096, 2, IoStatus.ok)
  statistics.ended(IoKind.read, 4096, 3, IoStatus.ok)
  statistics.ended(IoKind.write, 4096, 4, IoStatus.ok)
  statistics.ended(IoKind.read, 4096, 1, IoStatus.failed)
  statistics.ended(IoKind.read, 4096, 1, IoStatus.aborted)
  statistics.ended(IoKind.write, 4096, 1, IoStatus.noSpace)
  return nexus
}

const page = (code: string, nexus = busyNexus(), pointer = "0000") =>
  run(`4d 00 ${code} 00 00 ${pointer} 1000 00`, nexus).data.toString("hex")

const counter = (code: string, value: string) => `${code}0008${value.padStart(16, "0")}`

/** A disk that does not know what it has allocated. */
const thick = () => quietNexus(nullDisk(2048))

describe("LOG SENSE", () => {
  it("lists pages and subpages", () => {
    assert.strictEqual(run("4d 00 40 00 00 0000 1000 00", thick()).data.toString("hex"), "80000005000203192f")
    assert.strictEqual(
      run("4d 00 40 ff 00 0000 1000 00", thick()).data.toString("hex"),
      "c0ff000c 0000 00ff 0200 0300 1900 2f00".replaceAll(" ", "")
    )
  })

  it("answers every page that it lists, with the length that it has", () => {
    for (const code of run("4d 00 40 00 00 0000 1000 00").data.subarray(4)) {
      const { data, result } = run(Buffer.from([0x4d, 0, 0x40 | code, 0, 0, 0, 0, 0x10, 0, 0]))
      assert.deepStrictEqual([result, data.length], ["good", 4 + data.readUInt16BE(2)])
      assert.strictEqual((data[0] ?? 0) & 0x3f, code)
    }
  })

  it("counts bytes and errors of reads and writes", () => {
    assert.strictEqual(page("42"), `82000018${counter("0005", "1000")}${counter("0006", "1")}`)
    assert.strictEqual(page("43"), `83000018${counter("0005", "2000")}${counter("0006", "1")}`)
  })

  it("counts commands, blocks and busy milliseconds", () => {
    const values = [2, 1, 8, 16, 5, 4, 3, 9].map((value) => value.toString(16).padStart(16, "0")).join("")
    assert.strictEqual(page("59"), `99000050 00010340${values} 00030308fffffffd00000001`.replaceAll(" ", ""))
  })

  it("reports no exception and no temperature", () => {
    assert.strictEqual(page("6f"), "af000008000003040000ff00")
  })

  it("begins at the parameter that is asked for", () => {
    assert.strictEqual(page("42", busyNexus(), "0006"), `8200000c${counter("0006", "1")}`)
    assert.strictEqual(page("42", busyNexus(), "0001"), page("42"))
    assert.deepStrictEqual(refusal("4d 00 42 00 00 0007 1000 00"), ["5/24/00", "field 5.7"])
    assert.deepStrictEqual(refusal("4d 00 40 00 00 0001 1000 00"), ["5/24/00", "field 5.7"])
  })

  it("is cut to the allocation length, and keeps the page length", () => {
    assert.strictEqual(run("4d 00 42 00 00 0000 0004 00").data.toString("hex"), "82000018")
  })

  it("refuses to save, other values than cumulative ones, and pages that are not there", () => {
    assert.deepStrictEqual(refusal("4d 01 42 00 00 0000 1000 00"), ["5/24/00", "field 1.0"])
    assert.deepStrictEqual(refusal("4d 00 02 00 00 0000 1000 00"), ["5/24/00", "field 2.7"])
    assert.deepStrictEqual(refusal("4d 00 7f 00 00 0000 1000 00"), ["5/24/00", "field 2.5"])
    assert.deepStrictEqual(refusal("4d 00 42 01 00 0000 1000 00"), ["5/24/00", "field 3.7"])
  })
})

describe("LOG SELECT", () => {
  it("resets the counters, and tells the others", () => {
    const nexus = busyNexus()
    const other = nexus.unit.attach()
    other.take(true)
    assert.strictEqual(run("4c 00 40 00 00 0000 0000 00", nexus).result, "good")
    assert.isFalse(other.hasUnitAttention, "PCR is not set")
    assert.strictEqual(run("4c 02 42 00 00 0000 0000 00", nexus).result, "good")
    assert.strictEqual(run("00", other).result, "6/2a/02")
    assert.isFalse(nexus.hasUnitAttention)
    assert.strictEqual(page("43", nexus), `83000018${counter("0005", "0")}${counter("0006", "0")}`)
    nexus.unit.statistics.ended(IoKind.read, 512, 1, IoStatus.ok)
    assert.strictEqual(page("43", nexus), `83000018${counter("0005", "200")}${counter("0006", "0")}`)
  })

  it("never counts below 0 when the statistics begin anew", () => {
    const nexus = busyNexus()
    run("4c 02 40 00 00 0000 0000 00", nexus)
    nexus.unit.statistics.reset("all")
    nexus.unit.statistics.ended(IoKind.read, 512, 1, IoStatus.ok)
    assert.strictEqual(page("43", nexus), `83000018${counter("0005", "200")}${counter("0006", "0")}`)
  })

  it("refuses to save, to set parameters, and pages that are not there", () => {
    assert.deepStrictEqual(refusal("4c 01 42 00 00 0000 0000 00"), ["5/24/00", "field 1.0"])
    assert.deepStrictEqual(refusal("4c 00 42 00 00 0000 0004 00"), ["5/24/00", "field 7.7"])
    assert.deepStrictEqual(refusal("4c 02 44 00 00 0000 0000 00"), ["5/24/00", "field 2.5"])
  })
})
