/** Files that are made for their disk, and ways to open one: past the page cache, with every write on the medium. */
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { AioSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import { BounceBuffers, bounceBytes } from "../../../src/dataplane/bdev/file/BounceBuffers.ts"
import { type FileOperations, nodeFiles } from "../../../src/dataplane/bdev/file/FileOperations.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import { aioSpec, Folder, HeldFiles, open, openDisk, type Told } from "./aio-support.ts"
import { RecordedIo } from "./recorded-io.ts"

const mebibyte = 1024 * 1024

let folder: Folder
let path: string
beforeEach(() => {
  folder = new Folder()
  path = join(folder.path, "new.img")
})
afterEach(() => folder[Symbol.dispose]())

const ended = (submit: (io: RecordedIo) => void): Promise<IoStatus> => {
  const io = new RecordedIo()
  submit(io)
  return io.answered
}

const refusal = async (spec: AioSpec, openFiles = new OpenFiles()): Promise<string> => {
  const result = await open(spec, openFiles)
  if (result._tag === "BdevOpened") result.bdev.close()
  return result._tag === "BdevFailure" ? `${result.code}: ${result.detail}` : "opened"
}

const created = (changes: Partial<AioSpec> = {}, byteLength = mebibyte, mustBeNew = true): AioSpec =>
  aioSpec(path, { create: { byteLength, mustBeNew }, ...changes })

describe("a file that is made for its disk", () => {
  it("is sparse, its owner's alone, and synced with its folder before the disk is there", async () => {
    const synced: Array<number> = []
    const files: FileOperations = { ...nodeFiles, fsync: (fd) => nodeFiles.fsync(fd).then(() => void synced.push(fd)) }
    const disk = await openDisk(created({ fallocate: true }, 64 * mebibyte), new OpenFiles(files))
    assert.deepInclude(disk, { blockCount: 131_072, thin: true })
    const { blocks, mode, size } = statSync(path)
    assert.deepInclude({ mode: mode & 0o777, size }, { mode: 0o600, size: 64 * mebibyte })
    assert.isBelow(blocks * 512, mebibyte)
    assert.lengthOf(synced, 2)
    disk.close()
    await disk.discard()
    assert.isFalse(existsSync(path))
  })

  it("is never one that exists, unless that is what was asked for and it is large enough", async () => {
    writeFileSync(path, "precious".repeat(64))
    assert.match(await refusal(created()), /^EEXIST: .* exists already, and is not made anew/)
    assert.match(await refusal(created({}, 1024, false)), /^EEXIST: .* with 512 bytes and not 1024/)
    for (const byteLength of [512, 1]) {
      const disk = await openDisk(created({}, byteLength, false))
      assert.strictEqual(disk.blockCount, 1)
      disk.close()
      await disk.discard()
    }
    assert.strictEqual(readFileSync(path, "utf8"), "precious".repeat(64))
  })

  it("leaves nothing where making it fails, or opening it", async () => {
    const failing = (operation: "truncate" | "fsync", code: string): FileOperations => ({
      ...nodeFiles,
      [operation]: () => Promise.reject(Object.assign(new Error(code), { code }))
    })
    assert.match(await refusal(created(), new OpenFiles(failing("truncate", "EFBIG"))), /^EFBIG: .* cannot be created/)
    assert.match(await refusal(created(), new OpenFiles(failing("fsync", "ENOSPC"))), /^ENOSPC: .* no room/)
    assert.match(await refusal(created({ blockSize: 4096 }, 6144)), /^EINVAL: .* no whole blocks/)
    assert.match(await refusal(created({ nowait: true })), /^EOPNOTSUPP/)
    assert.match(await refusal({ ...created(), filename: join(folder.path, "no", "disk") }), /^ENOENT: .*folder/)
    assert.isEmpty(readdirSync(folder.path))
  })

  it("goes if nobody waits for it any more", async () => {
    const controller = new AbortController()
    const opening = open(created(), new OpenFiles(), [], controller.signal)
    setImmediate(() => controller.abort())
    const result = await opening
    if (result._tag === "BdevFailure") assert.isEmpty(readdirSync(folder.path))
    else {
      result.bdev.close()
      assert.strictEqual(statSync(path).size, mebibyte)
    }
  })
})

describe("a file past the page cache", () => {
  it("has what is written, in any pieces, also from memory that is not aligned", async () => {
    const file = folder.file("disk", 8 * mebibyte)
    const disk = await openDisk(aioSpec(file, { blockSize: 4096, direct: true }))
    const random = makeRandom(9)
    const model = Buffer.alloc(8 * mebibyte)
    for (const [at, length] of [
      [0, 4096],
      [4096, bounceBytes],
      [2 * mebibyte, 3 * bounceBytes + 8192],
      [8 * mebibyte - 4096, 4096]
    ] as const) {
      const data = Buffer.alloc(length + 3)
      random.bytes(length).copy(data, 3)
      data.copy(model, at, 3)
      assert.strictEqual(await ended((io) => disk.write(at, data, 3, length, false, io)), IoStatus.ok)
    }
    assert.isTrue(readFileSync(file).equals(model))
    const back = Buffer.alloc(8 * mebibyte + 5)
    assert.strictEqual(await ended((io) => disk.read(0, back, 5, 8 * mebibyte, io)), IoStatus.ok)
    assert.isTrue(back.subarray(5).equals(model))
    disk.close()
  })

  it("keeps many at once apart, and gives its memory back", async () => {
    const openFiles = new OpenFiles(nodeFiles, 64)
    const disk = await openDisk(
      aioSpec(folder.file("disk", 8 * mebibyte), { blockSize: 4096, direct: true }),
      openFiles
    )
    for (let round = 0; round < 4; round++) {
      const writes = Array.from({ length: 100 }, (_, index) =>
        ended((io) => disk.write(index * 8192, Buffer.alloc(8192, index + round), 0, 8192, false, io))
      )
      assert.isTrue((await Promise.all(writes)).every((status) => status === IoStatus.ok))
      const reads = Array.from({ length: 100 }, async (_, index) => {
        const data = Buffer.alloc(8192)
        assert.strictEqual(await ended((io) => disk.read(index * 8192, data, 0, 8192, io)), IoStatus.ok)
        return data.every((byte) => byte === index + round)
      })
      assert.isTrue((await Promise.all(reads)).every(Boolean))
    }
    disk.close()
  })

  it("ends where the file does: a part of a block is no block", async () => {
    const told: Told = []
    const file = folder.file("disk", 64 * 1024)
    const disk = await openDisk(aioSpec(file, { blockSize: 4096, direct: true }), new OpenFiles(), told)
    truncateSync(file, 10_000)
    assert.strictEqual(await ended((io) => disk.read(0, Buffer.alloc(16_384), 0, 16_384, io)), IoStatus.mediumError)
    assert.deepStrictEqual(told, ["read EOF at 8192"])
    disk.close()
  })

  it("is refused where the file system has no such thing, or takes no blocks so small", async () => {
    const file = folder.file("disk", mebibyte)
    const refusing: FileOperations = {
      ...nodeFiles,
      open: () => Promise.reject(Object.assign(new Error("EINVAL"), { code: "EINVAL" }))
    }
    const spec = aioSpec(file, { direct: true })
    assert.match(await refusal(spec, new OpenFiles(refusing)), /^EINVAL: .*page cache \(O_DIRECT\); leave direct out/)
    const large: FileOperations = {
      ...nodeFiles,
      read: (fd, buffer, start, length, at, done) =>
        length < 4096
          ? done(Object.assign(new Error("EINVAL"), { code: "EINVAL" }), 0)
          : nodeFiles.read(fd, buffer, start, length, at, done)
    }
    assert.match(
      await refusal(spec, new OpenFiles(large)),
      /^EINVAL: .* blocks of 512 bytes .*use larger ones, as 4096/
    )
    assert.strictEqual(await refusal({ ...spec, blockSize: 4096 }, new OpenFiles(large)), "opened")
  })

  it("has memory that begins at a page, and no more of it than was asked for", () => {
    const buffers = new BounceBuffers(3)
    const [a, b, c] = [buffers.take(), buffers.take(), buffers.take()]
    assert.isTrue([a, b, c].every(({ byteOffset, length }) => byteOffset % 4096 === 0 && length === bounceBytes))
    assert.throws(() => buffers.take(), RangeError)
    buffers.give(b)
    assert.strictEqual(buffers.take(), b)
  })
})

describe("a file whose writes are on the medium when they end", () => {
  it("has no write cache, and syncs what is no write by itself", async () => {
    const files = new HeldFiles()
    const flags: Array<number> = []
    const watched = Object.assign(files, {
      open: (name: string, mode: number) => {
        flags.push(mode)
        return nodeFiles.open(name, mode)
      }
    })
    const disk = await openDisk(
      aioSpec(folder.file("disk", mebibyte), { dsync: true, fallocate: true }),
      new OpenFiles(watched, 64)
    )
    files.isOpen = true
    assert.isFalse(disk.writeCache)
    const { O_DSYNC } = await import("node:constants")
    assert.isTrue(flags.every((mode) => (mode & O_DSYNC) === O_DSYNC))
    const io = new RecordedIo()
    disk.unmap(0, 4096, io)
    const names: Array<string> = []
    while (io.answers.length === 0) {
      for (const { go, operation } of files.take()) {
        names.push(operation)
        go()
      }
      await new Promise(setImmediate)
    }
    assert.deepStrictEqual(names, ["punchHole", "fdatasync"])
  })
})
