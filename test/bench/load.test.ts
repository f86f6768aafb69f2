/** The load generator does what it counts: the target has seen as many commands and bytes, however they are sent. */
import { Schema } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Lunlog, startLunlog } from "../support/initiator/lunlog.ts"
import { Histogram } from "./support/load/Histogram.ts"
import { startLoad } from "./support/load/LoadGenerator.ts"
import type { LoadOptions } from "./support/load/LoadOptions.ts"

const mebibyte = 1024 * 1024
const targetName = "iqn.2016-06.io.spdk:load"

const decodeStatistics = Schema.decodeUnknownSync(
  Schema.Struct({
    bdevs: Schema.Array(
      Schema.Struct({
        num_read_ops: Schema.Int,
        num_write_ops: Schema.Int,
        bytes_read: Schema.Int,
        bytes_written: Schema.Int
      })
    )
  })
)

describe("a histogram", () => {
  it("gives percentiles that are off by less than 2%", () => {
    const histogram = new Histogram()
    for (let micros = 1; micros <= 10_000; micros++) histogram.add(micros / 1000)
    const { max, mean, p50, p99, p999 } = histogram.latencies()
    assert.approximately(mean, 5000.5, 0.1)
    assert.approximately(p50, 5000, 100)
    assert.approximately(p99, 9900, 198)
    assert.approximately(p999, 9990, 200)
    assert.approximately(max, 10_000, 0.001)
  })

  it("has a bucket for everything, and none when it is empty", () => {
    const histogram = new Histogram()
    assert.strictEqual(histogram.percentile(0.5), 0)
    for (const millis of [0, 0.0001, 1e9]) histogram.add(millis)
    assert.strictEqual(histogram.count, 3)
    assert.strictEqual(histogram.percentile(0.3), 0)
    histogram.clear()
    assert.strictEqual(histogram.count, 0)
  })
})

describe("the load generator", () => {
  let lunlog: Lunlog

  beforeAll(async () => {
    lunlog = await startLunlog()
    await lunlog.createMalloc("Malloc0", 16)
    await lunlog.createMalloc("Malloc1", 16)
    await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0", 1: "Malloc1" } })
  })
  afterAll(() => lunlog[Symbol.asyncDispose]())

  /** What the target says that it has done. */
  const counted = async () => {
    const { bdevs } = decodeStatistics(await lunlog.call("bdev_get_iostat"))
    const sum = (of: (bdev: (typeof bdevs)[number]) => number) => bdevs.reduce((total, bdev) => total + of(bdev), 0)
    return {
      operations: sum((bdev) => bdev.num_read_ops + bdev.num_write_ops),
      bytes: sum((bdev) => bdev.bytes_read + bdev.bytes_written)
    }
  }

  const options = (changes: Partial<LoadOptions>): LoadOptions => ({
    ...lunlog.endpoint,
    sessions: 1,
    queueDepth: 8,
    targets: [targetName],
    kind: "read",
    bytes: 4096,
    unitBytes: 16 * mebibyte,
    order: "random",
    ...changes
  })

  it.each([
    ["random reads of two sessions", { sessions: 2, queueDepth: 32 }],
    ["reads of several segments with digests", { bytes: 512 * 1024, digests: true, order: "sequential" }],
    ["writes that come with their data", { kind: "write", queueDepth: 32 }],
    ["large writes, asked for by R2T", { kind: "write", bytes: mebibyte, order: "sequential" }],
    ["large writes with digests and small segments", { kind: "write", bytes: mebibyte, digests: true, queueDepth: 4 }],
    ["writes without immediate data", { kind: "write", keys: { ImmediateData: "No" } }],
    ["reads of two LUNs in turns", { luns: [0, 1] }],
    ["more lanes than the command window has places", { queueDepth: 300 }]
  ] as const)("does %s", async (_, changes) => {
    const before = await counted()
    await using load = await startLoad(options(changes))
    const reports = [await load.run(0.1), await load.run(0)]
    const after = await counted()
    const sessions = "sessions" in changes ? changes.sessions : 1
    const operations = reports.reduce((sum, report) => sum + report.operations, 0)
    const bytes = "bytes" in changes ? changes.bytes : 4096
    assert.isAbove(operations, 2 * sessions)
    assert.deepStrictEqual(
      reports.map(({ errors }) => errors),
      [0, 0]
    )
    assert.strictEqual(after.operations - before.operations, operations)
    assert.strictEqual(after.bytes - before.bytes, operations * bytes)
    assert.isAbove(reports[0]?.latency.p50 ?? 0, 0)
  })

  it("says that a login is refused", async () => {
    const refused = await startLoad(options({ targets: ["iqn.2016-06.io.spdk:none"] })).then(
      () => "started",
      (error: Error) => error.message
    )
    assert.match(refused, /refused with status 20[0-9a-f]h/)
  })
})
