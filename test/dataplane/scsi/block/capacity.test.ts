/** READ CAPACITY(10) and (16) (SBC-3 5.15, 5.16). */
import { assert, describe, it } from "vitest"
import { fieldPointer, nullDisk, quietNexus, run } from "../scsi-fixture.ts"

const ask10 = (blockCount: number, cdb = "25 00 00000000 0000 00 00") => run(cdb, quietNexus(nullDisk(blockCount)))
const ask16 = (blockCount: number, blockSize = 512, physicalBlockSize = 0) =>
  run("9e 10 0000000000000000 00000020 00 00", quietNexus(nullDisk(blockCount, blockSize, physicalBlockSize)))

describe("READ CAPACITY(10)", () => {
  it("gives the last LBA and the block length", () => {
    assert.strictEqual(ask10(131072).data.toString("hex"), "0001ffff00000200")
  })

  it("gives FFFFFFFFh where the last LBA is that or more, so that hosts ask again with 16 bytes", () => {
    assert.strictEqual(ask10(2 ** 32 - 1).data.toString("hex"), "fffffffe00000200")
    assert.strictEqual(ask10(2 ** 32).data.toString("hex"), "ffffffff00000200")
    assert.strictEqual(ask10(2 ** 32 + 1).data.toString("hex"), "ffffffff00000200")
  })

  it("refuses an LBA without PMI", () => {
    const { result, sense } = ask10(8, "25 00 00000001 0000 00 00")
    assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 2"])
    assert.strictEqual(ask10(8, "25 00 00000001 0000 01 00").data.toString("hex"), "0000000700000200")
  })
})

describe("READ CAPACITY(16)", () => {
  it("gives 64 bits of last LBA, promises no protection, and says whether the unit is thin", () => {
    const { data } = ask16(2 ** 40 + 1)
    assert.strictEqual(data.toString("hex"), `0000010000000000${"00000200"}0000c000${"00".repeat(16)}`)
    const full = Object.assign(Object.create(nullDisk(8)), { thin: false })
    assert.strictEqual(run("9e 10 0000000000000000 00000020 00 00", quietNexus(full)).data[14], 0)
  })

  it("gives the exponent of logical blocks per physical block", () => {
    assert.strictEqual(ask16(8, 512, 4096).data[13], 3)
    assert.strictEqual(ask16(8, 4096, 4096).data[13], 0)
    assert.strictEqual(ask16(8, 512, 1536).data[13], 0)
  })

  it("is cut to the allocation length", () => {
    assert.strictEqual(run("9e 10 0000000000000000 0000000c 00 00").data.length, 12)
    assert.strictEqual(run("9e 10 0000000000000000 00000000 00 00").result, "good")
    assert.strictEqual(run("9e 10 0000000000000000 ffffffff 00 00").data.length, 32)
  })

  it("answers 5/20/00 to every other service action", () => {
    for (let action = 0; action < 32; action++) {
      if (action === 0x10 || action === 0x12) continue
      assert.strictEqual(run(Buffer.from([0x9e, action])).result, "5/20/00", `service action ${action}`)
    }
  })
})
