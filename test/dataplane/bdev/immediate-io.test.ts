/** IO of files that needs no waiting is over when its call returns; all other goes by the thread pool, as ever. */
import { execFileSync } from "node:child_process"
import { readFileSync, statfsSync, truncateSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { AioSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import type { AioBdev } from "../../../src/dataplane/bdev/file/AioBdev.ts"
import type { FileShortcuts } from "../../../src/dataplane/bdev/file/file-shortcuts.ts"
import { busyOperations, immediateBytesMax } from "../../../src/dataplane/bdev/file/ImmediateTransfers.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import { describeWithLoopDevices, LoopDevice } from "../../support/loop-device.ts"
import { aioSpec, Folder, HeldFiles, openDisk, type Told } from "./aio-support.ts"
import { RecordedIo } from "./recorded-io.ts"

const { EAGAIN, EOPNOTSUPP, EIO } = constants.errno
const memoryFolder = "/dev/shm"
const typeOf = (path: string): number => {
  try {
    return statfsSync(path).type
  } catch {
    return 0
  }
}
const hasMemoryFolder = typeOf(memoryFolder) === 0x01021994
/** ext4, XFS, Btrfs. */
const keepsInCache = [0xef53, 0x58465342, 0x9123683e].includes(typeOf(tmpdir()))

const submitWrite = (disk: AioBdev, at: number, data: Buffer, fua = false): RecordedIo => {
  const io = new RecordedIo()
  disk.write(at, data, 0, data.length, fua, io)
  return io
}
const submitRead = (disk: AioBdev, at: number, target: Buffer): RecordedIo => {
  const io = new RecordedIo()
  disk.read(at, target, 0, target.length, io)
  return io
}
const block = (fill: number): Buffer => Buffer.alloc(512, fill)

describe.runIf(hasMemoryFolder)("a file in memory", () => {
  let folder: Folder
  beforeEach(() => {
    folder = new Folder(memoryFolder)
  })
  afterEach(() => folder[Symbol.dispose]())

  it("is written and read at once", async () => {
    const path = folder.file("disk", 1024 * 1024)
    const disk = await openDisk(aioSpec(path))
    const data = makeRandom(1).bytes(64 * 1024)
    assert.deepStrictEqual(submitWrite(disk, 4096, data).answers, [IoStatus.ok])
    assert.isTrue(
      readFileSync(path)
        .subarray(4096, 4096 + data.length)
        .equals(data)
    )
    const target = Buffer.alloc(data.length)
    assert.deepStrictEqual(submitRead(disk, 4096, target).answers, [IoStatus.ok])
    assert.isTrue(target.equals(data))
  })

  it("is synced for a write with FUA, in the pool", async () => {
    const path = folder.file("disk", 4096)
    const disk = await openDisk(aioSpec(path))
    const io = submitWrite(disk, 512, block(7), true)
    assert.isEmpty(io.answers)
    assert.isTrue(readFileSync(path).subarray(512, 1024).equals(block(7)))
    assert.strictEqual(await io.answered, IoStatus.ok)
  })

  it("fails as any other that is too short, and says so once", async () => {
    const told: Told = []
    const path = folder.file("disk", 4096)
    const disk = await openDisk(aioSpec(path), new OpenFiles(), told)
    truncateSync(path, 1000)
    const io = submitRead(disk, 512, Buffer.alloc(1024))
    assert.strictEqual(await io.answered, IoStatus.mediumError)
    assert.strictEqual(io.failedAt, 1000)
    assert.deepStrictEqual(told, ["read EOF at 1000"])
  })

  it("becomes zeros by writing where the file system knows no other way", async () => {
    const disk = await openDisk(aioSpec(folder.file("disk", 8192)))
    submitWrite(disk, 0, Buffer.alloc(8192, 7))
    const io = new RecordedIo()
    disk.writeZeroes(512, 4096, false, io)
    assert.strictEqual(await io.answered, IoStatus.ok)
    const target = Buffer.alloc(8192)
    submitRead(disk, 0, target)
    const expected = Buffer.alloc(8192, 7).fill(0, 512, 512 + 4096)
    assert.isTrue(target.equals(expected))
  })

  it("answers later where that is asked for", async () => {
    const disk = await openDisk(aioSpec(folder.file("disk", 4096), { answersLater: true }))
    const io = submitWrite(disk, 0, block(1))
    assert.isEmpty(io.answers)
    assert.strictEqual(await io.answered, IoStatus.ok)
  })
})

/** Takes what the page cache has of a file out of it. */
const forget = (path: string): void => {
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stdio: "ignore" })
}

describe.runIf(keepsInCache)("a file on a device", () => {
  it("is read at once where the page cache has it, and from the device where not", async () => {
    using folder = new Folder()
    const path = folder.file("disk", 1024 * 1024)
    const disk = await openDisk(aioSpec(path))
    const data = makeRandom(2).bytes(128 * 1024)
    assert.strictEqual(await submitWrite(disk, 8192, data).answered, IoStatus.ok)
    const target = Buffer.alloc(data.length)
    assert.deepStrictEqual(submitRead(disk, 8192, target).answers, [IoStatus.ok])
    assert.isTrue(target.equals(data))
    forget(path)
    target.fill(0)
    const missed = submitRead(disk, 8192, target)
    assert.isEmpty(missed.answers)
    assert.strictEqual(await missed.answered, IoStatus.ok)
    assert.isTrue(target.equals(data))
  })
})

describeWithLoopDevices("a block device", () => {
  it("is read at once where the page cache has it", async () => {
    using folder = new Folder()
    using device = LoopDevice.attach(folder.file("backing", 1024 * 1024))
    const disk = await openDisk(aioSpec(device.path))
    assert.strictEqual(await submitWrite(disk, 4096, Buffer.alloc(4096, 9)).answered, IoStatus.ok)
    const target = Buffer.alloc(4096)
    assert.deepStrictEqual(submitRead(disk, 4096, target).answers, [IoStatus.ok])
    assert.isTrue(target.equals(Buffer.alloc(4096, 9)))
    await new Promise<void>((resolve) => {
      disk.close()
      disk.whenClosed(resolve)
    })
  })
})

/** Answers of immediate calls, in order; the last is given again and again. What is read is `0xaa`. */
class Answers {
  readonly asked: Array<string> = []
  readonly #results: Array<number>

  constructor(...results: ReadonlyArray<number>) {
    this.#results = [...results]
  }

  get operations(): FileShortcuts {
    const next = (byteLength: number): number => {
      const result = this.#results.length > 1 ? this.#results.shift() : this.#results[0]
      return Math.min(result ?? 0, byteLength)
    }
    return {
      inMemory: false,
      takeWriteBatch: undefined,
      read: (_descriptor, buffer, start, byteLength, byteOffset) => {
        this.asked.push(`read ${byteOffset}`)
        const result = next(byteLength)
        if (result > 0) buffer.fill(0xaa, start, start + result)
        return result
      },
      write: (_descriptor, _buffer, _start, byteLength, byteOffset) => {
        this.asked.push(`write ${byteOffset}`)
        return next(byteLength)
      }
    }
  }
}

const whole = Number.MAX_SAFE_INTEGER

describe("what a file cannot do at once", () => {
  let folder: Folder
  beforeEach(() => {
    folder = new Folder()
  })
  afterEach(() => folder[Symbol.dispose]())

  const scene = async (answers: Answers, bytes = 64 * 512, changes: Partial<AioSpec> = {}) => {
    const files = new HeldFiles()
    files.atOnce = answers.operations
    const told: Told = []
    const path = folder.file("disk", bytes)
    const disk = await openDisk(aioSpec(path, changes), new OpenFiles(files, 64), told)
    files.isOpen = true
    return { disk, files, path, told }
  }

  it("is done by the pool: what would wait, what came in part, what failed", async () => {
    const answers = new Answers(-EAGAIN, 100, -EIO, whole)
    const { disk, files, told } = await scene(answers)
    for (const at of [512, 1024, 2048]) {
      const target = Buffer.alloc(1024, 0xee)
      const io = submitRead(disk, at, target)
      assert.isEmpty(io.answers)
      const begun = files.take()
      assert.deepStrictEqual(
        begun.map(({ byteLength, byteOffset, operation }) => [operation, byteOffset, byteLength]),
        [["read", at, 1024]]
      )
      for (const { go } of begun) go()
      assert.strictEqual(await io.answered, IoStatus.ok)
      assert.isTrue(target.equals(Buffer.alloc(1024)), "what the pool has read, all of it")
    }
    assert.deepStrictEqual(submitRead(disk, 512, Buffer.alloc(512)).answers, [IoStatus.ok])
    assert.isEmpty(files.take())
    assert.isEmpty(told)
    assert.deepStrictEqual(answers.asked, ["read 512", "read 1024", "read 2048", "read 512"])
  })

  it("fails with what the pool finds", async () => {
    const { disk, files, told } = await scene(new Answers(-EIO))
    const io = submitWrite(disk, 512, block(1))
    for (const { fail } of files.take()) fail("ENOSPC")
    assert.deepStrictEqual([io.answers, io.failedAt], [[IoStatus.noSpace], 512])
    assert.deepStrictEqual(told, ["write ENOSPC at 512"])
  })

  it("is not asked for again once the file has said that it has no such operation", async () => {
    const answers = new Answers(-EOPNOTSUPP, whole)
    const { disk, files } = await scene(answers)
    submitWrite(disk, 0, block(1))
    submitWrite(disk, 512, block(1))
    assert.strictEqual(files.take().length, 2)
    assert.deepStrictEqual(submitRead(disk, 512, Buffer.alloc(512)).answers, [IoStatus.ok])
    assert.deepStrictEqual(answers.asked, ["write 0", "read 512"])
  })

  it("is not asked for while the device is busy, or hangs", async () => {
    const answers = new Answers(-EAGAIN)
    const { disk, files } = await scene(answers)
    for (let index = 0; index < busyOperations; index++) submitRead(disk, index * 512, Buffer.alloc(512))
    const asked = answers.asked.length
    const late = submitRead(disk, 512, Buffer.alloc(512))
    assert.strictEqual(answers.asked.length, asked)
    for (const { go } of files.take()) go()
    await late.answered
    submitRead(disk, 512, Buffer.alloc(512))
    assert.strictEqual(answers.asked.length, asked + 1)
  })

  it("is what is long, and what is too much for one turn", async () => {
    const bytes = 64 * 1024 * 1024
    const answers = new Answers(whole)
    const { disk, files } = await scene(answers, bytes)
    submitRead(disk, 0, Buffer.alloc(immediateBytesMax + 512))
    assert.isEmpty(answers.asked)
    assert.strictEqual(files.take().length, 1)
    const target = Buffer.alloc(immediateBytesMax)
    let atOnce = 0
    while (submitRead(disk, 0, target).answers.length === 1) atOnce++
    assert.isAtLeast(atOnce, 4)
    assert.isAtMost(atOnce * immediateBytesMax, 4 * 1024 * 1024)
    await turn()
    await turn()
    assert.deepStrictEqual(submitRead(disk, 0, target).answers, [IoStatus.ok])
  })

  it("is a write that is to be on the medium when it ends, and everything past the page cache", async () => {
    const answers = new Answers(whole)
    const { disk, files } = await scene(answers, 8192, { dsync: true })
    submitWrite(disk, 0, block(1))
    assert.strictEqual(files.take().length, 1)
    assert.deepStrictEqual(submitRead(disk, 0, Buffer.alloc(512)).answers, [IoStatus.ok])
    assert.deepStrictEqual(answers.asked, ["read 0"])
    const direct = await openDisk(
      aioSpec(folder.file("direct", 8192), { answersLater: true }),
      new OpenFiles(files, 64)
    )
    submitRead(direct, 0, Buffer.alloc(512))
    assert.strictEqual(files.take().length, 1)
  })

  it("is lost with a sync that fails while it waits for the next, and no more if it is answered", async () => {
    const { disk, files } = await scene(new Answers(whole, whole, -EAGAIN))
    const written = submitWrite(disk, 0, block(1))
    assert.deepStrictEqual(written.answers, [IoStatus.ok])
    const flush = new RecordedIo()
    disk.flush(flush)
    const meanwhile = submitWrite(disk, 512, block(2), true)
    for (const { fail } of files.take()) fail("EIO")
    assert.strictEqual(await flush.answered, IoStatus.mediumError)
    assert.strictEqual(await meanwhile.answered, IoStatus.mediumError)
    assert.strictEqual(disk.syncFailures, 1)
  })

  it("is nothing any more once the disk is closed", async () => {
    const answers = new Answers(whole)
    const { disk } = await scene(answers)
    disk.close()
    assert.deepStrictEqual(submitRead(disk, 0, Buffer.alloc(512)).answers, [IoStatus.aborted])
    assert.isEmpty(answers.asked)
  })
})
