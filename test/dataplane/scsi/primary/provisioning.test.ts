/** What a thin disk tells of its use, and soft thresholds (SBC-3 4.7.3.8, 6.4.5, 6.5.9). */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import type { Nexus } from "../../../../src/dataplane/scsi/Nexus.ts"
import { SenseCode } from "../../../../src/dataplane/scsi/sense-codes.ts"
import { fieldPointer, nullDisk, quietNexus, run, runWithData } from "../scsi-fixture.ts"

const granule = 64 * 1024
const io = { ioDone: (status: IoStatus) => assert.strictEqual(status, IoStatus.ok) }

/** 16 granules of 128 blocks. */
const thinNexus = (): Nexus =>
  quietNexus(
    new MallocBdev({ _tag: "Malloc", blockCount: 2048, blockSize: 512, physicalBlockSize: 0, optimalIoBoundary: 0 })
  )
const write = ({ unit }: Nexus, granules: number, count = 1) =>
  unit.bdev.write(granules * granule, Buffer.alloc(count * granule, 1), 0, count * granule, false, io)
const unmap = ({ unit }: Nexus, granules: number) => unit.bdev.unmap(granules * granule, granule, io)

const u32 = (value: number) => value.toString(16).padStart(8, "0")
const page = (available: readonly [string, number], used: readonly [string, number]) =>
  `5c02001c ${"00".repeat(12)} ${available[0]}010000 ${u32(available[1])} ${used[0]}020000 ${u32(used[1])}`
const reporting = `010a00000000008000000000`
const setThresholds = (nexus: Nexus, list: string) => {
  const bytes = `00000000 ${list}`.replaceAll(" ", "")
  return runWithData(`15 10 0000 ${(bytes.length / 2).toString(16).padStart(2, "0")} 00`, bytes, nexus).result
}
const logPage = (nexus: Nexus) => run("4d 00 4c 00 00 0000 1000 00", nexus).data.toString("hex")
const conditions = (nexus: Nexus): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let result = run("00", nexus).result; result !== "good"; result = run("00", nexus).result) found.push(result)
  return found
}

describe("the use of a thin disk", () => {
  it("is told in threshold sets of a granule", () => {
    const nexus = thinNexus()
    const expected = (available: number, used: number) =>
      `8c000018 00010308${u32(available)}01000000 00020308${u32(used)}01000000`.replaceAll(" ", "")
    assert.strictEqual(run("12 01 b2 00 ff 00", nexus).data[4], 7, "2^7 blocks")
    assert.strictEqual(logPage(nexus), expected(16, 0))
    write(nexus, 3, 2)
    assert.strictEqual(logPage(nexus), expected(14, 2))
    unmap(nexus, 3)
    assert.strictEqual(logPage(nexus), expected(15, 1))
  })

  it("is nothing that a disk tells which does not know", () => {
    const nexus = quietNexus(nullDisk(2048))
    assert.strictEqual(run("12 01 b2 00 ff 00", nexus).data[4], 0)
    assert.strictEqual(run("4d 00 4c 00 00 0000 1000 00", nexus).result, "5/24/00")
    assert.strictEqual(run("1a 08 1c 02 ff 00", nexus).result, "5/24/00")
    assert.strictEqual(setThresholds(nexus, reporting), "5/26/00")
  })

  it("has threshold sets of at least two blocks, whatever a block is", () => {
    const nexus = quietNexus(
      new MallocBdev({ _tag: "Malloc", blockCount: 4, blockSize: 262144, physicalBlockSize: 0, optimalIoBoundary: 0 })
    )
    assert.strictEqual(run("12 01 b2 00 ff 00", nexus).data[4], 1)
  })
})

describe("soft thresholds", () => {
  it("have a mode page with one of each kind, off by default", () => {
    const nexus = thinNexus()
    const off = page(["00", 0], ["01", 0]).replaceAll(" ", "")
    assert.strictEqual(run("1a 08 1c 02 ff 00", nexus).data.toString("hex").slice(8), off)
    const mask = `5c02001c${"00".repeat(12)}80000000ffffffff80000000ffffffff`
    assert.strictEqual(run("1a 08 5c 02 ff 00", nexus).data.toString("hex").slice(8), mask)
    assert.strictEqual(run("1a 08 41 00 ff 00", nexus).data.toString("hex").slice(8), reporting)
  })

  it("tell every initiator once, when as much is used, and again after that has changed", () => {
    const nexus = thinNexus()
    const other = nexus.unit.attach()
    other.take(true)
    assert.strictEqual(setThresholds(nexus, `${reporting} ${page(["00", 0], ["81", 3])}`), "good")
    assert.deepStrictEqual(conditions(other), ["6/2a/01"])
    write(nexus, 0, 2)
    assert.deepStrictEqual(conditions(nexus), [])
    write(nexus, 2)
    write(nexus, 3)
    assert.deepStrictEqual([conditions(nexus), conditions(other)], [["6/38/07"], ["6/38/07"]])
    write(nexus, 4)
    assert.deepStrictEqual(conditions(nexus), [])
    for (const each of [2, 3, 4]) unmap(nexus, each)
    write(nexus, 5)
    assert.deepStrictEqual(conditions(nexus), ["6/38/07"])
  })

  it("tell of what is left", () => {
    const nexus = thinNexus()
    assert.strictEqual(setThresholds(nexus, `${reporting} ${page(["80", 4], ["01", 0])}`), "good")
    write(nexus, 0, 11)
    assert.deepStrictEqual(conditions(nexus), [])
    write(nexus, 11)
    assert.deepStrictEqual(conditions(nexus), ["6/38/07"])
  })

  it("tell nobody without LBPERE, of what was reached before, and after a reset", () => {
    const nexus = thinNexus()
    setThresholds(nexus, page(["00", 0], ["81", 2]))
    write(nexus, 0, 3)
    assert.deepStrictEqual(conditions(nexus), [])
    setThresholds(nexus, reporting)
    write(nexus, 3)
    assert.deepStrictEqual(conditions(nexus), [], "it had been reached")
    nexus.unit.reset(SenseCode.busDeviceResetFunctionOccurred)
    assert.deepStrictEqual(conditions(nexus), ["6/29/03"])
    for (const each of [0, 1, 2, 3]) unmap(nexus, each)
    write(nexus, 0, 5)
    assert.deepStrictEqual(conditions(nexus), [])
  })

  it("are forgotten with the unit: a disk keeps no unit that is gone", () => {
    const nexus = thinNexus()
    setThresholds(nexus, `${reporting} ${page(["00", 0], ["81", 3])}`)
    assert.strictEqual(nexus.unit.bdev.provisioning?.listeners.size, 1)
    nexus.unit.close()
    assert.strictEqual(nexus.unit.bdev.provisioning?.listeners.size, 0)
  })

  it("cannot be of another kind", () => {
    const nexus = thinNexus()
    const list = `00000000 ${page(["00", 0], ["80", 3])}`.replaceAll(" ", "")
    const { result, sense } = runWithData("15 10 0000 24 00", list, nexus)
    assert.deepStrictEqual([result, fieldPointer(sense)], ["5/26/00", "parameter 28.0"])
  })
})
