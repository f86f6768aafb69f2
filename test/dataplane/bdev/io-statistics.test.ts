/** Counters of IO: what is added up, and what a reset leaves. */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { IoKind } from "../../../src/dataplane/bdev/statistics/IoCounts.ts"
import { IoStatistics } from "../../../src/dataplane/bdev/statistics/IoStatistics.ts"

const none = { ops: 0, bytes: 0, latencyNanos: 0, latencyMaxNanos: 0, latencyMinNanos: 0 }
const noErrors = { failed: 0, aborted: 0, noMemory: 0 }

const counted = (): IoStatistics => {
  const statistics = new IoStatistics()
  statistics.ended(IoKind.read, 4096, 0.25, IoStatus.ok)
  statistics.ended(IoKind.read, 512, 1, IoStatus.ok)
  statistics.ended(IoKind.write, 1024, 0.5, IoStatus.ok)
  statistics.ended(IoKind.read, 512, 9, IoStatus.failed)
  statistics.ended(IoKind.write, 512, 9, IoStatus.noMemory)
  statistics.ended(IoKind.flush, 0, 9, IoStatus.aborted)
  return statistics
}

const reads = { ops: 2, bytes: 4608, latencyNanos: 1_250_000, latencyMaxNanos: 1_000_000, latencyMinNanos: 250_000 }

describe("the counters of IO", () => {
  it("begin at 0", () => {
    assert.deepStrictEqual(new IoStatistics().report(), {
      read: none,
      write: none,
      unmap: none,
      flush: none,
      errors: noErrors
    })
  })

  it("add up IOs, bytes and latencies, and errors by themselves", () => {
    const { errors, flush, read, write } = counted().report()
    assert.deepStrictEqual(read, reads)
    assert.deepInclude(write, { ops: 1, bytes: 1024, latencyMaxNanos: 500_000, latencyMinNanos: 500_000 })
    assert.deepStrictEqual(flush, none)
    assert.deepStrictEqual(errors, { failed: 1, aborted: 1, noMemory: 1 })
  })

  it("count every error, whatever its reason", () => {
    const statistics = new IoStatistics()
    for (const status of Object.values(IoStatus)) statistics.ended(IoKind.write, 512, 1, status)
    assert.deepStrictEqual(statistics.report().errors, { failed: 5, aborted: 1, noMemory: 1 })
  })

  it("begin anew as far as a reset says", () => {
    const afterReset = (mode: "all" | "maxmin" | "error" | "none") => {
      const statistics = counted()
      statistics.reset(mode)
      return statistics.report()
    }
    assert.deepStrictEqual(afterReset("none"), counted().report())
    assert.deepStrictEqual(afterReset("all"), new IoStatistics().report())
    assert.deepStrictEqual(afterReset("error"), { ...counted().report(), errors: noErrors })
    assert.deepStrictEqual(afterReset("maxmin").read, { ...reads, latencyMaxNanos: 0, latencyMinNanos: 0 })
    assert.strictEqual(afterReset("maxmin").errors.failed, 1)
  })

  it("find new extremes after a reset of them, also a slower one than all before", () => {
    const statistics = counted()
    statistics.reset("maxmin")
    statistics.ended(IoKind.read, 512, 7, IoStatus.ok)
    statistics.ended(IoKind.read, 512, 3, IoStatus.ok)
    const { read } = statistics.report()
    assert.deepInclude(read, { ops: 4, latencyMaxNanos: 7_000_000, latencyMinNanos: 3_000_000 })
  })

  it("keep a histogram of all IO or of one kind, errors too, as long as it is wanted", () => {
    const settings = { granularity: 7, minNanos: 0, maxNanos: 2 ** 40 }
    const statistics = new IoStatistics()
    const total = () => statistics.histogram?.countsBetween([])[0]
    assert.isUndefined(total())
    for (const [kind, count] of [
      [undefined, 3],
      [IoKind.write, 1],
      [IoKind.other, 0]
    ] as const) {
      statistics.keepHistogram(settings, kind)
      statistics.ended(IoKind.read, 512, 1, IoStatus.ok)
      statistics.ended(IoKind.read, 512, 1, IoStatus.failed)
      statistics.ended(IoKind.write, 512, 1, IoStatus.ok)
      assert.strictEqual(total(), count)
    }
    statistics.keepHistogram(undefined, undefined)
    assert.isUndefined(statistics.histogram)
  })
})
