/** WRITE SAME(10) and (16) (SBC-3 5.43, 5.44). */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { NullBdev } from "../../../../src/dataplane/bdev/memory/NullBdev.ts"
import { ErrorBdev } from "../../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { turnWorkBytes } from "../../../../src/dataplane/limits.ts"
import { mallocSpec, okIo, runAt } from "../../bdev/recorded-io.ts"
import { fieldPointer, nullDisk, quietNexus } from "../scsi-fixture.ts"
import { cdb10, cdb16, operate } from "./operation-run.ts"

const forms = [
  { name: "10", cdb: cdb10, opcode: 0x41, lengthByte: 7 },
  { name: "16", cdb: cdb16, opcode: 0x93, lengthByte: 10 }
] as const
const unmap = 0x08
const noData = 0x01
const block = (byte: number): Buffer => Buffer.alloc(512, byte)

const diskOf = (byte: number, blocks = 300): MallocBdev => {
  const disk = new MallocBdev(mallocSpec({ blockCount: blocks }))
  disk.write(0, Buffer.alloc(blocks * 512, byte), 0, blocks * 512, false, okIo)
  return disk
}
const contentOf = (disk: MallocBdev): Buffer => {
  const content = Buffer.alloc(disk.blockCount * 512)
  disk.read(0, content, 0, content.length, okIo)
  return content
}

describe.each(forms)("WRITE SAME($name)", ({ cdb, lengthByte, opcode }) => {
  it("writes the block over and over, and nothing beside", async () => {
    const disk = diskOf(1)
    const pattern = Buffer.from(Array.from({ length: 512 }, (_, at) => (at * 7 + 1) & 0xff))
    const { result, task } = await operate(cdb(opcode, 0, 100, 60), pattern, quietNexus(disk))
    assert.deepStrictEqual([result, task.dataOutLength], ["good", 512])
    const model = Buffer.alloc(300 * 512, 1)
    for (let at = 100; at < 160; at++) pattern.copy(model, at * 512)
    assert.isTrue(contentOf(disk).equals(model))
  })

  it("goes to the end of the medium for 0 blocks", async () => {
    const disk = diskOf(1)
    assert.strictEqual((await operate(cdb(opcode, 0, 290, 0), block(9), quietNexus(disk))).result, "good")
    assert.isTrue(contentOf(disk).equals(Buffer.concat([Buffer.alloc(290 * 512, 1), Buffer.alloc(10 * 512, 9)])))
  })

  it("unmaps, with a block or without, and clears for a block of zeros", async () => {
    for (const [flags, data] of [
      [unmap, block(0)],
      [unmap, block(0xff)],
      [unmap, Buffer.alloc(0)],
      [0, block(0)]
    ] as const) {
      const disk = diskOf(1)
      assert.strictEqual((await operate(cdb(opcode, flags, 0, 256), data, quietNexus(disk))).result, "good")
      assert.strictEqual(disk.provisioning.allocatedBytes, 64 * 1024)
      assert.strictEqual(runAt(disk, 0, 300 * 512), -256 * 512)
    }
  })

  it("takes exactly one block", async () => {
    for (const [flags, bytes] of [
      [0, 0],
      [0, 256],
      [0, 1024],
      [unmap, 256],
      [unmap, 1024]
    ] as const) {
      const disk = diskOf(1)
      const { result, sense } = await operate(cdb(opcode, flags, 0, 4), Buffer.alloc(bytes), quietNexus(disk))
      assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", `field ${lengthByte}`])
      assert.isTrue(contentOf(disk).every((byte) => byte === 1))
    }
  })

  it("refuses what it does not do, and a unit that is not thin refuses to unmap", async () => {
    const refused = async (bytes: Buffer, nexus = quietNexus(diskOf(1))) => {
      const { result, sense } = await operate(bytes, block(1), nexus)
      return `${result} ${fieldPointer(sense) ?? ""}`.trim()
    }
    assert.strictEqual(await refused(cdb(opcode, 0x20, 0, 1)), "5/24/00 field 1.7")
    assert.strictEqual(await refused(cdb(opcode, 0x10, 0, 1)), "5/24/00 field 1.4")
    assert.strictEqual(await refused(cdb(opcode, 0x18, 0, 1)), "5/24/00 field 1.4")
    assert.strictEqual(await refused(cdb(opcode, 0x04, 0, 1)), "5/24/00 field 1.2")
    assert.strictEqual(await refused(cdb(opcode, 0x02, 0, 1)), "5/24/00 field 1.1")
    assert.strictEqual(await refused(cdb(opcode, 0, 299, 2)), "5/21/00")
    assert.strictEqual(await refused(cdb(opcode, 0, 300, 0)), "5/21/00")
    const full = quietNexus(Object.assign(Object.create(nullDisk(300)), { thin: false }))
    assert.strictEqual(await refused(cdb(opcode, unmap, 0, 1), full), "5/24/00 field 1.3")
    const large = quietNexus(nullDisk(2 ** 20))
    assert.strictEqual(await refused(cdb(opcode, 0, 0, 0), large), `5/24/00 field ${lengthByte}`)
    assert.strictEqual(await refused(cdb(opcode, 0, 0, 0xffff), large), "good")
    const readOnly = quietNexus(diskOf(1))
    readOnly.readOnly = true
    assert.strictEqual(await refused(cdb(opcode, 0, 0, 1), readOnly), "7/27/00")
    full.readOnly = true
    assert.strictEqual(await refused(cdb(opcode, unmap, 0, 1), full), "7/27/00")
  })
})

describe("WRITE SAME(16) with NDOB", () => {
  it("writes zeros, or unmaps, and takes no data", async () => {
    for (const flags of [noData, noData | unmap]) {
      const disk = diskOf(1)
      const { result, task } = await operate(cdb16(0x93, flags, 1, 3), undefined, quietNexus(disk))
      assert.deepStrictEqual([result, task.dataOutLength], ["good", 0])
      assert.isTrue(contentOf(disk).subarray(512, 2048).equals(Buffer.alloc(1536)))
    }
  })
})

describe("a long WRITE SAME", () => {
  it("lets others have the event loop in between", async () => {
    const nexus = quietNexus(new NullBdev({ _tag: "Null", blockCount: 65535, blockSize: 4096, physicalBlockSize: 0 }))
    const turns = Math.ceil((65535 * 4096) / turnWorkBytes) - 1
    const pattern = await operate(cdb16(0x93, 0, 0, 65535), Buffer.alloc(4096, 1), nexus)
    assert.deepStrictEqual([pattern.result, pattern.turns], ["good", turns])
    const zeros = await operate(cdb16(0x93, 0, 0, 65535), Buffer.alloc(4096), nexus)
    assert.deepStrictEqual([zeros.result, zeros.turns], ["good", turns])
  })

  it("ends before its next step when nobody waits for it, and when the disk has shrunk", async () => {
    const disk = new NullBdev({ _tag: "Null", blockCount: 65535, blockSize: 4096, physicalBlockSize: 0 })
    const run = (beforeStep: (step: number) => boolean) =>
      operate(cdb16(0x93, 0, 0, 65535), Buffer.alloc(4096, 1), quietNexus(disk), { beforeStep })
    assert.deepInclude(await run((step) => step === 3), { ioStatus: IoStatus.aborted, turns: 3 })
    const shrink = (step: number): boolean => {
      if (step === 3) disk.resize(100)
      return false
    }
    assert.deepInclude(await run(shrink), { result: "5/21/00", turns: 3 })
  })

  it("fails as its disk does, and is BUSY without a buffer", async () => {
    const broken = (ioType: "write" | "unmap", errorType: "failure" | "nomem") => {
      const disk = new ErrorBdev(diskOf(1))
      disk.inject({ ioType, errorType, count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
      return quietNexus(disk)
    }
    const result = async (flags: number, byte: number, nexus = quietNexus(diskOf(1)), buffers = 8) =>
      (await operate(cdb10(0x41, flags, 0, 4), block(byte), nexus, { buffers })).result
    assert.strictEqual(await result(0, 5, broken("write", "failure")), "3/0c/00")
    assert.strictEqual(await result(0, 0, broken("write", "nomem")), "status 08")
    assert.strictEqual(await result(unmap, 0, broken("unmap", "failure")), "3/0c/00")
    assert.strictEqual(await result(0, 5, undefined, 0), "status 08")
  })
})
