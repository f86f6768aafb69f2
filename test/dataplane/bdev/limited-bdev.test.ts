/** A bdev with rate limits, on a clock of the test's own. */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { type Bdev, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { IoStatistics } from "../../../src/dataplane/bdev/statistics/IoStatistics.ts"
import { CountingBdev } from "../../../src/dataplane/bdev/wrapper/CountingBdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LimitedBdev } from "../../../src/dataplane/bdev/wrapper/LimitedBdev.ts"
import type { RateLimits } from "../../../src/dataplane/bdev/wrapper/RateLimiter.ts"
import { RecordedIo } from "./recorded-io.ts"

const none: RateLimits = { readWriteIos: 0, readWriteBytes: 0, readBytes: 0, writeBytes: 0 }
const kibibyte = 1024

const ram = () =>
  new MallocBdev({ _tag: "Malloc", blockCount: 2048, blockSize: 512, physicalBlockSize: 0, optimalIoBoundary: 0 })

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
afterEach(() => {
  assert.strictEqual(vi.getTimerCount(), 0, "no timer is left")
  vi.useRealTimers()
})

const quick = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }
const slow = { averageReadMicros: 5e6, p99ReadMicros: 5e6, averageWriteMicros: 5e6, p99WriteMicros: 5e6 }

const setUp = (limits: Partial<RateLimits>) => {
  const disk = ram()
  const bdev = new LimitedBdev(disk, { ...none, ...limits })
  const order: Array<string> = []
  const submit = (name: string, isWrite: boolean, bytes = 512) => {
    const io = new RecordedIo()
    const noted = {
      ioDone: (status: IoStatus) => {
        order.push(name)
        io.ioDone(status)
      }
    }
    if (isWrite) bdev.write(0, Buffer.alloc(bytes, name), 0, bytes, false, noted)
    else bdev.read(0, Buffer.alloc(bytes), 0, bytes, noted)
    return { io: noted, recorded: io }
  }
  return { disk, bdev, order, submit }
}

describe("a limited bdev", () => {
  it("has its base's geometry and name, and hides its memory", () => {
    const { bdev } = setUp({ readWriteIos: 1000 })
    assert.deepInclude({ ...bdev, blockCount: bdev.blockCount }, { productName: "Malloc disk", blockCount: 2048 })
    assert.isUndefined(bdev.memory)
  })

  it("lets IO wait in its order, and runs all of it in time", () => {
    const { bdev, order, submit } = setUp({ readWriteIos: 1000 })
    const names = Array.from({ length: 120 }, (_, index) => String(index))
    for (const name of names) submit(name, Number(name) % 3 === 0)
    assert.lengthOf(order, 20)
    assert.strictEqual(bdev.waitingCount, 100)
    vi.advanceTimersByTime(50)
    assert.approximately(order.length, 70, 2)
    vi.advanceTimersByTime(60)
    assert.deepStrictEqual(order, names)
    assert.strictEqual(bdev.waitingCount, 0)
    assert.strictEqual(bdev.delayedCount, 100)
  })

  it("does not let reads wait for a limit of writes, nor what comes later take the turn of what waits", () => {
    const { order, submit } = setUp({ writeBytes: 100 * kibibyte })
    submit("w0", true, 50 * kibibyte)
    submit("w1", true)
    submit("r0", false, 512 * kibibyte)
    submit("w2", true)
    assert.deepStrictEqual(order, ["w0", "r0"])
    vi.advanceTimersByTime(470)
    assert.deepStrictEqual(order, ["w0", "r0"])
    vi.advanceTimersByTime(30)
    submit("w3", true)
    assert.deepStrictEqual(order, ["w0", "r0", "w1", "w2", "w3"])
  })

  it("wakes for the kind that may go first", () => {
    const { order, submit } = setUp({ readBytes: 10 * kibibyte, writeBytes: 1000 * kibibyte })
    submit("r0", false, 100 * kibibyte)
    submit("r1", false)
    submit("w0", true, 100 * kibibyte)
    submit("w1", true)
    vi.advanceTimersByTime(100)
    assert.deepStrictEqual(order, ["r0", "w0", "w1"])
    vi.advanceTimersByTime(10_000)
    assert.deepStrictEqual(order, ["r0", "w0", "w1", "r1"])
  })

  it("goes by other limits at once, and lets everything go without any", () => {
    const { bdev, order, submit } = setUp({ readWriteBytes: kibibyte })
    for (const name of ["a", "b", "c"]) submit(name, true, 100 * kibibyte)
    assert.deepStrictEqual(order, ["a"])
    bdev.setLimits({ ...none, readWriteBytes: 1000 * kibibyte })
    vi.advanceTimersByTime(110)
    assert.deepStrictEqual(order, ["a", "b"])
    bdev.setLimits(none)
    assert.deepStrictEqual(order, ["a", "b", "c"])
    submit("d", true)
    assert.deepStrictEqual(order, ["a", "b", "c", "d"])
  })

  it("lets everything go when it is told to, and keeps its limits", () => {
    const { bdev, order, submit } = setUp({ readWriteBytes: kibibyte })
    for (const name of ["a", "b", "c"]) submit(name, name === "b", 100 * kibibyte)
    bdev.releaseAll()
    assert.deepStrictEqual(order, ["a", "b", "c"])
    submit("d", true)
    assert.strictEqual(bdev.waitingCount, 1)
    bdev.close()
  })

  it("ends an IO that has not begun when nobody waits for it, and does not do it", () => {
    const { bdev, disk, order, submit } = setUp({ readWriteBytes: kibibyte })
    submit("a", true, 100 * kibibyte)
    const { io, recorded } = submit("b", true)
    const last = submit("c", false)
    bdev.cancel(io)
    assert.deepStrictEqual(order, ["a", "b"])
    assert.deepStrictEqual(recorded.answers, [IoStatus.aborted])
    bdev.cancel(io)
    bdev.releaseAll()
    assert.deepStrictEqual(last.recorded.answers, [IoStatus.ok])
    assert.strictEqual(disk.memory?.toString("latin1", 0, 1), "a")
  })

  it("ends what waits as aborted when it is closed, and does not limit flushes", () => {
    const { bdev, submit } = setUp({ readWriteBytes: kibibyte })
    submit("a", true, 100 * kibibyte)
    const { recorded } = submit("b", true)
    const flush = new RecordedIo()
    bdev.flush(flush)
    assert.deepStrictEqual(flush.answers, [IoStatus.ok])
    bdev.close()
    assert.deepStrictEqual(recorded.answers, [IoStatus.aborted])
    vi.advanceTimersByTime(1000)
  })

  it.each<[string, (base: Bdev) => Bdev]>([
    ["a delay bdev", (base) => new DelayBdev(quick, base, Math.random)],
    ["a slow delay bdev", (base) => new DelayBdev(slow, base, Math.random)],
    ["an error bdev", (base) => new ErrorBdev(base)],
    ["a bdev that counts", (base) => new CountingBdev(base, new IoStatistics(), () => 0)],
    [
      "a stack",
      (base) => new ErrorBdev(new CountingBdev(new DelayBdev(quick, base, Math.random), new IoStatistics(), () => 0))
    ]
  ])("ends what waits beneath %s when nobody waits for it, and does not do it", (_, stacked) => {
    const { bdev, disk } = setUp({ readWriteBytes: kibibyte })
    const top = stacked(bdev)
    const write = (fill: string, bytes: number): RecordedIo => {
      const io = new RecordedIo()
      top.write(0, Buffer.alloc(bytes, fill), 0, bytes, false, io)
      return io
    }
    const begun = write("a", 100 * kibibyte)
    const waiting = write("b", 512)
    top.cancel?.(begun)
    top.cancel?.(waiting)
    top.cancel?.(waiting)
    assert.deepStrictEqual(waiting.answers, [IoStatus.aborted])
    assert.strictEqual(bdev.waitingCount, 0)
    bdev.releaseAll()
    top.close()
    assert.lengthOf(begun.answers, 1)
    assert.strictEqual(disk.memory?.toString("latin1", 0, 1), "a")
  })
})
