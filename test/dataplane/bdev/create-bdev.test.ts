/** Opening bdevs from plain values, or learning why the machine can't. */
import { assert, describe, it } from "vitest"
import { createBdev, type DeviceDefinition } from "../../../src/dataplane/bdev/create-bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { MemoryBudget } from "../../../src/dataplane/MemoryBudget.ts"
import { mallocSpec } from "./recorded-io.ts"

/** That all disks together may have: three quarters of a budget. */
const memoryOf = (bytes: number) => MemoryBudget.sized((bytes / 3) * 4).account("disks")

const base = { name: "Malloc0", incarnation: 7 }
const none = { openBase: () => undefined, random: () => 0, memory: memoryOf(3 * 2 ** 26) }
type BdevSpec = DeviceDefinition["spec"]

const delaySpec: BdevSpec = {
  _tag: "Delay",
  base,
  averageReadMicros: 1,
  p99ReadMicros: 2,
  averageWriteMicros: 3,
  p99WriteMicros: 4
}

const failureOf = (spec: BdevSpec) => {
  const result = createBdev({ name: "Malloc0", spec }, none)
  assert(result._tag === "BdevFailure")
  return result
}

describe("createBdev", () => {
  it("opens each kind", () => {
    const under = new MallocBdev(mallocSpec())
    const surroundings = { openBase: () => under, random: () => 0, memory: memoryOf(3 * 2 ** 26) }
    const specs: ReadonlyArray<BdevSpec> = [
      mallocSpec(),
      { _tag: "Null", blockCount: 1, blockSize: 4096, physicalBlockSize: 0 },
      delaySpec,
      { _tag: "Error", base }
    ]
    const products = specs.map((spec) => {
      const result = createBdev({ name: "x", spec }, surroundings)
      assert(result._tag === "BdevOpened")
      return result.bdev.productName
    })
    assert.deepStrictEqual(products, ["Malloc disk", "Null disk", "delay", "Error Injection Disk"])
  })

  it("asks for exactly the base that the specification names", () => {
    const asked: Array<unknown> = []
    const surroundings = {
      openBase: (ref: unknown) => {
        asked.push(ref)
        return undefined
      },
      random: () => 0,
      memory: memoryOf(3 * 2 ** 26)
    }
    const result = createBdev({ name: "EE_Malloc0", spec: { _tag: "Error", base } }, surroundings)
    assert.deepStrictEqual(asked, [base])
    assert.deepInclude(result, { _tag: "BdevFailure", code: "ENODEV" })
  })

  it("refuses a RAM disk larger than disks may be, and says how large that is", () => {
    const failure = failureOf(mallocSpec({ blockCount: 2 ** 40 }))
    assert.strictEqual(failure.code, "ENOMEM")
    assert.match(failure.detail, /Malloc0 needs 536870912 MiB of memory, and all disks together may have 192 MiB: /)
    assert.match(failure.detail, /--mem-size/)
  })

  it("refuses a RAM disk that does not fit beside the others, and says what is left", () => {
    const spec = mallocSpec({ blockCount: 2048 })
    const memory = memoryOf(3 * 2 ** 20)
    assert.isTrue(memory.take(2.5 * 2 ** 20))
    const result = createBdev({ name: "Malloc1", spec }, { ...none, memory })
    assert(result._tag === "BdevFailure")
    assert.strictEqual(result.code, "ENOMEM")
    assert.match(result.detail, /Malloc1 needs 1 MiB of memory, and 1 MiB are left of the 3 MiB that disks may have: /)
    assert.match(result.detail, /delete a disk/)
    assert.strictEqual(memory.used, 2.5 * 2 ** 20)
    assert.strictEqual(createBdev({ name: "Malloc1", spec: mallocSpec() }, none)._tag, "BdevOpened")
  })

  it("refuses sizes that no device can have", () => {
    const bad = [{ blockCount: 0 }, { blockSize: 0 }, { blockSize: 513 }, { blockCount: 2 ** 53 }]
    for (const changes of bad) assert.strictEqual(failureOf(mallocSpec(changes)).code, "EINVAL")
  })
})
