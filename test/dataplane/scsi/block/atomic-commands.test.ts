/** COMPARE AND WRITE (SBC-3 5.2), ORWRITE (5.5) and WRITE ATOMIC (SBC-4 5.45). */
import { assert, describe, it } from "vitest"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { ErrorBdev } from "../../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { mallocSpec, okIo } from "../../bdev/recorded-io.ts"
import { fieldPointer, nullDisk, quietNexus } from "../scsi-fixture.ts"
import { cdb16, operate } from "./operation-run.ts"

const blocks = 64
const fill = (count: number, byte: number): Buffer => Buffer.alloc(count * 512, byte)
const diskOf = (byte: number): MallocBdev => {
  const disk = new MallocBdev(mallocSpec({ blockCount: blocks }))
  disk.write(0, fill(blocks, byte), 0, blocks * 512, false, okIo)
  return disk
}
const contentOf = (disk: MallocBdev): Buffer => {
  const content = Buffer.alloc(blocks * 512)
  disk.read(0, content, 0, content.length, okIo)
  return content
}
const readOnly = (disk = diskOf(1)) => Object.assign(quietNexus(disk), { readOnly: true })
const answerOf = async (cdb: Buffer, data: Buffer, nexus = quietNexus(diskOf(1))) => {
  const { result, sense } = await operate(cdb, data, nexus)
  return `${result} ${fieldPointer(sense) ?? ""}`.trim()
}

const compareAndWrite = (lba: number, count: number, flags = 0): Buffer => {
  const cdb = cdb16(0x89, flags, lba, 0)
  cdb[13] = count
  return cdb
}

describe("COMPARE AND WRITE", () => {
  it("writes the second half where the first is there", async () => {
    const disk = diskOf(1)
    const data = Buffer.concat([fill(3, 1), fill(3, 2)])
    const { result, task } = await operate(compareAndWrite(5, 3, 0x18), data, quietNexus(disk))
    assert.deepStrictEqual([result, task.fua, task.dataOutLength], ["good", true, 6 * 512])
    assert.isTrue(contentOf(disk).equals(Buffer.concat([fill(5, 1), fill(3, 2), fill(56, 1)])))
  })

  it("changes nothing where it is not, and tells the first byte that differs", async () => {
    for (const at of [0, 27, 512, 3 * 512 - 1]) {
      const disk = diskOf(1)
      const data = Buffer.concat([fill(3, 1), fill(3, 2)])
      data[at] = 7
      if (at < 3 * 512 - 1) data[3 * 512 - 1] = 7
      const { result, task } = await operate(compareAndWrite(5, 3), data, quietNexus(disk))
      assert.deepStrictEqual([result, task.information], ["e/1d/00", at])
      assert.isTrue(contentOf(disk).equals(fill(blocks, 1)))
    }
  })

  it("takes exactly twice its blocks of data", async () => {
    for (const [count, bytes] of [
      [1, 512],
      [1, 2048],
      [3, 2048],
      [0, 131_072],
      [1, 0]
    ] as const) {
      assert.strictEqual(await answerOf(compareAndWrite(0, count), Buffer.alloc(bytes, 1)), "5/24/00 field 13")
    }
    assert.strictEqual(await answerOf(compareAndWrite(0, 0), Buffer.alloc(0)), "good")
  })

  it("has limits", async () => {
    const data = fill(2, 1)
    assert.strictEqual(await answerOf(compareAndWrite(0, 1, 0x20), data), "5/24/00 field 1.7")
    assert.strictEqual(await answerOf(compareAndWrite(63, 2), data), "5/21/00")
    assert.strictEqual(await answerOf(compareAndWrite(64, 0), data), "5/21/00")
    assert.strictEqual(await answerOf(compareAndWrite(0, 1), data, readOnly()), "7/27/00")
    const largeBlocks = quietNexus(nullDisk(100, 65536))
    assert.strictEqual(await answerOf(compareAndWrite(0, 33), data, largeBlocks), "5/24/00 field 13")
  })

  it("leaves the blocks as they were when reading or writing fails", async () => {
    for (const [ioType, result] of [
      ["read", "3/11/00"],
      ["write", "3/0c/00"]
    ] as const) {
      const disk = diskOf(1)
      const broken = new ErrorBdev(disk)
      broken.inject({ ioType, errorType: "failure", count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
      const data = Buffer.concat([fill(1, 1), fill(1, 2)])
      assert.strictEqual(await answerOf(compareAndWrite(0, 1), data, quietNexus(broken)), result)
      assert.isTrue(contentOf(disk).equals(fill(blocks, 1)))
    }
    const stacked = quietNexus(new ErrorBdev(diskOf(1)))
    assert.strictEqual((await operate(compareAndWrite(0, 1), fill(2, 1), stacked, { buffers: 0 })).result, "status 08")
    // A RAM disk's blocks are compared where they are.
    const memory = quietNexus(diskOf(1))
    assert.strictEqual((await operate(compareAndWrite(0, 1), fill(2, 1), memory, { buffers: 0 })).result, "good")
  })
})

describe("ORWRITE(16)", () => {
  const orWrite = (lba: number, count: number, flags = 0) => cdb16(0x8b, flags, lba, count)

  it("sets bits, in whole blocks that have come", async () => {
    const disk = diskOf(0x01)
    const nexus = quietNexus(disk)
    assert.strictEqual((await operate(orWrite(2, 2), fill(2, 0xa0), nexus)).result, "good")
    assert.strictEqual((await operate(orWrite(10, 2), Buffer.alloc(700, 0x10), nexus)).result, "good")
    assert.strictEqual((await operate(orWrite(20, 2), Buffer.alloc(0), nexus)).result, "good")
    const model = fill(blocks, 1).fill(0xa1, 1024, 2048).fill(0x11, 5120, 5632)
    assert.isTrue(contentOf(disk).equals(model))
  })

  it("has limits", async () => {
    assert.strictEqual(await answerOf(orWrite(0, 1, 0x20), fill(1, 1)), "5/24/00 field 1.7")
    assert.strictEqual(await answerOf(orWrite(63, 2), fill(2, 1)), "5/21/00")
    assert.strictEqual(await answerOf(orWrite(0, 8193), fill(2, 1), quietNexus(nullDisk(2 ** 20))), "5/24/00 field 10")
    assert.strictEqual(await answerOf(orWrite(0, 1), fill(1, 1), readOnly()), "7/27/00")
    assert.strictEqual(await answerOf(orWrite(0, 0), Buffer.alloc(0)), "good")
  })
})

describe("WRITE ATOMIC(16)", () => {
  const writeAtomic = (lba: number, count: number, flags = 0, boundary = 0): Buffer => {
    const cdb = cdb16(0x9c, flags, lba, 0)
    cdb.writeUInt16BE(boundary, 10)
    cdb.writeUInt16BE(count, 12)
    return cdb
  }

  it("writes all of its blocks, or none where less has come", async () => {
    const disk = diskOf(1)
    assert.strictEqual(await answerOf(writeAtomic(4, 2, 0x18), fill(2, 9), quietNexus(disk)), "good")
    assert.strictEqual(await answerOf(writeAtomic(8, 2), fill(1, 9), quietNexus(disk)), "5/24/00 field 12")
    assert.isTrue(contentOf(disk).equals(fill(blocks, 1).fill(9, 2048, 3072)))
  })

  it("has limits, and is not there with a write cache", async () => {
    assert.strictEqual(await answerOf(writeAtomic(0, 1, 0x20), fill(1, 1)), "5/24/00 field 1.7")
    assert.strictEqual(await answerOf(writeAtomic(0, 1, 0, 1), fill(1, 1)), "5/24/00 field 10")
    assert.strictEqual(await answerOf(writeAtomic(63, 2), fill(2, 1)), "5/21/00")
    assert.strictEqual(await answerOf(writeAtomic(0, 1), fill(1, 1), readOnly()), "7/27/00")
    assert.strictEqual(await answerOf(writeAtomic(0, 0), Buffer.alloc(0)), "good")
    const large = quietNexus(nullDisk(2 ** 20))
    assert.strictEqual(await answerOf(writeAtomic(0, 8193), fill(1, 1), large), "5/24/00 field 12")
    const cached = quietNexus(Object.assign(Object.create(nullDisk(8)), { atomicWrites: false }))
    assert.strictEqual(await answerOf(writeAtomic(0, 1), fill(1, 1), cached), "5/20/00")
  })
})
