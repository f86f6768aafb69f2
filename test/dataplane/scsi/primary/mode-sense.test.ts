/** MODE SENSE(6) and (10), byte by byte (SPC-4 6.11, 6.12; SBC-3 6.5). */
import { assert, describe, it } from "vitest"
import type { Bdev } from "../../../../src/dataplane/bdev/Bdev.ts"
import { fieldPointer, nullDisk, quietNexus, run } from "../scsi-fixture.ts"

const recovery = `010a${"00".repeat(10)}`
const reconnect = `020e${"00".repeat(14)}`
const caching = `0812${"00".repeat(18)}`
const control = "0a0a02100000000000000000"
const extension = `4a01001c01${"00".repeat(27)}`
const power = `1a26${"00".repeat(38)}`
const exceptions = "1c0a08000000000000000000"
const page0 = [recovery, reconnect, caching, control, power, exceptions].join("")
const allPages = [recovery, reconnect, caching, control, extension, power, exceptions].join("")

/** A copy with some properties of another disk. */
const like = (bdev: Bdev, changes: Partial<Bdev>): Bdev => Object.assign(Object.create(bdev), changes)
const hexOf = (cdb: string, bdev = nullDisk(0x1234)) => run(cdb, quietNexus(bdev)).data.toString("hex")

describe("MODE SENSE(6)", () => {
  it("gives header, block descriptor and all pages in ascending order", () => {
    assert.strictEqual(hexOf("1a 00 3f 00 ff 00"), `7b001008 0000123400000200${page0}`.replace(" ", ""))
  })

  it("leaves the block descriptor out with DBD", () => {
    assert.strictEqual(hexOf("1a 08 0a 00 ff 00"), `0f001000${control}`)
  })

  it("adds subpages to all pages, or to one, if they are asked for", () => {
    assert.strictEqual(hexOf("1a 08 3f ff ff 00"), `93001000${allPages}`)
    assert.strictEqual(hexOf("1a 08 0a ff ff 00"), `2f001000${control}${extension}`)
    assert.strictEqual(hexOf("1a 08 0a 01 ff 00"), `23001000${extension}`)
    assert.strictEqual(hexOf("1a 00 08 ff ff 00"), hexOf("1a 00 08 00 ff 00"))
  })

  it("is cut to the allocation length, and still gives the full length", () => {
    assert.strictEqual(hexOf("1a 00 3f 00 04 00"), "7b001008")
  })

  it("tells of a write cache exactly when there is one", () => {
    assert.strictEqual(hexOf("1a 08 08 00 ff 00").slice(8, 14), "081200")
    assert.strictEqual(hexOf("1a 08 08 00 ff 00", like(nullDisk(8), { writeCache: true })).slice(8, 14), "081204")
  })

  it("sets WP for a read-only disk, and DPOFUA always", () => {
    assert.strictEqual(hexOf("1a 08 08 00 ff 00").slice(4, 6), "10")
    assert.strictEqual(hexOf("1a 08 08 00 ff 00", like(nullDisk(8), { readOnly: true })).slice(4, 6), "90")
  })

  it("has D_SENSE, SWP and TAS changeable, and default values like the current", () => {
    assert.strictEqual(hexOf("1a 08 48 00 ff 00").slice(8), caching)
    assert.strictEqual(hexOf("1a 08 4a 00 ff 00").slice(8), "0a0a04000840000000000000")
    assert.strictEqual(hexOf("1a 00 bf ff ff 00"), hexOf("1a 00 3f ff ff 00"))
  })

  it("refuses saved values with 5/39/00", () => {
    assert.strictEqual(run("1a 00 ff 00 ff 00").result, "5/39/00")
  })

  it("refuses pages and subpages that are not there", () => {
    for (const page of [0x00, 0x03, 0x07, 0x19, 0x3e]) {
      const { result, sense } = run(Buffer.from([0x1a, 0, page, 0, 0xff, 0]))
      assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 2.5"], `page ${page}`)
    }
    for (const cdb of ["1a 00 0a 02 ff 00", "1a 00 08 07 ff 00"]) {
      const { result, sense } = run(cdb)
      assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 3.7"])
    }
    assert.strictEqual(run("1a 00 3f 01 ff 00").result, "5/24/00")
  })

  it("says FFFFFFFFh blocks for a disk with more", () => {
    assert.strictEqual(hexOf("1a 00 0a 00 ff 00", nullDisk(2 ** 33)).slice(8, 24), "ffffffff00000200")
  })
})

describe("MODE SENSE(10)", () => {
  it("gives the longer header", () => {
    const expected = `007e00100000000800001234000002 00${page0}`.replace(" ", "")
    assert.strictEqual(hexOf("5a 00 3f 00 00 00 00 00 ff 00"), expected)
  })

  it("gives long block descriptors with LLBAA, unless DBD", () => {
    const long = hexOf("5a 10 1c 00 00 00 00 00 ff 00", nullDisk(2 ** 33, 4096))
    assert.strictEqual(long, `0022001001000010${"0000000200000000"}00000000${"00001000"}${exceptions}`)
    assert.strictEqual(hexOf("5a 18 1c 00 00 00 00 00 ff 00"), `0012001000000000${exceptions}`)
  })

  it("obeys the 16-bit allocation length", () => {
    assert.strictEqual(run("5a 00 3f 00 00 00 00 01 00 00").data.length, 128)
    assert.strictEqual(run("5a 00 3f 00 00 00 00 00 03 00").data.length, 3)
  })

  it("refuses saved values and unknown pages alike", () => {
    assert.strictEqual(run("5a 00 c8 00 00 00 00 00 ff 00").result, "5/39/00")
    assert.strictEqual(run("5a 00 03 00 00 00 00 00 ff 00").result, "5/24/00")
  })
})
