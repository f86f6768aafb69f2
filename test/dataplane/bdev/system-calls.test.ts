/** System calls of libc, on real files and loop devices: holes where they were asked for, and errors by name. */
import { closeSync, openSync, readSync, statSync, truncateSync, writeSync } from "node:fs"
import { Worker } from "node:worker_threads"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type SystemCalls, systemCalls } from "../../../src/dataplane/bdev/file/system-calls.ts"
import { describeWithLoopDevices, LoopDevice } from "../../support/loop-device.ts"
import { Folder } from "./aio-support.ts"

const mebibyte = 1024 * 1024

const loaded = (): SystemCalls => {
  const calls = systemCalls()
  assert(typeof calls !== "string", `koffi is part of a development installation: ${String(calls)}`)
  return calls
}

const codeOf = (call: "punchHole" | "zeroRange", descriptor: number, at: number, length: number): Promise<string> =>
  new Promise((resolve) => loaded()[call](descriptor, at, length, (error) => resolve(error?.code ?? "ok")))

const seek = (call: "seekData" | "seekHole", descriptor: number, at: number): Promise<number | string> =>
  new Promise((resolve) => loaded()[call](descriptor, at, (error, found) => resolve(error?.code ?? found)))

let folder: Folder
let path: string
let descriptor: number
beforeEach(() => {
  folder = new Folder()
  path = folder.file("disk", 4 * mebibyte)
  descriptor = openSync(path, "r+")
})
afterEach(() => {
  closeSync(descriptor)
  folder[Symbol.dispose]()
})

const fill = (target: number, at: number, length: number): void => {
  writeSync(target, Buffer.alloc(length, 0xa5), 0, length, at)
}
const sum = (target: number, at: number, length: number): number => {
  const data = Buffer.alloc(length)
  assert.strictEqual(readSync(target, data, 0, length, at), length)
  return data.reduce((total, byte) => total + byte, 0)
}

describe("a file", () => {
  it("gets a hole, gives its blocks back, and keeps its size", async () => {
    fill(descriptor, 0, 2 * mebibyte)
    const before = statSync(path).blocks
    assert.strictEqual(await codeOf("punchHole", descriptor, mebibyte, 512 * 1024), "ok")
    assert.strictEqual(sum(descriptor, mebibyte, 512 * 1024), 0)
    assert.isAbove(sum(descriptor, mebibyte - 512, 512), 0)
    assert.isAbove(sum(descriptor, mebibyte + 512 * 1024, 512), 0)
    assert.isBelow(statSync(path).blocks, before)
    assert.strictEqual(await codeOf("punchHole", descriptor, 3 * mebibyte, 8 * mebibyte), "ok")
    assert.strictEqual(statSync(path).size, 4 * mebibyte)
  })

  it("is zeros where it was zeroed, and keeps its blocks", async () => {
    fill(descriptor, 0, mebibyte)
    const before = statSync(path).blocks
    const code = await codeOf("zeroRange", descriptor, 0, mebibyte)
    // tmpfs has no such thing.
    if (code === "EOPNOTSUPP") return
    assert.strictEqual(code, "ok")
    assert.strictEqual(sum(descriptor, 0, mebibyte), 0)
    assert.isAtLeast(statSync(path).blocks, before)
  })

  it("says where its data is, also beyond 4 GiB", async () => {
    const gibibyte = 1024 * mebibyte
    truncateSync(path, 9 * gibibyte)
    fill(descriptor, 8 * gibibyte, mebibyte)
    assert.strictEqual(await seek("seekData", descriptor, 0), 8 * gibibyte)
    assert.strictEqual(await seek("seekHole", descriptor, 8 * gibibyte), 8 * gibibyte + mebibyte)
    assert.strictEqual(await seek("seekHole", descriptor, 0), 0)
    assert.strictEqual(await seek("seekData", descriptor, 8 * gibibyte + mebibyte), "ENXIO")
  })

  it("fails by name, each of many calls at once by its own", async () => {
    const codes = await Promise.all(
      Array.from({ length: 60 }, (_, index) => {
        if (index % 3 === 0) return codeOf("punchHole", 999_999, 0, 4096)
        return index % 3 === 1 ? codeOf("punchHole", descriptor, 0, 0) : codeOf("punchHole", descriptor, 0, 4096)
      })
    )
    assert.deepStrictEqual(
      codes,
      codes.map((_, index) => ["EBADF", "EINVAL", "ok"][index % 3])
    )
  })

  it("gets them from a worker, too", async () => {
    const module = new URL("../../../src/dataplane/bdev/file/system-calls.ts", import.meta.url).href
    const script = `
      const { parentPort, workerData } = require("node:worker_threads")
      import(workerData.module).then(({ systemCalls }) =>
        systemCalls().punchHole(workerData.descriptor, 0, 4096, (error) =>
          parentPort.postMessage(error?.code ?? "ok")))`
    fill(descriptor, 0, 4096)
    const worker = new Worker(script, { eval: true, workerData: { module, descriptor } })
    try {
      assert.strictEqual(await new Promise((resolve) => worker.once("message", resolve)), "ok")
    } finally {
      await worker.terminate()
    }
    assert.strictEqual(sum(descriptor, 0, 4096), 0)
  })
})

describeWithLoopDevices("a block device", () => {
  it("gets zeros by both calls, seen by reads through the page cache, and its file the hole", async () => {
    fill(descriptor, 0, 4 * mebibyte)
    using device = LoopDevice.attach(path)
    const opened = openSync(device.path, "r+")
    try {
      assert.isAbove(sum(opened, 0, 4 * mebibyte), 0)
      const before = statSync(path).blocks
      assert.strictEqual(await codeOf("punchHole", opened, mebibyte, mebibyte), "ok")
      assert.strictEqual(await codeOf("zeroRange", opened, 2 * mebibyte, mebibyte), "ok")
      assert.strictEqual(sum(opened, mebibyte, 2 * mebibyte), 0)
      assert.isAbove(sum(opened, 3 * mebibyte, mebibyte), 0)
      assert.isBelow(statSync(path).blocks, before)
    } finally {
      closeSync(opened)
    }
  })
})
