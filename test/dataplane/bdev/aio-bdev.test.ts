/** Disks in files: what is written is in the file, what is flushed was synced, and what hangs harms nobody else. */
import { execFileSync } from "node:child_process"
import { readFileSync, symlinkSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { BdevNews } from "../../../src/dataplane/bdev/BdevNews.ts"
import type { AioBdev } from "../../../src/dataplane/bdev/file/AioBdev.ts"
import { operationsPerFileMax } from "../../../src/dataplane/bdev/file/AioSurroundings.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import { aioSpec, type Begun, Folder, HeldFiles, open, openDisk, type Told } from "./aio-support.ts"
import { RecordedIo } from "./recorded-io.ts"

let folder: Folder
beforeEach(() => {
  folder = new Folder()
})
afterEach(() => folder[Symbol.dispose]())

const write = (disk: AioBdev, at: number, data: Buffer, fua = false): RecordedIo => {
  const io = new RecordedIo()
  disk.write(at, data, 0, data.length, fua, io)
  return io
}

const read = async (disk: AioBdev, at: number, length: number): Promise<Buffer> => {
  const io = new RecordedIo()
  const target = Buffer.alloc(length, 0xee)
  disk.read(at, target, 0, length, io)
  assert.strictEqual(await io.answered, IoStatus.ok)
  return target
}

const flush = (disk: AioBdev): RecordedIo => {
  const io = new RecordedIo()
  disk.flush(io)
  return io
}

/** A disk whose operations wait for the test. */
const heldDisk = async (bytes = 64 * 512, told: Told = []) => {
  const files = new HeldFiles()
  const disk = await openDisk(aioSpec(folder.file("disk", bytes)), new OpenFiles(files, 64), told)
  return { disk, files }
}

const names = (begun: ReadonlyArray<Begun>): ReadonlyArray<string> => begun.map(({ operation }) => operation)
const goAll = (begun: ReadonlyArray<Begun>): void => {
  for (const { go } of begun) go()
}
const block = (fill: number): Buffer => Buffer.alloc(512, fill)

describe("a disk in a file", () => {
  it("has the file's content and size, and writes into it", async () => {
    const path = folder.file("disk", 1024 * 1024)
    const disk = await openDisk(aioSpec(path, { blockSize: 4096 }))
    assert.deepInclude(disk, { blockCount: 256, blockSize: 4096, physicalBlockSize: 4096, writeCache: true })
    const data = makeRandom(1).bytes(128 * 1024)
    assert.strictEqual(await write(disk, 4096, data).answered, IoStatus.ok)
    assert.isTrue((await read(disk, 4096, data.length)).equals(data))
    assert.isTrue(
      readFileSync(path)
        .subarray(4096, 4096 + data.length)
        .equals(data)
    )
    assert.isTrue((await read(disk, 0, 4096)).equals(Buffer.alloc(4096)))
  })

  it("goes on where an operation did less than was asked", async () => {
    const { disk, files } = await heldDisk()
    const data = makeRandom(2).bytes(4096)
    const io = write(disk, 512, data)
    while (io.answers.length === 0) {
      for (const { go } of files.take()) go(1000)
      await turn()
    }
    assert.deepStrictEqual(io.answers, [IoStatus.ok])
    const target = Buffer.alloc(4096)
    const back = new RecordedIo()
    disk.read(512, target, 0, 4096, back)
    while (back.answers.length === 0) {
      for (const { go } of files.take()) go(700)
      await turn()
    }
    assert.isTrue(target.equals(data))
  })

  it("keeps blocks apart that are 4 GiB apart", async () => {
    const gibibyte = 2 ** 30
    const disk = await openDisk(aioSpec(folder.file("disk", 9 * gibibyte)))
    const places = [0, 4 * gibibyte, 8 * gibibyte, 9 * gibibyte - 512]
    for (const [index, at] of places.entries()) await write(disk, at, block(index + 1)).answered
    for (const [index, at] of places.entries()) assert.isTrue((await read(disk, at, 512)).equals(block(index + 1)))
  })

  it("fails a read that the file is too short for, and tells it; it never makes zeros up", async () => {
    const told: Told = []
    const path = folder.file("disk", 64 * 512)
    const disk = await openDisk(aioSpec(path), new OpenFiles(), told)
    truncateSync(path, 1000)
    const io = new RecordedIo()
    disk.read(512, Buffer.alloc(1024), 0, 1024, io)
    assert.strictEqual(await io.answered, IoStatus.mediumError)
    assert.strictEqual(io.failedAt, 1000)
    assert.deepStrictEqual(told, ["read EOF at 1000"])
  })

  it("never grows the file", async () => {
    const path = folder.file("disk", 1024)
    const disk = await openDisk(aioSpec(path))
    assert.deepStrictEqual(write(disk, 1024, block(1)).answers, [IoStatus.failed])
    assert.deepStrictEqual(write(disk, 512, Buffer.alloc(1024)).answers, [IoStatus.failed])
    assert.strictEqual(readFileSync(path).length, 1024)
  })

  it("tells a full disk and a shortage from a broken one", async () => {
    const told: Told = []
    const { disk, files } = await heldDisk(4096, told)
    for (const [code, expected] of [
      ["ENOSPC", IoStatus.noSpace],
      ["EDQUOT", IoStatus.noSpace],
      ["ENOMEM", IoStatus.noMemory],
      ["EIO", IoStatus.mediumError],
      ["EREMOTEIO", IoStatus.failed],
      ["ENODEV", IoStatus.notReady],
      ["EROFS", IoStatus.writeProtected]
    ] as const) {
      const io = write(disk, 512, block(1))
      for (const { fail } of files.take()) fail(code)
      assert.deepStrictEqual([io.answers, io.failedAt], [[expected], 512], code)
    }
    assert.deepStrictEqual(
      told,
      ["ENOSPC", "EDQUOT", "ENOMEM", "EIO", "EREMOTEIO", "ENODEV", "EROFS"].map((code) => `write ${code} at 512`)
    )
  })

  it("says where a write failed: behind what is done, with FUA at its start as nothing is synced", async () => {
    const { disk, files } = await heldDisk()
    for (const [fua, failedAt] of [
      [false, 1512],
      [true, 512]
    ] as const) {
      const io = write(disk, 512, Buffer.alloc(4096), fua)
      for (const { go } of files.take()) go(1000)
      while (files.begun.length === 0) await turn()
      for (const { fail } of files.take()) fail("EIO")
      assert.deepStrictEqual([io.answers, io.failedAt], [[IoStatus.mediumError], failedAt])
    }
  })

  it("that is read-only reads, and writes nothing", async () => {
    const disk = await openDisk(aioSpec(folder.file("disk", 1024), { readOnly: true }))
    assert.isTrue(disk.readOnly)
    assert.deepStrictEqual(write(disk, 0, block(1)).answers, [IoStatus.writeProtected])
    assert.isTrue((await read(disk, 0, 512)).equals(block(0)))
    assert.strictEqual(await flush(disk).answered, IoStatus.ok)
  })
})

describe("a flush", () => {
  it("is one sync; those that come while it runs share the next one", async () => {
    const { disk, files } = await heldDisk()
    const first = flush(disk)
    const running = files.take()
    const later = [flush(disk), flush(disk), flush(disk)]
    assert.deepStrictEqual(names(running), ["fdatasync"])
    assert.deepStrictEqual(files.take(), [])
    goAll(running)
    assert.strictEqual(await first.answered, IoStatus.ok)
    assert.deepStrictEqual(
      later.flatMap(({ answers }) => answers),
      []
    )
    const next = files.take()
    assert.deepStrictEqual(names(next), ["fdatasync"])
    goAll(next)
    for (const { answered } of later) assert.strictEqual(await answered, IoStatus.ok)
    assert.deepStrictEqual(files.take(), [])
  })

  it("that failed fails also those that waited for the next one: what they wrote may be lost with it", async () => {
    const told: Told = []
    const { disk, files } = await heldDisk(4096, told)
    const running = flush(disk)
    const waiting = flush(disk)
    for (const { fail } of files.take()) fail("EIO")
    assert.deepStrictEqual([...running.answers, ...waiting.answers], [IoStatus.mediumError, IoStatus.mediumError])
    assert.deepStrictEqual(files.take(), [])
    const later = flush(disk)
    goAll(files.take())
    assert.strictEqual(await later.answered, IoStatus.ok)
    assert.deepStrictEqual(told, ["sync EIO at 0"])
  })

  it("that failed fails what was being written meanwhile: no other tells that it may be lost", async () => {
    for (const fua of [false, true]) {
      const { disk, files } = await heldDisk()
      const io = write(disk, 0, block(7), fua)
      const reading = read(disk, 0, 512)
      const begun = files.take()
      const flushing = flush(disk)
      for (const { fail } of files.take()) fail("EIO")
      assert.strictEqual(await flushing.answered, IoStatus.mediumError)
      goAll(begun)
      assert.strictEqual(await io.answered, IoStatus.mediumError)
      await reading
    }
  })

  it("whose device has been pulled out says so; of any other error it does not", async () => {
    const news: Array<BdevNews> = []
    const files = new HeldFiles()
    const path = folder.file("disk", 4096)
    const { signal } = new AbortController()
    const disk = await openDisk(aioSpec(path), new OpenFiles(files, 64), [], signal, (told) => {
      if (told._tag === "Gone") news.push(told)
    })
    for (const code of ["EIO", "ENOSPC", "ENODEV"]) {
      const io = write(disk, 0, block(1))
      for (const { fail } of files.take()) fail(code)
      await io.answered
      assert.strictEqual(news.length, code === "ENODEV" ? 1 : 0)
    }
    assert.deepStrictEqual(news, [{ _tag: "Gone", detail: `${path} is gone: a write ended with ENODEV` }])
    disk.close()
    goAll(files.take())
  })

  it("follows a write with FUA before it is answered, also one that came while another sync ran", async () => {
    const { disk, files } = await heldDisk()
    const running = flush(disk)
    const sync = files.take()
    const io = write(disk, 0, block(7), true)
    const writes = files.take()
    assert.deepStrictEqual(names(writes), ["write"])
    goAll(writes)
    while (disk.operationCount > 1) await turn()
    // It is in the file, but the sync that runs may have begun before.
    goAll(sync)
    await running.answered
    assert.deepStrictEqual(io.answers, [])
    const own = files.take()
    assert.deepStrictEqual(names(own), ["fdatasync"])
    goAll(own)
    assert.strictEqual(await io.answered, IoStatus.ok)
  })
})

describe("a file that hangs", () => {
  it("has a few operations at once, in order, and leaves threads to others", async () => {
    const { disk, files } = await heldDisk()
    const ios = Array.from({ length: 40 }, (_, index) => write(disk, index * 512, block(index)))
    assert.strictEqual(disk.operationCount, operationsPerFileMax)
    const offsets: Array<number> = []
    while (ios.some(({ answers }) => answers.length === 0)) {
      const begun = files.take()
      offsets.push(...begun.map(({ byteOffset }) => byteOffset))
      goAll(begun)
      await turn()
    }
    assert.deepStrictEqual(
      offsets,
      ios.map((_, index) => index * 512)
    )
    assert.strictEqual((await read(await openDisk(aioSpec(folder.file("other", 512))), 0, 512)).length, 512)
  })

  it("ends a write that has not begun when nobody waits for it, and never does it", async () => {
    const { disk, files } = await heldDisk()
    const ios = Array.from({ length: operationsPerFileMax + 2 }, (_, index) => write(disk, index * 512, block(1)))
    const [begun, waiting, last] = [0, 8, 9].map((at) => ios[at])
    assert(begun !== undefined && waiting !== undefined)
    disk.cancel(begun)
    disk.cancel(waiting)
    disk.cancel(waiting)
    assert.deepStrictEqual([begun.answers, waiting.answers], [[], [IoStatus.aborted]])
    goAll(files.take())
    assert.strictEqual(await begun.answered, IoStatus.ok)
    while (files.begun.length === 0) await turn()
    const left = files.take()
    assert.deepStrictEqual(
      left.map(({ byteOffset }) => byteOffset),
      [9 * 512]
    )
    goAll(left)
    assert.strictEqual(await last?.answered, IoStatus.ok)
  })

  it("keeps its descriptor until its last operation is back; what had not begun is aborted", async () => {
    const { disk, files } = await heldDisk()
    const ios = Array.from({ length: operationsPerFileMax + 3 }, (_, index) => write(disk, index * 512, block(1)))
    const hung = files.take()
    const closed = new Promise<void>((resolve) => {
      disk.close()
      disk.whenClosed(resolve)
    })
    assert.deepStrictEqual(
      ios.slice(operationsPerFileMax).map(({ answers }) => answers),
      [[IoStatus.aborted], [IoStatus.aborted], [IoStatus.aborted]]
    )
    assert.deepStrictEqual(write(disk, 0, block(2)).answers, [IoStatus.aborted])
    goAll(hung.slice(1))
    for (const { answered } of ios.slice(1, operationsPerFileMax)) assert.strictEqual(await answered, IoStatus.ok)
    assert.deepStrictEqual(files.take(), [])
    goAll(hung.slice(0, 1))
    await ios[0]?.answered
    const [close] = files.take()
    assert.strictEqual(close?.operation, "close")
    close?.go()
    await closed
  })

  it("shares the pool with other files, one slot at a time", async () => {
    const files = new HeldFiles()
    const openFiles = new OpenFiles(files, 4)
    const disks: Array<AioBdev> = []
    for (const name of ["a", "b", "c"]) disks.push(await openDisk(aioSpec(folder.file(name, 64 * 512)), openFiles))
    const ios = disks.flatMap((disk) => Array.from({ length: 10 }, () => write(disk, 0, block(1))))
    while (ios.some(({ answers }) => answers.length === 0)) {
      const begun = files.take()
      assert.isAtMost(begun.length, 2)
      goAll(begun)
      await turn()
    }
    assert.deepStrictEqual(
      disks.map(({ operationCount }) => operationCount),
      [0, 0, 0]
    )
  })
})

describe("opening a file", () => {
  const codeOf = async (...args: Parameters<typeof open>): Promise<string> => {
    const result = await open(...args)
    if (result._tag === "BdevFailure") assert.include(result.detail, args[0].filename)
    return result._tag === "BdevFailure" ? result.code : "opened"
  }

  it("is refused with the reason for what cannot be a disk", async () => {
    assert.strictEqual(await codeOf(aioSpec("/nonexistent/x")), "ENOENT")
    assert.strictEqual(await codeOf(aioSpec(folder.path)), "EISDIR")
    assert.strictEqual(await codeOf(aioSpec("/dev/null")), "EOPNOTSUPP")
    assert.strictEqual(await codeOf(aioSpec(folder.file("empty", 0))), "EINVAL")
    assert.strictEqual(await codeOf(aioSpec(folder.file("odd", 1025))), "EINVAL")
    symlinkSync(join(folder.path, "circle"), join(folder.path, "circle"))
    assert.strictEqual(await codeOf(aioSpec(join(folder.path, "circle"))), "ELOOP")
    assert.strictEqual(await codeOf(aioSpec(join(folder.path, "odd", "x"))), "ENOTDIR")
    assert.strictEqual(await codeOf(aioSpec(join(folder.path, "x".repeat(300)))), "ENAMETOOLONG")
    // One that is known already is used as far as it goes.
    assert.strictEqual((await openDisk(aioSpec(folder.file("odd", 1025), { wholeBlocks: false }))).blockCount, 2)
  })

  it("gives advice that helps, also for an empty file", async () => {
    for (const bytes of [0, 1025]) {
      const path = folder.file("disk", bytes)
      const result = await open(aioSpec(path))
      assert(result._tag === "BdevFailure")
      const advised = /truncate -s (\S+) FILE/.exec(result.detail)?.[1] ?? "nothing"
      execFileSync("truncate", ["-s", advised, path])
      assert.isAbove((await openDisk(aioSpec(path))).blockCount, 0)
    }
  })

  it("is refused while another disk writes to the same file, by whatever name; reading is not", async () => {
    const openFiles = new OpenFiles()
    const path = folder.file("disk", 1024)
    const first = await openDisk(aioSpec(path), openFiles)
    const second = await open(aioSpec(`${folder.path}/../${path.split("/").slice(-2).join("/")}`), openFiles)
    assert(second._tag === "BdevFailure")
    assert.strictEqual(second.code, "EBUSY")
    assert.match(second.detail, /bdev Aio0 writes to it/)
    assert.strictEqual(await codeOf(aioSpec(path, { readOnly: true }), openFiles), "opened")
    first.close()
    assert.strictEqual(await codeOf(aioSpec(path), openFiles), "opened")
  })

  it("is refused to one of two that come at once", async () => {
    const openFiles = new OpenFiles()
    const spec = aioSpec(folder.file("disk", 1024))
    const codes = await Promise.all(Array.from({ length: 4 }, () => codeOf(spec, openFiles)))
    assert.deepStrictEqual(codes.toSorted(), ["EBUSY", "EBUSY", "EBUSY", "opened"])
  })

  it("that nobody waits for any more leaves nothing open", async () => {
    const openFiles = new OpenFiles()
    const path = folder.file("disk", 1024)
    const controller = new AbortController()
    const result = open(aioSpec(path), openFiles, [], controller.signal)
    controller.abort()
    assert.strictEqual((await result)._tag, "BdevFailure")
    assert.strictEqual(await codeOf(aioSpec(path), openFiles), "opened")
  })
})
