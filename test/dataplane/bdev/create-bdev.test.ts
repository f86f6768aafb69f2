/** Opening bdevs from plain values, or learning why the machine can't. */
import { totalmem } from "node:os"
import { assert, describe, it } from "vitest"
import { createBdev, type DeviceDefinition } from "../../../src/dataplane/bdev/create-bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { mallocSpec } from "./recorded-io.ts"

const base = { name: "Malloc0", incarnation: 7 }
const none = { openBase: () => undefined, random: () => 0, mallocBytes: () => 0 }
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
    const surroundings = { openBase: () => under, random: () => 0, mallocBytes: () => 0 }
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
      mallocBytes: () => 0
    }
    const result = createBdev({ name: "EE_Malloc0", spec: { _tag: "Error", base } }, surroundings)
    assert.deepStrictEqual(asked, [base])
    assert.deepInclude(result, { _tag: "BdevFailure", code: "ENODEV" })
  })

  it("refuses a RAM disk larger than the machine's memory, and says how large it may be", () => {
    const failure = failureOf(mallocSpec({ blockCount: 2 ** 40 }))
    assert.strictEqual(failure.code, "ENOMEM")
    assert.match(failure.detail, /bdev Malloc0 needs 536870912 MiB of \d+ MiB memory/)
  })

  it("refuses a RAM disk that does not fit beside the others, and says what they have", () => {
    const spec = mallocSpec({ blockCount: 2048 })
    const surroundings = { ...none, mallocBytes: () => totalmem() - 2 ** 19 }
    const result = createBdev({ name: "Malloc1", spec }, surroundings)
    assert(result._tag === "BdevFailure")
    assert.strictEqual(result.code, "ENOMEM")
    assert.match(result.detail, /Malloc1 needs 1 MiB of \d+ MiB memory, and RAM disks have \d+ MiB of it: .*delete one/)
    assert.strictEqual(createBdev({ name: "Malloc1", spec: mallocSpec() }, none)._tag, "BdevOpened")
  })

  it("refuses sizes that no device can have", () => {
    const bad = [{ blockCount: 0 }, { blockSize: 0 }, { blockSize: 513 }, { blockCount: 2 ** 53 }]
    for (const changes of bad) assert.strictEqual(failureOf(mallocSpec(changes)).code, "EINVAL")
  })
})
