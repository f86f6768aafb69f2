/** VERIFY and WRITE AND VERIFY (SBC-3 5.29 to 5.38) of all lengths. */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { ErrorBdev } from "../../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { ScsiAction } from "../../../../src/dataplane/scsi/ScsiTask.ts"
import { mallocSpec, okIo } from "../../bdev/recorded-io.ts"
import { fieldPointer, nullDisk, quietNexus } from "../scsi-fixture.ts"
import { cdb10, cdb12, cdb16, operate } from "./operation-run.ts"

const forms = [
  { name: "10", cdb: cdb10, verify: 0x2f, write: 0x2e, lengthByte: 7 },
  { name: "12", cdb: cdb12, verify: 0xaf, write: 0xae, lengthByte: 6 },
  { name: "16", cdb: cdb16, verify: 0x8f, write: 0x8e, lengthByte: 10 }
] as const

const blocks = 64
const compare = 0x02
const compareOneBlock = 0x06
const fill = (count: number, byte: number): Buffer => Buffer.alloc(count * 512, byte)

/** A disk whose block n is full of n. */
const numbered = (): MallocBdev => {
  const disk = new MallocBdev(mallocSpec({ blockCount: blocks }))
  for (let block = 0; block < blocks; block++) disk.write(block * 512, fill(1, block), 0, 512, false, okIo)
  return disk
}
const contentOf = (disk: MallocBdev): Buffer => {
  const content = Buffer.alloc(blocks * 512)
  disk.read(0, content, 0, content.length, okIo)
  return content
}

describe.each(forms)("VERIFY($name)", ({ cdb, lengthByte, verify }) => {
  const nexus = quietNexus(numbered())
  const twoBlocks = Buffer.concat([fill(1, 4), fill(1, 5)])

  it("finds blocks that are as they should be", async () => {
    assert.strictEqual((await operate(cdb(verify, 0, 0, blocks), undefined, nexus)).result, "good")
    assert.strictEqual((await operate(cdb(verify, compare, 4, 2), twoBlocks, nexus)).result, "good")
    assert.strictEqual((await operate(cdb(verify, compare | 0x10, 4, 2), twoBlocks, nexus)).result, "good")
    assert.strictEqual((await operate(cdb(verify, compareOneBlock, 4, 1), fill(1, 4), nexus)).result, "good")
  })

  it("tells where the first byte differs", async () => {
    for (const at of [0, 1, 511, 512, 700, 1023]) {
      const wrong = Buffer.from(twoBlocks)
      wrong[at] = 0xff
      const { result, task } = await operate(cdb(verify, compare, 4, 2), wrong, nexus)
      assert.deepStrictEqual([result, task.information], ["e/1d/00", at])
    }
    const { result, task } = await operate(cdb(verify, compareOneBlock, 4, 9), fill(1, 4), nexus)
    assert.deepStrictEqual([result, task.information], ["e/1d/00", 512])
  })

  it("asks for as much data as BYTCHK says", async () => {
    const asked = async (flags: number) => (await operate(cdb(verify, flags, 0, 3), fill(3, 0), nexus)).task
    assert.strictEqual((await asked(0)).dataOutLength, 0)
    assert.strictEqual((await asked(compare)).dataOutLength, 3 * 512)
    assert.strictEqual((await asked(compareOneBlock)).dataOutLength, 512)
  })

  it("compares what has come, if that is less", async () => {
    assert.strictEqual((await operate(cdb(verify, compare, 4, 3), twoBlocks, nexus)).result, "good")
    const half = Buffer.concat([fill(1, 4), Buffer.alloc(100)])
    assert.strictEqual((await operate(cdb(verify, compare, 4, 2), half, nexus)).result, "good")
    assert.strictEqual((await operate(cdb(verify, compareOneBlock, 4, 2), undefined, nexus)).result, "good")
  })

  it("refuses protection information, the reserved BYTCHK, and what is not there", async () => {
    const refused = async (bytes: Buffer) => {
      const { action, result, sense } = await operate(bytes, undefined, nexus)
      assert.strictEqual(action, ScsiAction.none)
      return `${result} ${fieldPointer(sense) ?? ""}`.trim()
    }
    for (let protect = 1; protect < 8; protect++) {
      assert.strictEqual(await refused(cdb(verify, (protect << 5) | compare, 0, 1)), "5/24/00 field 1.7")
    }
    assert.strictEqual(await refused(cdb(verify, 0x04, 0, 1)), "5/24/00 field 1.2")
    assert.strictEqual(await refused(cdb(verify, 0, blocks - 1, 2)), "5/21/00")
    assert.strictEqual(await refused(cdb(verify, compare, blocks, 0)), "5/21/00")
    const large = quietNexus(nullDisk(2 ** 20))
    const { result, sense } = await operate(cdb(verify, compare, 0, 8193), undefined, large)
    assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", `field ${lengthByte}`])
    assert.strictEqual((await operate(cdb(verify, 0, 0, 8193), undefined, large)).result, "good")
  })

  it("does nothing for 0 blocks", async () => {
    assert.deepInclude(await operate(cdb(verify, compare, 3, 0), undefined, nexus), { action: 0, result: "good" })
  })
})

describe.each(forms)("WRITE AND VERIFY($name)", ({ cdb, lengthByte, write }) => {
  it("writes, whether it compares or not, and no more than has come", async () => {
    const disk = numbered()
    const nexus = quietNexus(disk)
    const model = contentOf(disk)
    assert.strictEqual((await operate(cdb(write, 0, 1, 2), fill(2, 0xaa), nexus)).result, "good")
    model.fill(0xaa, 512, 3 * 512)
    assert.strictEqual((await operate(cdb(write, compare, 7, 2), fill(2, 0xbb), nexus)).result, "good")
    model.fill(0xbb, 7 * 512, 9 * 512)
    assert.strictEqual((await operate(cdb(write, compare, 9, 2), fill(1, 0xcc), nexus)).result, "good")
    model.fill(0xcc, 9 * 512, 10 * 512)
    assert.strictEqual((await operate(cdb(write, 0, 20, 2), Buffer.alloc(200), nexus)).result, "good")
    assert.isTrue(contentOf(disk).equals(model))
  })

  it("notices data that has changed on its way", async () => {
    const disk = new ErrorBdev(numbered())
    disk.inject({
      ioType: "write",
      errorType: "corrupt_data",
      count: 1,
      queueDepth: 0,
      corruptOffset: 9,
      corruptValue: 1
    })
    const { result, task } = await operate(cdb(write, compare, 0, 1), fill(1, 7), quietNexus(disk))
    assert.deepStrictEqual([result, task.information], ["e/1d/00", 9])
  })

  it("refuses what WRITE refuses", async () => {
    const nexus = quietNexus(numbered())
    const resultOf = async (bytes: Buffer, at = nexus) => (await operate(bytes, fill(1, 1), at)).result
    assert.strictEqual(await resultOf(cdb(write, 0x20, 0, 1)), "5/24/00")
    assert.strictEqual(await resultOf(cdb(write, compareOneBlock, 0, 1)), "5/24/00")
    assert.strictEqual(await resultOf(cdb(write, 0, blocks, 1)), "5/21/00")
    const large = quietNexus(nullDisk(2 ** 20))
    const { result, sense } = await operate(cdb(write, 0, 0, 8193), undefined, large)
    assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", `field ${lengthByte}`])
    const readOnly = quietNexus(numbered())
    readOnly.readOnly = true
    assert.strictEqual(await resultOf(cdb(write, 0, 0, 1), readOnly), "7/27/00")
    assert.strictEqual(await resultOf(cdb(write, 0, 0, 0)), "good")
  })
})

describe("verification of a disk that fails", () => {
  const broken = (ioType: "read" | "write", errorType: "failure" | "nomem") => {
    const disk = new ErrorBdev(numbered())
    disk.inject({ ioType, errorType, count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
    return quietNexus(disk)
  }

  it("is a MEDIUM ERROR of reading or writing, or BUSY", async () => {
    const verify = (at = broken("read", "failure")) => operate(cdb10(0x2f, compare, 0, 1), fill(1, 0), at)
    assert.deepInclude(await verify(), { result: "3/11/00", ioStatus: IoStatus.mediumError })
    assert.strictEqual((await operate(cdb10(0x2f, 0, 0, 1), undefined, broken("read", "failure"))).result, "3/11/00")
    assert.strictEqual((await verify(broken("read", "nomem"))).result, "status 08")
    const write = (at = broken("write", "failure")) => operate(cdb10(0x2e, compare, 0, 1), fill(1, 0), at)
    assert.strictEqual((await write()).result, "3/0c/00")
    assert.strictEqual((await write(broken("read", "failure"))).result, "3/11/00")
  })

  it("is BUSY when there is no buffer to read into", async () => {
    const nexus = quietNexus(new ErrorBdev(numbered()))
    assert.strictEqual(
      (await operate(cdb10(0x2f, compare, 0, 1), fill(1, 0), nexus, { buffers: 0 })).result,
      "status 08"
    )
  })
})
