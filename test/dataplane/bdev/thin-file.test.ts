/** Files that give back what is unmapped: holes where they were asked for, nowhere else, and found again. */
import { readFileSync, statSync } from "node:fs"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type Bdev, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { AioBdev } from "../../../src/dataplane/bdev/file/AioBdev.ts"
import { clearBytesMax } from "../../../src/dataplane/bdev/file/FileAccess.ts"
import { type FileOperations, nodeFiles } from "../../../src/dataplane/bdev/file/FileOperations.ts"
import { runBeforeData, runBeforeHole } from "../../../src/dataplane/bdev/file/mapped-run.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { systemCalls } from "../../../src/dataplane/bdev/file/system-calls.ts"
import { aioSpec, Folder, HeldFiles, open, openDisk, type Told } from "./aio-support.ts"
import { RecordedIo } from "./recorded-io.ts"

const mebibyte = 1024 * 1024

let folder: Folder
beforeEach(() => {
  folder = new Folder()
})
afterEach(() => folder[Symbol.dispose]())

const ended = (submit: (io: RecordedIo) => void): Promise<IoStatus> => {
  const io = new RecordedIo()
  submit(io)
  return io.answered
}

const fill = async (disk: AioBdev, at: number, length: number, byte = 0xa5): Promise<void> => {
  assert.strictEqual(await ended((io) => disk.write(at, Buffer.alloc(length, byte), 0, length, false, io)), IoStatus.ok)
}

const run = (disk: Bdev, at: number, length: number): Promise<number> =>
  new Promise((resolve) => disk.mappedRun(at, length, resolve))

const bytesUsed = (path: string): number => statSync(path).blocks * 512

/** Whether this file system has holes is tried out as the product does. */
const thinDisk = async (path: string, files: FileOperations = nodeFiles, told: Told = []): Promise<AioBdev> =>
  openDisk(aioSpec(path, { fallocate: true }), new OpenFiles(files, 64), told)

describe("a file that is to give back what is unmapped", () => {
  it("does, and reads as zeros there; what is beside it stays", async () => {
    const path = folder.file("disk", 8 * mebibyte)
    const disk = await thinDisk(path)
    assert.isTrue(disk.thin)
    assert.strictEqual(disk.unmapGranuleBytes, statSync(path).blksize)
    assert.isUndefined((await openDisk(aioSpec(folder.file("thick", 4096)))).unmapGranuleBytes)
    await fill(disk, 0, 4 * mebibyte)
    assert.strictEqual(await ended((io) => disk.flush(io)), IoStatus.ok)
    const before = bytesUsed(path)
    assert.strictEqual(await ended((io) => disk.unmap(512, 2 * mebibyte, io)), IoStatus.ok)
    assert.isAtMost(bytesUsed(path), before - mebibyte)
    const content = readFileSync(path)
    assert.strictEqual(content.length, 8 * mebibyte)
    const isHole = (at: number) => at >= 512 && at < 512 + 2 * mebibyte
    assert.isTrue(content.subarray(0, 4 * mebibyte).every((byte, at) => byte === (isHole(at) ? 0 : 0xa5)))
  })

  it("has what is written after that, however soon", async () => {
    const path = folder.file("disk", mebibyte)
    const disk = await thinDisk(path)
    for (let round = 1; round <= 50; round++) {
      await fill(disk, 0, 65_536, round)
      assert.strictEqual(await ended((io) => disk.unmap(0, 65_536, io)), IoStatus.ok)
      await fill(disk, 4096, 512, round)
    }
    const content = readFileSync(path)
    assert.isTrue(content.subarray(0, 65_536).every((byte, at) => byte === (at >= 4096 && at < 4608 ? 50 : 0)))
  })

  it("knows which blocks are mapped, also after a start", async () => {
    const path = folder.file("disk", 64 * mebibyte)
    const disk = await thinDisk(path)
    assert.strictEqual(await run(disk, 0, 64 * mebibyte), -64 * mebibyte)
    await fill(disk, 16 * mebibyte, mebibyte)
    for (const opened of [disk, await openDisk(aioSpec(path, { fallocate: true }))]) {
      assert.strictEqual(await run(opened, 0, 64 * mebibyte), -16 * mebibyte)
      assert.strictEqual(await run(opened, 16 * mebibyte, 48 * mebibyte), mebibyte)
      assert.strictEqual(await run(opened, 16 * mebibyte + 512, 4096), 4096)
      assert.strictEqual(await run(opened, 17 * mebibyte, 4096), -4096)
    }
    disk.close()
    assert.strictEqual(await run(disk, 0, 4096), 4096)
  })

  it("clears what is long in pieces, each a thread's for a short time, and syncs it with FUA", async () => {
    const files = new HeldFiles()
    const disk = await thinDisk(folder.file("disk", 3 * clearBytesMax), files)
    files.isOpen = true
    const io = new RecordedIo()
    disk.writeZeroes(0, 2 * clearBytesMax + 512, true, io)
    const names: Array<string> = []
    while (io.answers.length === 0) {
      for (const { byteLength, go, operation } of files.take()) {
        names.push(`${operation} ${byteLength}`)
        assert.isEmpty(io.answers)
        go()
      }
      await new Promise(setImmediate)
    }
    const piece = `zeroRange ${clearBytesMax}`
    assert.deepStrictEqual(names, [piece, piece, "zeroRange 512", "fdatasync 0"])
  })

  it("writes zeros where the file says in the middle that it has no such thing", async () => {
    const files = new HeldFiles()
    const path = folder.file("disk", mebibyte)
    const disk = await thinDisk(path, files)
    await new Promise<void>((resolve) => {
      disk.write(0, Buffer.alloc(mebibyte, 1), 0, mebibyte, false, { ioDone: () => resolve() })
      for (const { go } of files.take()) go()
    })
    files.isOpen = true
    const io = new RecordedIo()
    disk.unmap(0, 65_536, io)
    const names: Array<string> = []
    while (io.answers.length === 0) {
      for (const { fail, go, operation } of files.take()) {
        names.push(operation)
        if (operation === "write") go()
        else fail("EOPNOTSUPP")
      }
      await new Promise(setImmediate)
    }
    assert.deepStrictEqual(names, ["punchHole", "zeroRange", "write"])
    assert.isTrue(readFileSync(path).every((byte, at) => byte === (at < 65_536 ? 0 : 1)))
    // It is not asked again.
    disk.unmap(0, 512, new RecordedIo())
    assert.deepStrictEqual(
      files.take().map(({ operation }) => operation),
      ["write"]
    )
  })

  it("tells an error of the file as that of an unmap, or of a write", async () => {
    const told: Told = []
    const files = new HeldFiles()
    const disk = await thinDisk(folder.file("disk", mebibyte), files, told)
    files.isOpen = true
    const unmapped = ended((io) => disk.unmap(512, 512, io))
    for (const { fail } of files.take()) fail("EIO")
    const zeroed = ended((io) => disk.writeZeroes(1024, 512, false, io))
    for (const { fail } of files.take()) fail("ENOSPC")
    assert.deepStrictEqual([await unmapped, await zeroed], [IoStatus.mediumError, IoStatus.noSpace])
    assert.deepStrictEqual(told, ["unmap EIO at 512", "write ENOSPC at 1024"])
  })

  it("is refused where that cannot be had, and one that is there already does without", async () => {
    const path = folder.file("disk", mebibyte)
    const calls = systemCalls()
    assert(typeof calls !== "string")
    const unable: FileOperations = {
      ...nodeFiles,
      systemCalls: () => ({
        ...calls,
        punchHole: (_fd, _at, _length, done) => done(Object.assign(new Error(""), { code: "EOPNOTSUPP" }))
      })
    }
    const withoutKoffi: FileOperations = { ...nodeFiles, systemCalls: () => "koffi is not installed" }
    for (const [files, why] of [
      [unable, /no holes to punch; leave fallocate out/],
      [withoutKoffi, /koffi is not installed; leave fallocate out/]
    ] as const) {
      const openFiles = new OpenFiles(files, 64)
      const refused = await open(aioSpec(path, { fallocate: true }), openFiles)
      assert(refused._tag === "BdevFailure")
      assert.strictEqual(refused.code, "EOPNOTSUPP")
      assert.match(refused.detail, why)
      const disk = await openDisk(aioSpec(path, { fallocate: true, wholeBlocks: false }), openFiles)
      assert.isFalse(disk.thin)
      await fill(disk, 0, 4096)
      assert.strictEqual(await ended((io) => disk.unmap(0, 1024, io)), IoStatus.ok)
      assert.strictEqual(await run(disk, 0, 4096), 4096)
      assert.isTrue(
        readFileSync(path)
          .subarray(0, 1024)
          .every((byte) => byte === 0)
      )
      disk.close()
    }
  })

  it("changes nothing when it is tried out", async () => {
    const path = folder.file("disk", 3 * 512)
    const disk = await openDisk(aioSpec(path))
    await fill(disk, 0, 3 * 512)
    disk.close()
    const before = readFileSync(path)
    await thinDisk(path)
    assert.isTrue(readFileSync(path).equals(before))
  })
})

describe("the run that is mapped or not", () => {
  const asked = { byteOffset: 8192, byteLength: 16_384 }

  it("is of whole blocks, of which one that has any data is mapped", () => {
    assert.strictEqual(runBeforeData(asked, 4096, Number.POSITIVE_INFINITY), -16_384)
    assert.strictEqual(runBeforeData(asked, 4096, 8192 + 4096 + 512), -4096)
    assert.isUndefined(runBeforeData(asked, 4096, 8192 + 512))
    assert.strictEqual(runBeforeHole(asked, 4096, 8192 + 512), 4096)
    assert.strictEqual(runBeforeHole(asked, 4096, 8192 + 4096 + 512), 8192)
    assert.strictEqual(runBeforeHole(asked, 4096, Number.POSITIVE_INFINITY), 16_384)
  })

  it("is never nothing, whatever a file says that changes meanwhile", () => {
    assert.strictEqual(runBeforeHole(asked, 4096, 8192), 4096)
    assert.strictEqual(runBeforeHole(asked, 4096, 0), 4096)
    assert.isUndefined(runBeforeData(asked, 4096, 0))
  })
})
