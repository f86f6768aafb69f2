/** UNMAP (SBC-3 5.28): its parameter list is taken as a whole or not at all. */
import { assert, describe, it } from "vitest"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { makeRandom, runSeed } from "../../../support/initiator/random.ts"
import { mallocSpec, okIo } from "../../bdev/recorded-io.ts"
import { fieldPointer, nullDisk, quietNexus } from "../scsi-fixture.ts"
import { cdb10, operate } from "./operation-run.ts"

type Extent = readonly [lba: number | bigint, blocks: number]

const cdb = (length: number, flags = 0): Buffer => {
  const bytes = cdb10(0x42, flags, 0, 0)
  bytes.writeUInt16BE(length, 7)
  return bytes
}

const listOf = (extents: ReadonlyArray<Extent>): Buffer => {
  const list = Buffer.alloc(8 + extents.length * 16)
  list.writeUInt16BE(list.length - 2, 0)
  list.writeUInt16BE(list.length - 8, 2)
  extents.forEach(([lba, blocks], index) => {
    list.writeBigUInt64BE(BigInt(lba), 8 + index * 16)
    list.writeUInt32BE(blocks, 16 + index * 16)
  })
  return list
}

const blocks = 64
const fullDisk = (): MallocBdev => {
  const disk = new MallocBdev(mallocSpec({ blockCount: blocks }))
  disk.write(0, Buffer.alloc(blocks * 512, 1), 0, blocks * 512, false, okIo)
  return disk
}
/** One character per block: `.` where it is unmapped. */
const mapOf = (disk: MallocBdev): string => {
  const content = Buffer.alloc(blocks * 512)
  disk.read(0, content, 0, content.length, okIo)
  return Array.from({ length: blocks }, (_, block) => (content[block * 512] === 0 ? "." : "x")).join("")
}
const unmap = async (extents: ReadonlyArray<Extent>, disk = fullDisk()) => {
  const list = listOf(extents)
  const outcome = await operate(cdb(list.length), list, quietNexus(disk))
  return { ...outcome, map: mapOf(disk) }
}

const untouched = "x".repeat(blocks)

describe("UNMAP", () => {
  it("lets others have their turn between descriptors of many blocks, and not between those of few", async () => {
    const disk = new MallocBdev(mallocSpec({ blockCount: 1024 * 1024 }))
    const turnsOf = async (each: number): Promise<number> => {
      const list = listOf(Array.from({ length: 16 }, (_, index) => [index * each, each] as const))
      const { result, turns } = await operate(cdb(list.length), list, quietNexus(disk))
      assert.strictEqual(result, "good")
      return turns
    }
    assert.isAtLeast(await turnsOf(32_768), 15)
    assert.strictEqual(await turnsOf(8), 0)
  })

  it("unmaps what its descriptors name, also where they overlap or name nothing", async () => {
    const { map, result } = await unmap([
      [2, 3],
      [4, 4],
      [60, 4],
      [blocks, 0],
      [10, 0],
      [2, 3]
    ])
    assert.deepStrictEqual([result, map], ["good", `xx${".".repeat(6)}${"x".repeat(52)}....`])
  })

  it("does nothing of a list with one range beyond the end", async () => {
    for (const extent of [
      [60, 5],
      [blocks, 1],
      [blocks + 1, 0],
      [2n ** 63n, 1],
      [2n ** 64n - 1n, 0xffffffff]
    ] as const) {
      const { map, result } = await unmap([[0, 4], extent])
      assert.deepStrictEqual([result, map], ["5/21/00", untouched])
    }
  })

  it("takes no list, and one without descriptors", async () => {
    const nexus = quietNexus(fullDisk())
    assert.strictEqual((await operate(cdb(0), undefined, nexus)).result, "good")
    assert.strictEqual((await operate(cdb(8), listOf([]), nexus)).result, "good")
  })

  it("refuses a list that is cut", async () => {
    const disk = fullDisk()
    const list = listOf([[0, 4]])
    const result = async (length: number, data: Buffer) => (await operate(cdb(length), data, quietNexus(disk))).result
    assert.strictEqual(await result(7, list), "5/1a/00")
    assert.strictEqual(await result(20, list), "5/1a/00")
    assert.strictEqual(await result(24, list.subarray(0, 20)), "5/1a/00")
    assert.strictEqual(await result(24, Buffer.alloc(0)), "5/1a/00")
    list.writeUInt16BE(17, 2)
    assert.strictEqual(await result(24, list), "5/1a/00")
    assert.strictEqual(mapOf(disk), untouched)
  })

  it("ignores what is no whole descriptor at the end", async () => {
    const disk = fullDisk()
    const list = Buffer.concat([listOf([[0, 4]]), Buffer.alloc(15, 0xff)])
    list.writeUInt16BE(31, 2)
    assert.strictEqual((await operate(cdb(39), list, quietNexus(disk))).result, "good")
    assert.strictEqual(mapOf(disk), `....${"x".repeat(60)}`)
  })

  it("keeps the limits of the block limits page, and points at what is beyond", async () => {
    const large = quietNexus(nullDisk(2 ** 32))
    const answer = async (extents: ReadonlyArray<Extent>) => {
      const list = listOf(extents)
      const { result, sense } = await operate(cdb(list.length), list, large)
      return `${result} ${fieldPointer(sense) ?? ""}`.trim()
    }
    assert.strictEqual(await answer([[0, 2 ** 20]]), "good")
    assert.strictEqual(await answer([[0, 2 ** 20 + 1]]), "5/26/00 parameter 16")
    const halves = [
      [0, 2 ** 19],
      [5, 2 ** 19],
      [0, 1]
    ] as const
    assert.strictEqual(await answer(halves), "5/26/00 parameter 48")
    assert.strictEqual(await answer(Array.from({ length: 256 }, () => [0, 1] as const)), "good")
    assert.strictEqual(await answer(Array.from({ length: 257 }, () => [0, 0] as const)), "5/26/00 parameter 2")
  })

  it("refuses ANCHOR, and to change a write protected medium", async () => {
    const list = listOf([[0, 4]])
    const { result, sense } = await operate(cdb(24, 1), list, quietNexus(fullDisk()))
    assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 1.0"])
    const readOnly = quietNexus(fullDisk())
    readOnly.readOnly = true
    assert.strictEqual((await operate(cdb(24), list, readOnly)).result, "7/27/00")
  })

  it("ends with a status, whatever the list is", async () => {
    const random = makeRandom(runSeed(42))
    const nexus = quietNexus(nullDisk(2 ** 24))
    for (let round = 0; round < 2000; round++) {
      const list = random.chance(0.5)
        ? random.bytes(random.below(200))
        : listOf(Array.from({ length: random.below(8) }, () => [random.below(2 ** 25), random.below(2 ** 18)] as const))
      const length = random.chance(0.7) ? list.length : random.below(400)
      const { result } = await operate(cdb(length), list, nexus)
      assert.match(result, /^(good|5\/(1a|21|26)\/00)$/)
    }
  })
})
