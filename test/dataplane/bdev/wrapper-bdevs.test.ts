/** The delay and the error injection bdev: late answers, faults on demand, and each IO answered exactly once. */
import { assert, describe, it } from "vitest"
import { type Bdev, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { ErrorBdev, type Fault } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { mallocSpec, okIo, RecordedIo } from "./recorded-io.ts"

const disk = () => new MallocBdev(mallocSpec())
const read = (bdev: Bdev, byteOffset = 0): Buffer => {
  const target = Buffer.alloc(512)
  bdev.read(byteOffset, target, 0, 512, okIo)
  return target
}
const submitWrite = (bdev: Bdev, fill: number, byteOffset = 0): RecordedIo => {
  const io = new RecordedIo()
  bdev.write(byteOffset, Buffer.alloc(512, fill), 0, 512, false, io)
  return io
}
const submitRead = (bdev: Bdev): { readonly io: RecordedIo; readonly target: Buffer } => {
  const io = new RecordedIo()
  const target = Buffer.alloc(512)
  bdev.read(0, target, 0, 512, io)
  return { io, target }
}

describe("a delay bdev", () => {
  const delayed = (micros: { average: number; p99: number }, random = () => 0.5, under: Bdev = disk()) =>
    new DelayBdev(
      {
        averageReadMicros: micros.average,
        p99ReadMicros: micros.p99,
        averageWriteMicros: micros.average,
        p99WriteMicros: micros.p99
      },
      under,
      random
    )

  it("has its base's geometry, and hides the memory", () => {
    const bdev = delayed({ average: 0, p99: 0 })
    assert.deepInclude(bdev, { productName: "delay", blockSize: 512, blockCount: 64, memory: undefined })
  })

  it("answers later, with the base's data and status", async () => {
    const bdev = delayed({ average: 1000, p99: 1000 })
    const written = submitWrite(bdev, 7)
    assert.deepStrictEqual(written.answers, [])
    assert.strictEqual(await written.answered, IoStatus.ok)
    const { io, target } = submitRead(bdev)
    assert.strictEqual(bdev.heldCount, 1)
    assert.strictEqual(await io.answered, IoStatus.ok)
    assert.isTrue(target.equals(Buffer.alloc(512, 7)))
    assert.strictEqual(bdev.heldCount, 0)
    const flushed = new RecordedIo()
    bdev.flush(flushed)
    assert.strictEqual(await flushed.answered, IoStatus.ok)
  })

  it("answers at once where the latency is 0", () => {
    assert.deepStrictEqual(submitWrite(delayed({ average: 0, p99: 9_000_000 }), 1).answers, [IoStatus.ok])
  })

  it("gives one IO in a hundred the p99 latency", () => {
    let draw = 0
    const bdev = delayed({ average: 0, p99: 60_000_000 }, () => (draw++ % 100) / 100)
    for (let round = 0; round < 300; round++) submitWrite(bdev, round & 0xff)
    assert.strictEqual(bdev.heldCount, 3)
    bdev.close()
  })

  it("ends what it holds as aborted when it is closed, once, and leaves no timer", () => {
    const bdev = delayed({ average: 60_000_000, p99: 60_000_000 })
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const before = timers()
    const held = [submitWrite(bdev, 1), submitWrite(bdev, 2)]
    assert.isAbove(timers(), before)
    bdev.close()
    assert.deepStrictEqual(
      held.map((io) => io.answers),
      [[IoStatus.aborted], [IoStatus.aborted]]
    )
    assert.strictEqual(timers(), before)
  })

  it("answers as aborted what its base answers after the close", () => {
    const under = new ErrorBdev(disk())
    under.inject({ ...fault, ioType: "write", errorType: "pending" })
    const bdev = delayed({ average: 60_000_000, p99: 60_000_000 }, () => 0.5, under)
    const io = submitWrite(bdev, 1)
    bdev.close()
    under.resumePending()
    assert.deepStrictEqual(io.answers, [IoStatus.aborted])
  })
})

const fault: Fault = {
  ioType: "all",
  errorType: "failure",
  count: 1,
  queueDepth: 0,
  corruptOffset: 0,
  corruptValue: 0xff
}

describe("an error bdev", () => {
  const faulty = (under: Bdev = disk()) => new ErrorBdev(under)

  it("has bad blocks: IO that meets one fails there, after what is before it was done", () => {
    const under = disk()
    const bdev = faulty(under)
    bdev.inject({ ...fault, ioType: "all", errorType: "failure", count: 100, blocks: { first: 4, count: 2 } })
    const run = (first: number, count: number): RecordedIo => {
      const io = new RecordedIo()
      bdev.write(first * 512, Buffer.alloc(count * 512, 7), 0, count * 512, false, io)
      return io
    }
    for (const [first, count] of [
      [0, 4],
      [6, 10]
    ] as const) {
      assert.deepStrictEqual(run(first, count).answers, [IoStatus.ok])
    }
    for (const [first, count, failedAt] of [
      [2, 10, 4],
      [4, 1, 4],
      [5, 3, 5]
    ] as const) {
      const { answers, failedAt: at } = run(first, count)
      assert.deepStrictEqual([answers, at], [[IoStatus.mediumError], failedAt * 512], `${first} ${count}`)
    }
    const content = Buffer.alloc(6 * 512)
    under.read(0, content, 0, content.length, okIo)
    assert.isTrue(content.subarray(0, 4 * 512).equals(Buffer.alloc(4 * 512, 7)))
    assert.isFalse(content.subarray(4 * 512).includes(7))
    const [flush, unmap] = [new RecordedIo(), new RecordedIo()]
    bdev.flush(flush)
    bdev.unmap(5 * 512, 512, unmap)
    assert.deepStrictEqual([flush.answers, unmap.answers], [[IoStatus.ok], [IoStatus.mediumError]])
  })

  it("does what its base does while no fault is armed", () => {
    const bdev = faulty()
    assert.deepStrictEqual(submitWrite(bdev, 3).answers, [IoStatus.ok])
    assert.isTrue(read(bdev).equals(Buffer.alloc(512, 3)))
    bdev.flush(okIo)
    assert.strictEqual(bdev.productName, "Error Injection Disk")
  })

  it("fails as many IOs of the kind as asked for, and no other kind", () => {
    const bdev = faulty()
    bdev.inject({ ...fault, ioType: "write", count: 2 })
    assert.deepStrictEqual(submitRead(bdev).io.answers, [IoStatus.ok])
    assert.deepStrictEqual(
      [1, 2, 3].map((fill) => submitWrite(bdev, fill).answers[0]),
      [IoStatus.mediumError, IoStatus.mediumError, IoStatus.ok]
    )
    assert.isTrue(read(bdev).equals(Buffer.alloc(512, 3)))
  })

  it("has every kind fail with `all`, and none after `clear`", () => {
    const bdev = faulty()
    bdev.inject({ ...fault, errorType: "nomem", count: 5 })
    const flushed = new RecordedIo()
    bdev.flush(flushed)
    assert.deepStrictEqual(
      [submitRead(bdev).io, submitWrite(bdev, 1), flushed].map((io) => io.answers[0]),
      [IoStatus.noMemory, IoStatus.noMemory, IoStatus.noMemory]
    )
    bdev.inject({ ...fault, ioType: "clear" })
    assert.deepStrictEqual(submitWrite(bdev, 1).answers, [IoStatus.ok])
  })

  it("keeps pending IOs until they are resumed, in their order", () => {
    const bdev = faulty()
    bdev.inject({ ...fault, ioType: "write", errorType: "pending", count: 2 })
    const ios = [submitWrite(bdev, 1), submitWrite(bdev, 2)]
    assert.strictEqual(bdev.pendingCount, 2)
    assert.isTrue(read(bdev).equals(Buffer.alloc(512)))
    bdev.resumePending()
    assert.deepStrictEqual(
      ios.map((io) => io.answers),
      [[IoStatus.ok], [IoStatus.ok]]
    )
    assert.isTrue(read(bdev).equals(Buffer.alloc(512, 2)))
  })

  it("does not touch its base when pending IOs are resumed after the close", () => {
    const under = disk()
    const bdev = faulty(under)
    bdev.inject({ ...fault, errorType: "pending" })
    const io = submitWrite(bdev, 1)
    bdev.close()
    assert.deepStrictEqual(io.answers, [])
    bdev.resumePending()
    assert.deepStrictEqual(io.answers, [IoStatus.aborted])
    assert.isTrue(read(under).equals(Buffer.alloc(512)))
  })

  it("waits for the queue depth before a fault counts", () => {
    const bdev = faulty()
    bdev.inject({ ...fault, ioType: "read", errorType: "pending", count: 2 })
    bdev.inject({ ...fault, ioType: "write", queueDepth: 2 })
    assert.deepStrictEqual(submitWrite(bdev, 1).answers, [IoStatus.ok])
    submitRead(bdev)
    submitRead(bdev)
    assert.deepStrictEqual(submitWrite(bdev, 1).answers, [IoStatus.mediumError])
  })

  it("flips one byte of what is read, and leaves the disk as it is", () => {
    const bdev = faulty()
    submitWrite(bdev, 0x0f)
    bdev.inject({ ...fault, ioType: "read", errorType: "corrupt_data", corruptOffset: 5, corruptValue: 0xf0 })
    const { target } = submitRead(bdev)
    const expected = Buffer.alloc(512, 0x0f)
    expected[5] = 0xff
    assert.isTrue(target.equals(expected))
    assert.isTrue(read(bdev).equals(Buffer.alloc(512, 0x0f)))
  })

  it("flips one byte of what is written, and leaves the writer's buffer as it is", () => {
    const bdev = faulty()
    bdev.inject({ ...fault, ioType: "write", errorType: "corrupt_data", corruptOffset: 511, corruptValue: 1 })
    const source = Buffer.alloc(520, 0x20)
    bdev.write(0, source, 8, 512, false, okIo)
    assert.isTrue(source.equals(Buffer.alloc(520, 0x20)))
    assert.strictEqual(read(bdev)[511], 0x21)
    assert.strictEqual(read(bdev)[510], 0x20)
  })

  it("flips nothing beyond the end of the IO", () => {
    const bdev = faulty()
    bdev.inject({ ...fault, errorType: "corrupt_data", corruptOffset: 512 })
    assert.isTrue(read(bdev).equals(Buffer.alloc(512)))
  })
})
