/** Unmapped blocks: they read as zeros, count for nothing, and a disk that cannot give them back writes zeros. */
import { assert, describe, it } from "vitest"
import { type Bdev, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { nodeFiles } from "../../../src/dataplane/bdev/file/FileOperations.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import { IoStatistics } from "../../../src/dataplane/bdev/statistics/IoStatistics.ts"
import { CountingBdev } from "../../../src/dataplane/bdev/wrapper/CountingBdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { ErrorBdev, type Fault } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LimitedBdev } from "../../../src/dataplane/bdev/wrapper/LimitedBdev.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"
import { aioSpec, Folder, openDisk } from "./aio-support.ts"
import { mallocSpec, okIo, RecordedIo, runAt } from "./recorded-io.ts"

const granule = 64 * 1024
const thinDisk = (bytes = 10 * granule, blockSize = 512): MallocBdev =>
  new MallocBdev(mallocSpec({ blockCount: bytes / blockSize, blockSize }))
const write = (bdev: Bdev, byteOffset: number, bytes: Buffer): void =>
  bdev.write(byteOffset, bytes, 0, bytes.length, false, okIo)
const read = (bdev: Bdev, byteOffset: number, byteLength: number): Buffer => {
  const target = Buffer.alloc(byteLength, 0xee)
  bdev.read(byteOffset, target, 0, byteLength, okIo)
  return target
}

describe("a RAM disk", () => {
  it("has nothing allocated until it is written, and then what was written", () => {
    const bdev = thinDisk()
    let changes = 0
    bdev.provisioning.listeners.add(() => changes++)
    assert.deepInclude(bdev.provisioning, { allocatedBytes: 0, totalBytes: 10 * granule, granuleBytes: granule })
    write(bdev, granule - 512, Buffer.alloc(1024, 1))
    assert.strictEqual(bdev.provisioning.allocatedBytes, 2 * granule)
    write(bdev, granule, Buffer.alloc(512, 1))
    assert.strictEqual(changes, 2)
    bdev.unmap(0, granule, okIo)
    assert.strictEqual(changes, 3)
  })

  it("gives back granules that are unmapped whole, and clears parts", () => {
    const bdev = thinDisk()
    write(bdev, 0, Buffer.alloc(4 * granule, 1))
    bdev.unmap(512, 3 * granule, okIo)
    assert.strictEqual(bdev.provisioning.allocatedBytes, 2 * granule)
    assert.deepStrictEqual(read(bdev, 0, 512), Buffer.alloc(512, 1))
    assert.deepStrictEqual(read(bdev, 512, 3 * granule), Buffer.alloc(3 * granule))
    assert.deepStrictEqual(read(bdev, 3 * granule + 512, 512), Buffer.alloc(512, 1))
  })

  it("knows which blocks are mapped, one by one", () => {
    const bdev = thinDisk()
    assert.strictEqual(runAt(bdev, 0, 10 * granule), -10 * granule)
    write(bdev, 3 * 512, Buffer.alloc(1024, 1))
    write(bdev, 2 * granule, Buffer.alloc(granule, 1))
    assert.strictEqual(runAt(bdev, 0, 10 * granule), -3 * 512)
    assert.strictEqual(runAt(bdev, 3 * 512, 10 * granule - 3 * 512), 1024)
    assert.strictEqual(runAt(bdev, 5 * 512, 5 * granule), -(2 * granule - 5 * 512))
    assert.strictEqual(runAt(bdev, 2 * granule, 8 * granule), granule)
    assert.strictEqual(runAt(bdev, 2 * granule, 512), 512)
    assert.strictEqual(runAt(bdev, 2 * granule + 512, 8 * granule - 512), granule - 512)
  })

  it("has granules of whole blocks, whatever the block size, and a last one that ends with the disk", () => {
    const bdev = new MallocBdev(mallocSpec({ blockCount: 100, blockSize: 1536 }))
    assert.strictEqual(bdev.provisioning.granuleBytes % 1536, 0)
    write(bdev, 99 * 1536, Buffer.alloc(1536, 1))
    assert.isAtMost(bdev.provisioning.allocatedBytes, 100 * 1536)
    bdev.unmap(0, 100 * 1536, okIo)
    assert.strictEqual(bdev.provisioning.allocatedBytes, 0)
    assert.strictEqual(runAt(bdev, 0, 100 * 1536), -100 * 1536)
  })

  it("fails what comes after its end", () => {
    const bdev = thinDisk()
    bdev.close()
    const io = new RecordedIo()
    bdev.unmap(0, 512, io)
    assert.deepStrictEqual(io.answers, [IoStatus.failed])
  })

  it("is as a plain array is, after any writes and unmaps", () => {
    const random = makeRandom(runSeed(31))
    const blocks = 4 * 128
    const bdev = thinDisk(blocks * 512)
    const model = Buffer.alloc(blocks * 512)
    for (let round = 0; round < 400; round++) {
      const first = random.below(blocks)
      const count = random.between(1, Math.min(blocks - first, random.chance(0.3) ? 300 : 8))
      const [start, length] = [first * 512, count * 512]
      const fill = random.below(3)
      const kind = random.pick(["write", "unmap", "zero"])
      if (kind === "write") write(bdev, start, Buffer.alloc(length, fill))
      else if (kind === "unmap") bdev.unmap(start, length, okIo)
      else bdev.writeZeroes(start, length, false, okIo)
      model.fill(kind === "write" ? fill : 0, start, start + length)
      const at = random.below(blocks) * 512
      const run = runAt(bdev, at, blocks * 512 - at)
      const isData = (block: number) => model.subarray(block, block + 512).some((byte) => byte !== 0)
      for (let block = at; block < at + Math.abs(run); block += 512) assert.strictEqual(isData(block), run > 0)
      const next = at + Math.abs(run)
      if (next < blocks * 512) assert.strictEqual(isData(next), run < 0)
    }
    assert.isTrue(read(bdev, 0, blocks * 512).equals(model))
  })
})

describe("other disks", () => {
  it("of nothing have nothing mapped, also after a write", () => {
    const bdev = new NullBdev({ _tag: "Null", blockCount: 100, blockSize: 512, physicalBlockSize: 0 })
    write(bdev, 0, Buffer.alloc(512, 1))
    bdev.unmap(0, 512, okIo)
    bdev.writeZeroes(0, 512, true, okIo)
    assert.strictEqual(runAt(bdev, 0, 51_200), -51_200)
  })

  it("in files write zeros, in pieces, and with FUA bring them onto the medium", async () => {
    using folder = new Folder()
    const bytes = 3 * 1024 * 1024
    const bdev = await openDisk(aioSpec(folder.file("disk", bytes)), new OpenFiles(nodeFiles, 64))
    const ended = async (submit: (io: RecordedIo) => void): Promise<IoStatus> => {
      const io = new RecordedIo()
      submit(io)
      return io.answered
    }
    const content = Buffer.alloc(bytes, 7)
    assert.strictEqual(await ended((io) => bdev.write(0, content, 0, bytes, false, io)), IoStatus.ok)
    assert.strictEqual(await ended((io) => bdev.unmap(512, bytes - 1536, io)), IoStatus.ok)
    assert.strictEqual(await ended((io) => bdev.writeZeroes(bytes - 512, 512, true, io)), IoStatus.ok)
    assert.strictEqual(await ended((io) => bdev.read(0, content, 0, bytes, io)), IoStatus.ok)
    content.subarray(0, 512).fill(0)
    content.subarray(bytes - 1024, bytes - 512).fill(0)
    assert.isTrue(content.every((byte) => byte === 0))
    assert.strictEqual(runAt(bdev, 0, 512), 512)
    assert.strictEqual(await ended((io) => bdev.unmap(bytes, 512, io)), IoStatus.failed)
    bdev.close()
  })
})

describe("what is stacked on a thin disk", () => {
  const fault = (changes: Partial<Fault>): Fault => ({
    ...{ ioType: "unmap", errorType: "failure", count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 },
    ...changes
  })

  it("is thin as it is, and passes on what comes", async () => {
    const base = thinDisk()
    const latencies = { averageReadMicros: 1000, p99ReadMicros: 0, averageWriteMicros: 1000, p99WriteMicros: 0 }
    const statistics = new IoStatistics()
    const stack = new CountingBdev(
      new LimitedBdev(new DelayBdev(latencies, new ErrorBdev(base), () => 0.5), {
        readWriteIos: 1000,
        readWriteBytes: 0,
        readBytes: 0,
        writeBytes: 0
      }),
      statistics,
      () => 0
    )
    write(base, 0, Buffer.alloc(2 * granule, 1))
    assert.isTrue(stack.thin)
    assert.strictEqual(stack.provisioning, base.provisioning)
    assert.strictEqual(runAt(stack, 0, 10 * granule), 2 * granule)
    for (const submit of [
      (io: RecordedIo) => stack.unmap(0, granule, io),
      (io: RecordedIo) => stack.writeZeroes(granule, granule, false, io)
    ]) {
      const io = new RecordedIo()
      submit(io)
      assert.deepStrictEqual(io.answers, [])
      assert.strictEqual(await io.answered, IoStatus.ok)
    }
    assert.strictEqual(base.provisioning.allocatedBytes, 0)
    assert.deepInclude(statistics.report().unmap, { ops: 1, bytes: granule })
    assert.deepInclude(statistics.report().write, { ops: 1, bytes: granule })
    assert.strictEqual(statistics.inFlight, 0)
  })

  it("fails, hangs and corrupts as told", () => {
    const base = thinDisk()
    const bdev = new ErrorBdev(base)
    write(base, 0, Buffer.alloc(1024, 1))
    bdev.inject(fault({}))
    const failed = new RecordedIo()
    bdev.unmap(0, 512, failed)
    assert.deepStrictEqual([failed.answers, failed.failedAt], [[IoStatus.mediumError], 0])
    bdev.inject(fault({ errorType: "pending" }))
    const pending = new RecordedIo()
    bdev.unmap(0, 512, pending)
    assert.deepStrictEqual(pending.answers, [])
    bdev.resumePending()
    assert.deepStrictEqual(pending.answers, [IoStatus.ok])
    assert.deepStrictEqual(read(base, 0, 512), Buffer.alloc(512))
    bdev.inject(fault({ ioType: "write", errorType: "corrupt_data", corruptOffset: 5, corruptValue: 3 }))
    bdev.writeZeroes(512, 512, false, okIo)
    const corrupt = Buffer.alloc(512)
    corrupt[5] = 3
    assert.deepStrictEqual(read(base, 512, 512), corrupt)
  })
})
