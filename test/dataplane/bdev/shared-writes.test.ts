/** Writes that share a trip through the thread pool: which do, in which order, and what becomes of those that fail. */
import { execFileSync } from "node:child_process"
import { closeSync, openSync, readFileSync, readSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { AioBdev } from "../../../src/dataplane/bdev/file/AioBdev.ts"
import { batchWritesMax, type WriteBatch } from "../../../src/dataplane/bdev/file/kernel-aio.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { systemCalls } from "../../../src/dataplane/bdev/file/system-calls.ts"
import { runCommand } from "../../support/child-process.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import { aioSpec, Folder, HeldFiles, openDisk, type Told } from "./aio-support.ts"
import { RecordedIo } from "./recorded-io.ts"

const page = 4096

let folder: Folder
beforeEach(() => {
  folder = new Folder()
})
afterEach(() => folder[Symbol.dispose]())

const write = (disk: AioBdev, at: number, byteLength: number, fill: number, fua = false): RecordedIo => {
  const io = new RecordedIo()
  disk.write(at, Buffer.alloc(byteLength, fill), 0, byteLength, fua, io)
  return io
}

/** A disk of a file that can write together and nothing at once. */
const scene = async () => {
  const files = new HeldFiles()
  files.atOnce = {
    inMemory: false,
    read: undefined,
    write: undefined,
    takeWriteBatch: () => (files.hasBatches ? files.takeWriteBatch() : undefined)
  }
  const told: Told = []
  const path = folder.file("disk", 256 * page)
  const disk = await openDisk(aioSpec(path), new OpenFiles(files, 64), told)
  files.isOpen = true
  /** What has begun, once all that was received together has been handed on. */
  const begun = async () => {
    await Promise.resolve()
    return files.take()
  }
  return { begun, disk, files, path, told }
}

describe("short writes into the page cache", () => {
  it("go together if they come together, and those that come meanwhile go next", async () => {
    const { begun, disk, path } = await scene()
    const first = [0, 1, 2].map((index) => write(disk, index * page, page, 1 + index))
    const [together, ...none] = await begun()
    assert.strictEqual(together?.operation, "writes")
    assert.isEmpty(none)
    const second = [3, 4].map((index) => write(disk, index * page, 2 * page, 1 + index))
    assert.isEmpty(await begun())
    assert.isTrue(first.every(({ answers }) => answers.length === 0))
    together?.go()
    assert.deepStrictEqual(
      first.map(({ answers }) => answers),
      [[IoStatus.ok], [IoStatus.ok], [IoStatus.ok]]
    )
    const [next] = await begun()
    assert.strictEqual(next?.operation, "writes")
    next?.go()
    for (const io of second) assert.deepStrictEqual(io.answers, [IoStatus.ok])
    const content = readFileSync(path)
    assert.deepStrictEqual(
      [0, 1, 2, 3].map((index) => content[index * page]),
      [1, 2, 3, 4]
    )
  })

  it("are one alone an operation as any other, and a long or a partial page does not wait for them", async () => {
    const { begun, disk } = await scene()
    write(disk, 0, page, 1)
    const [alone] = await begun()
    assert.strictEqual(alone?.operation, "write")
    write(disk, 64 * page, 128 * 1024, 2)
    write(disk, 512, page, 3)
    write(disk, 0, 512, 4)
    assert.deepStrictEqual(
      (await begun()).map(({ operation }) => operation),
      ["write", "write", "write"]
    )
    write(disk, page, page, 5)
    assert.isEmpty(await begun())
    alone?.go()
    await new Promise(setImmediate)
    while ((await begun()).length === 0) await new Promise(setImmediate)
  })

  it("are at most so many at a time", async () => {
    const { begun, disk } = await scene()
    const ios = Array.from({ length: batchWritesMax + 2 }, (_, index) => write(disk, index * page, page, 1))
    for (const { go } of await begun()) go()
    assert.strictEqual(ios.filter(({ answers }) => answers.length === 1).length, batchWritesMax)
    for (const { go } of await begun()) go()
    assert.isTrue(ios.every(({ answers }) => answers[0] === IoStatus.ok))
  })

  it("are repeated one by one if they were not written, or not whole, and end as that does", async () => {
    const { begun, disk, told } = await scene()
    const ios = [0, 1].map((index) => write(disk, index * page, page, 7))
    for (const { go } of await begun()) go(1000)
    assert.isTrue(ios.every(({ answers }) => answers.length === 0))
    const alone = await begun()
    assert.deepStrictEqual(
      alone.map(({ byteLength, byteOffset, operation }) => [operation, byteOffset, byteLength]),
      [
        ["write", 0, page],
        ["write", page, page]
      ]
    )
    assert.isEmpty(told)
    alone[1]?.fail("ENOSPC")
    assert.deepStrictEqual([ios[1]?.answers, ios[1]?.failedAt], [[IoStatus.noSpace], page])
    alone[0]?.go()
    assert.strictEqual(await ios[0]?.answered, IoStatus.ok)
    assert.deepStrictEqual(told, [`write ENOSPC at ${page}`])
  })

  it("go one by one where the kernel has no more of this", async () => {
    const { begun, disk, files } = await scene()
    files.hasBatches = false
    const ios = [0, 1, 2].map((index) => write(disk, index * page, page, 7))
    const alone = await begun()
    assert.deepStrictEqual(
      alone.map(({ operation }) => operation),
      ["write", "write", "write"]
    )
    for (const { go } of alone) go()
    for (const io of ios) assert.strictEqual(await io.answered, IoStatus.ok)
  })

  it("with FUA are synced after they have ended, by one sync", async () => {
    const { begun, disk } = await scene()
    const ios = [0, 1, 2].map((index) => write(disk, index * page, page, 7, index < 2))
    for (const { go } of await begun()) go()
    assert.deepStrictEqual(
      ios.map(({ answers }) => answers.length),
      [0, 0, 1]
    )
    const syncs = await begun()
    assert.deepStrictEqual(
      syncs.map(({ operation }) => operation),
      ["fdatasync"]
    )
    for (const { go } of syncs) go()
    for (const io of ios) assert.strictEqual(await io.answered, IoStatus.ok)
  })

  it("may be lost with a sync that fails meanwhile", async () => {
    const { begun, disk } = await scene()
    const flush = new RecordedIo()
    disk.flush(flush)
    const [sync] = await begun()
    const ios = [0, 1].map((index) => write(disk, index * page, page, 7))
    const [together] = await begun()
    sync?.fail("EIO")
    together?.go()
    assert.strictEqual(await flush.answered, IoStatus.mediumError)
    for (const io of ios) assert.deepStrictEqual(io.answers, [IoStatus.mediumError])
  })

  it("that wait end when they are cancelled or the disk is closed, the others when they are back", async () => {
    const { begun, disk } = await scene()
    const running = [0, 1].map((index) => write(disk, index * page, page, 1))
    const [together] = await begun()
    const [cancelled, waiting] = [write(disk, 2 * page, page, 1), write(disk, 3 * page, page, 1)]
    disk.cancel(cancelled)
    assert.deepStrictEqual(cancelled.answers, [IoStatus.aborted])
    disk.close()
    assert.deepStrictEqual(waiting.answers, [IoStatus.aborted])
    assert.isTrue(running.every(({ answers }) => answers.length === 0))
    together?.go()
    for (const io of running) assert.deepStrictEqual(io.answers, [IoStatus.ok])
    const [close] = await begun()
    assert.strictEqual(close?.operation, "close")
    const closed = new Promise<void>((resolve) => disk.whenClosed(resolve))
    close?.go()
    await closed
  })
})

it("a disk that is closed by an answer of theirs is closed after the last", async () => {
  const { begun, disk } = await scene()
  const last = new RecordedIo()
  disk.write(0, Buffer.alloc(page), 0, page, false, { ioDone: () => disk.close() })
  disk.write(page, Buffer.alloc(page), 0, page, true, last)
  for (const { go } of await begun()) go()
  assert.deepStrictEqual(last.answers, [IoStatus.aborted])
  const [close] = await begun()
  assert.strictEqual(close?.operation, "close")
  const closed = new Promise<void>((resolve) => disk.whenClosed(resolve))
  close?.go()
  await closed
})

const batchOf = (): WriteBatch => {
  const calls = systemCalls()
  assert(typeof calls !== "string", `koffi is part of a development installation: ${String(calls)}`)
  const batch = calls.takeWriteBatch()
  assert(batch !== undefined, "the kernel has asynchronous IO")
  return batch
}
const submitted = (batch: WriteBatch): Promise<void> => new Promise((resolve) => batch.submit(resolve))

describe("the kernel's batches", () => {
  it("write what was added where it belongs, and fail each for itself", async () => {
    const path = folder.file("disk", 6 * 2 ** 30)
    const descriptor = openSync(path, "r+")
    const readOnly = openSync(path, "r")
    try {
      const data = makeRandom(3).bytes(4 * page)
      for (let round = 0; round < 3; round++) {
        const batch = batchOf()
        assert.strictEqual(batch.count, 0)
        batch.add(descriptor, data, page, page, 0)
        batch.add(readOnly, data, 0, page, page)
        batch.add(descriptor, data, 2 * page, 2 * page, 5 * 2 ** 30)
        await submitted(batch)
        // One that is refused at once is not done, and what stands behind it is not either.
        const { EAGAIN } = constants.errno
        assert.deepStrictEqual(
          [0, 1, 2].map((index) => batch.resultOf(index)),
          [page, -EAGAIN, -EAGAIN]
        )
        batch.give()
      }
      const batch = batchOf()
      batch.add(descriptor, data, 2 * page, 2 * page, 5 * 2 ** 30)
      await submitted(batch)
      assert.strictEqual(batch.resultOf(0), 2 * page)
      batch.give()
      const back = Buffer.alloc(2 * page)
      readSync(descriptor, back, 0, 2 * page, 5 * 2 ** 30)
      assert.isTrue(back.equals(data.subarray(2 * page)))
    } finally {
      closeSync(descriptor)
      closeSync(readOnly)
    }
  })

  it("keep no process from ending that hang", async () => {
    const fifo = join(folder.path, "fifo")
    execFileSync("mkfifo", [fifo])
    const source = (path: string): string => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
    const script = `
      import { openSync } from "node:fs"
      import { endProcess } from ${source("cli/serve/end-process.ts")}
      import { leaveProcess } from ${source("dataplane/leave-process.ts")}
      import { hasPoolCalls } from ${source("dataplane/bdev/file/pool-calls.ts")}
      import { systemCalls } from ${source("dataplane/bdev/file/system-calls.ts")}
      const batch = systemCalls().takeWriteBatch()
      const fifo = openSync(${JSON.stringify(fifo)}, "r+")
      for (let index = 0; index < 32; index++) batch.add(fifo, Buffer.alloc(65536), 0, 65536, 0)
      batch.submit(() => console.log("a FIFO took it all"))
      endProcess(7, leaveProcess, hasPoolCalls)`
    const { code, stdout } = await runCommand(
      { command: process.execPath, args: ["--input-type=module", "--eval", script] },
      20_000
    )
    assert.deepStrictEqual([code, stdout], [7, ""])
  })

  it("take no more than there is room for, and nothing outside of a buffer", () => {
    const batch = batchOf()
    assert.throws(() => batch.add(0, Buffer.alloc(10), 5, 6, 0), /6 bytes from 5/)
    for (let index = 0; index < batchWritesMax; index++) batch.add(0, Buffer.alloc(10), 0, 10, 0)
    assert.throws(() => batch.add(0, Buffer.alloc(10), 0, 10, 0), /at most 32/)
    batch.give()
  })

  it("work in a worker, too", async () => {
    const path = folder.file("disk", page)
    const descriptor = openSync(path, "r+")
    const module = new URL("../../../src/dataplane/bdev/file/system-calls.ts", import.meta.url).href
    const script = `
      const { parentPort, workerData } = require("node:worker_threads")
      import(workerData.module).then(({ systemCalls }) => {
        const batch = systemCalls().takeWriteBatch()
        batch.add(workerData.descriptor, Buffer.alloc(4096, 9), 0, 4096, 0)
        batch.submit(() => parentPort.postMessage(batch.resultOf(0)))
      })`
    const worker = new Worker(script, { eval: true, workerData: { module, descriptor } })
    try {
      assert.strictEqual(await new Promise((resolve) => worker.once("message", resolve)), page)
    } finally {
      await worker.terminate()
      closeSync(descriptor)
    }
    assert.isTrue(readFileSync(path).equals(Buffer.alloc(page, 9)))
  })
})
