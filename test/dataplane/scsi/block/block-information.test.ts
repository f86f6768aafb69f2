/** GET LBA STATUS (SBC-3 5.4), PRE-FETCH (5.7, 5.8) and READ DEFECT DATA (5.17, 5.18). */
import { assert, describe, it } from "vitest"
import type { RunFound } from "../../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { mallocSpec, okIo } from "../../bdev/recorded-io.ts"
import { nullDisk, quietNexus, run } from "../scsi-fixture.ts"
import { cdb10, cdb12, cdb16, operate } from "./operation-run.ts"

const cached = (blockCount: number) => Object.assign(Object.create(nullDisk(blockCount)), { writeCache: true })

describe("GET LBA STATUS(16)", () => {
  const status = async (lba: number, allocationLength: number, nexus = quietNexus()) => {
    const { data, result, turns } = await operate(cdb16(0x9e, 0x12, lba, allocationLength), undefined, nexus)
    const runs: Array<readonly [lba: number, blocks: number, status: number]> = []
    for (let at = 8; at + 16 <= data.length; at += 16) {
      runs.push([Number(data.readBigUInt64BE(at)), data.readUInt32BE(at + 8), data[at + 12] ?? -1])
    }
    return { result, runs, turns, length: data.length === 0 ? 0 : data.readUInt32BE(0) }
  }

  it("tells mapped blocks from others, from the LBA on, in as many descriptors as there is room for", async () => {
    const disk = new MallocBdev(mallocSpec({ blockCount: 1000 }))
    const nexus = quietNexus(disk)
    disk.write(10 * 512, Buffer.alloc(5 * 512, 1), 0, 5 * 512, false, okIo)
    disk.write(600 * 512, Buffer.alloc(512, 1), 0, 512, false, okIo)
    const all: ReadonlyArray<readonly [number, number, number]> = [
      [0, 10, 1],
      [10, 5, 0],
      [15, 585, 1],
      [600, 1, 0],
      [601, 399, 1]
    ]
    assert.deepInclude(await status(0, 4096, nexus), { runs: [...all], length: 4 + 5 * 16 })
    assert.deepStrictEqual((await status(12, 24, nexus)).runs, [[12, 3, 0]])
    assert.deepStrictEqual((await status(0, 24 + 16, nexus)).runs, all.slice(0, 2))
    assert.deepStrictEqual((await status(0, 12, nexus)).length, 20)
    assert.strictEqual((await status(0, 0, nexus)).result, "good")
  })

  it("knows that a disk of nothing has nothing, and takes a file for mapped, however large", async () => {
    const nothing = quietNexus(nullDisk(2 ** 40))
    assert.deepStrictEqual((await status(5, 24, nothing)).runs, [[5, 0xffffffff, 1]])
    assert.strictEqual((await status(5, 0xffffffff, nothing)).runs.length, 255)
    const file = Object.assign(Object.create(nullDisk(100)), {
      mappedRun: (_at: number, bytes: number, found: RunFound) => found(bytes)
    })
    assert.deepStrictEqual((await status(5, 4096, quietNexus(file))).runs, [[5, 95, 0]])
  })

  it("waits for a disk that answers later", async () => {
    const later = Object.assign(Object.create(nullDisk(100)), {
      mappedRun: (at: number, bytes: number, found: RunFound) =>
        setImmediate(() => found(at % 5120 < 2560 ? Math.min(bytes, 2560) : -Math.min(bytes, 2560)))
    })
    const { runs } = await status(5, 24 + 2 * 16, quietNexus(later))
    assert.deepStrictEqual(runs, [
      [5, 5, 1],
      [10, 5, 0],
      [15, 5, 1]
    ])
    assert.lengthOf((await status(0, 4096, quietNexus(later))).runs, 20)
  })

  it("refuses an LBA beyond the end", async () => {
    assert.strictEqual((await status(2048, 24)).result, "5/21/00")
    assert.strictEqual((await status(2 ** 63, 24)).result, "5/21/00")
  })

  it("looks at what a large disk holds in several turns, and at what it does not at once", async () => {
    const blockCount = 2 ** 17
    const disk = new MallocBdev(mallocSpec({ blockCount }))
    const runs: Array<readonly [number, number, number]> = [[0, blockCount, 1]]
    assert.deepInclude(await status(0, 4096, quietNexus(disk)), { runs, turns: 0 })
    disk.write(0, Buffer.alloc(blockCount * 512), 0, blockCount * 512, false, okIo)
    assert.deepInclude(await status(0, 4096, quietNexus(disk)), { runs, turns: 30 })
  })
})

describe.each([
  { name: "10", cdb: cdb10, opcode: 0x34 },
  { name: "16", cdb: cdb16, opcode: 0x90 }
])("PRE-FETCH($name)", ({ cdb, opcode }) => {
  it("is CONDITION MET where the medium is memory, and GOOD elsewhere", () => {
    for (const flags of [0, 2]) {
      assert.strictEqual(run(cdb(opcode, flags, 0, 8)).result, "status 04")
      assert.strictEqual(run(cdb(opcode, flags, 0, 8), quietNexus(cached(8))).result, "good")
    }
    assert.strictEqual(run(cdb(opcode, 0, 0, 0)).result, "status 04")
  })

  it("refuses blocks that are not there", () => {
    assert.strictEqual(run(cdb(opcode, 0, 2047, 2)).result, "5/21/00")
    assert.strictEqual(run(cdb(opcode, 0, 2048, 0)).result, "5/21/00")
  })
})

describe("READ DEFECT DATA", () => {
  it("has empty lists, of the kind and in the format that was asked for", () => {
    const ask10 = (lists: number, length: number) => {
      const cdb = cdb10(0x37, 0, 0, length)
      cdb[2] = lists
      return run(cdb).data.toString("hex")
    }
    assert.strictEqual(ask10(0x1d, 100), "001d0000")
    assert.strictEqual(ask10(0x08, 2), "0008")
    assert.strictEqual(run(cdb12(0xb7, 0x1b, 0, 100)).data.toString("hex"), "001b000000000000")
    assert.strictEqual(run(cdb12(0xb7, 0x00, 0, 4)).data.toString("hex"), "00000000")
  })
})
