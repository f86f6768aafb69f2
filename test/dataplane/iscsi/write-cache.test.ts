/**
 * What a write cache promises (SBC-3 4.15): with WCE 1 what FUA and flushes confirm is on the medium, with WCE 0 every
 * write that is answered, of every initiator. "On the medium" is an `fdatasync` that began after the write ended.
 */
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { LimitedBdev } from "../../../src/dataplane/bdev/wrapper/LimitedBdev.ts"
import { copyList, extendedCopyCdb } from "../../support/initiator/copy-list.ts"
import { Folder } from "../bdev/aio-support.ts"
import { cdb16 } from "../scsi/block/operation-run.ts"
import { CommandFlags, cachedDisk } from "./cached-disk.ts"
import { addTarget, cdb10, loggedIn, ramDisk, read10, statusOf, TestNode, type TestPeer, write10 } from "./fixture.ts"

let folder: Folder
beforeEach(() => {
  folder = new Folder()
})
afterEach(() => folder[Symbol.dispose]())

type Scene = Awaited<ReturnType<typeof cachedDisk>>

/** MODE SELECT(6) of the caching page (SBC-3 6.5.5). */
const cachingList = (enabled: boolean): Buffer => {
  const list = Buffer.alloc(24)
  list.set([0x08, 0x12, enabled ? 0x04 : 0], 4)
  return list
}
const select = Buffer.from("151000001800", "hex")
const setCache = ({ send }: Scene, peer: TestPeer, enabled: boolean) =>
  send(peer, CommandFlags.write, select, cachingList(enabled))

/** Byte 2 of the caching page: its current values, or which bits can be changed. */
const cachingBits = async ({ send }: Scene, peer: TestPeer, control: "current" | "changeable"): Promise<number> => {
  const page = control === "current" ? 0x08 : 0x48
  const { data } = await send(peer, CommandFlags.read, Buffer.from([0x1a, 0x08, page, 0, 24, 0]), 24)
  return data[6] ?? 0
}

const withFlags = (cdb: Buffer, flags: number): Buffer => {
  cdb[1] = flags
  return cdb
}
const block = Buffer.alloc(512, 7)
const compare = (flags: number): Buffer => {
  const cdb = cdb16(0x89, flags, 0, 0)
  cdb[13] = 1
  return cdb
}

/** Every command that writes: its name, CDB (`fua` if it has that), and data. */
const writers = (scene: Scene): ReadonlyArray<readonly [string, (fua: number) => Buffer, Buffer]> => {
  const naa = scene.target.luns[0]?.unit.identity.naa ?? Buffer.alloc(0)
  const end = { designator: naa, blockLength: 512 }
  const unmapList = Buffer.from("001600100000000000000000000000100000000800000000", "hex")
  const isThin = scene.target.luns[0]?.unit.bdev.thin === true
  const list = copyList([end, end], [{ source: 0, destination: 1, blocks: 2, sourceLba: 0, destinationLba: 8 }])
  return [
    ["WRITE(10)", (fua) => withFlags(write10(0, 1), fua), block],
    ["WRITE(16)", (fua) => cdb16(0x8a, fua, 1, 1), block],
    ["COMPARE AND WRITE", compare, Buffer.alloc(1024, 7)],
    ["ORWRITE(16)", (fua) => cdb16(0x8b, fua, 0, 1), block],
    ["WRITE SAME(16)", () => cdb16(0x93, 0, 3, 4), block],
    ["WRITE SAME(16) of zeros", () => cdb16(0x93, 0, 3, 4), Buffer.alloc(512)],
    ["WRITE AND VERIFY(10)", () => withFlags(cdb10(0x2e, 0, 1), 2), block],
    ...(isThin ? [["UNMAP", () => Buffer.from("42000000000000001800", "hex"), unmapList] as const] : []),
    ["EXTENDED COPY", () => extendedCopyCdb(list.length), list]
  ]
}

/** Whether everything that was written before the answer was synced before it, too. */
const isSynced = (operations: ReadonlyArray<string>): boolean => {
  const lastChange = operations.findLastIndex((operation) => /^(write|punchHole|zeroRange)$/.test(operation))
  return lastChange >= 0 && operations.lastIndexOf("fdatasync") > lastChange
}

describe("a write cache that is on", () => {
  it("has only what FUA, a flush or a stop asks for on the medium before the answer", async () => {
    const scene = await cachedDisk(folder)
    const peer = scene.logIn("800000000001")
    assert.strictEqual(await cachingBits(scene, peer, "current"), 0x04)
    for (const [name, cdb, data] of writers(scene)) {
      const plain = await scene.send(peer, CommandFlags.write, cdb(0), data)
      assert.strictEqual(plain.status, "GOOD", name)
      // What it verifies is what is on the medium.
      assert.strictEqual(isSynced(plain.operations), name === "WRITE AND VERIFY(10)", name)
      const fua = cdb(0x08)
      if ((fua[1] ?? 0) !== 0x08) continue
      assert.isTrue(isSynced((await scene.send(peer, CommandFlags.write, fua, data)).operations), name)
    }
  })

  it("is flushed by SYNCHRONIZE CACHE of any form and range, by a stop, and before a read with FUA", async () => {
    const scene = await cachedDisk(folder)
    const peer = scene.logIn("800000000001")
    const flushes: ReadonlyArray<readonly [string, Buffer]> = [
      ["SYNCHRONIZE CACHE(10)", cdb10(0x35, 0, 0)],
      ["SYNCHRONIZE CACHE(10) of a range", cdb10(0x35, 8, 3)],
      // Nothing is answered before it is done: an error is told at once, and not with a later command.
      ["SYNCHRONIZE CACHE(10) with IMMED", withFlags(cdb10(0x35, 0, 0), 0x02)],
      ["SYNCHRONIZE CACHE(16)", cdb16(0x91, 0, 0, 0)],
      ["SYNCHRONIZE CACHE(16) of a range, with IMMED", cdb16(0x91, 2, 1, 1)],
      ["START STOP UNIT, stop", Buffer.from("1b0000000000", "hex")],
      ["START STOP UNIT, stop, with IMMED", Buffer.from("1b0100000000", "hex")]
    ]
    for (const [name, cdb] of flushes) {
      assert.strictEqual((await scene.write(peer)).status, "GOOD")
      const { operations, status } = await scene.send(peer, CommandFlags.none, cdb)
      assert.deepStrictEqual([status, operations], ["GOOD", ["fdatasync"]], name)
      const failed = await scene.failing(() => scene.send(peer, CommandFlags.none, cdb))
      assert.deepStrictEqual([failed.status, failed.operations], ["3/0c/00", ["fdatasync"]], name)
    }
    const noFlush = await scene.send(peer, CommandFlags.none, Buffer.from("1b0000000400", "hex"))
    assert.deepStrictEqual([noFlush.status, noFlush.operations], ["GOOD", []])
    const read = await scene.send(peer, CommandFlags.read, withFlags(read10(0, 1), 0x08), 512)
    assert.deepStrictEqual([read.status, read.operations], ["GOOD", ["fdatasync", "read"]])
    const failed = await scene.failing(() => scene.send(peer, CommandFlags.read, withFlags(read10(0, 1), 0x08), 512))
    assert.deepStrictEqual([failed.status, failed.operations], ["3/11/00", ["fdatasync"]])
  })
})

const quick = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }
const stacks: ReadonlyArray<[string, (disk: Bdev) => Bdev]> = [
  ["a file", (disk) => disk],
  [
    "a bdev with limits on a slow one on a file",
    (disk) =>
      new LimitedBdev(new DelayBdev(quick, disk, Math.random), {
        readWriteIos: 1_000_000,
        readWriteBytes: 0,
        readBytes: 0,
        writeBytes: 0
      })
  ]
]

describe.each(stacks)("a write cache that MODE SELECT switches off, of %s", (_, stacked) => {
  it("is flushed first; then every write of everybody is on the medium when it is answered", async () => {
    const scene = await cachedDisk(folder, stacked)
    const [one, other] = [scene.logIn("800000000001"), scene.logIn("800000000002")]
    assert.strictEqual(await cachingBits(scene, one, "changeable"), 0x04)
    assert.isFalse(isSynced((await scene.write(other)).operations))
    const off = await setCache(scene, one, false)
    assert.deepStrictEqual([off.status, off.operations], ["GOOD", ["fdatasync"]])
    assert.strictEqual((await scene.write(other)).status, "6/2a/01")
    for (const peer of [one, other]) {
      assert.strictEqual(await cachingBits(scene, peer, "current"), 0)
      for (const [name, cdb, data] of writers(scene)) {
        const { operations, status } = await scene.send(peer, CommandFlags.write, cdb(0), data)
        assert.deepStrictEqual([status, isSynced(operations)], ["GOOD", true], name)
        const failed = await scene.failing(() => scene.send(peer, CommandFlags.write, cdb(0), data))
        assert.notStrictEqual(failed.status, "GOOD", name)
      }
    }
    const on = await setCache(scene, one, true)
    assert.deepStrictEqual([on.status, on.operations], ["GOOD", []])
    assert.isFalse(isSynced((await scene.write(one)).operations))
  })
})

describe("switching a write cache off", () => {
  it("fails if what was answered before may be lost; the cache stays on", async () => {
    const scene = await cachedDisk(folder)
    const [one, other] = [scene.logIn("800000000001"), scene.logIn("800000000002")]
    await scene.write(one)
    assert.strictEqual((await scene.failing(() => setCache(scene, one, false))).status, "3/0c/00")
    assert.strictEqual(await cachingBits(scene, one, "current"), 0x04)
    // The sync of the first has failed for the other, too, which is told once.
    assert.strictEqual((await setCache(scene, other, false)).status, "3/0c/00")
    assert.strictEqual(await cachingBits(scene, other, "current"), 0x04)
    assert.strictEqual((await setCache(scene, other, false)).status, "GOOD")
  })

  it("waits for writes that are under way, and those that come meanwhile wait for it", async () => {
    const scene = await cachedDisk(folder)
    const [one, other, third] = ["1", "2", "3"].map((digit) => scene.logIn(`80000000000${digit}`))
    assert(one !== undefined && other !== undefined && third !== undefined)
    one.command(CommandFlags.write, write10(0, 1), 512, block)
    const [write] = scene.files.take()
    other.command(CommandFlags.write, select, 24, cachingList(false))
    third.command(CommandFlags.write, write10(9, 1), 512, block)
    await turn()
    assert.deepStrictEqual(scene.files.take(), [])
    write?.go()
    while (scene.files.begun.length === 0) await turn()
    assert.deepStrictEqual(
      scene.files.begun.map(({ operation }) => operation),
      ["fdatasync"]
    )
    const [off, written] = [await scene.answer(other), await scene.answer(third)]
    assert.deepStrictEqual([off.status, written.status], ["GOOD", "GOOD"])
    assert.deepStrictEqual([...off.operations, ...written.operations], ["fdatasync", "write", "fdatasync"])
  })

  it("outlasts a reset, which comes from anybody", async () => {
    const scene = await cachedDisk(folder)
    const peer = scene.logIn("800000000001")
    await setCache(scene, peer, false)
    scene.target.luns[0]?.unit.reset(0x2903)
    assert.strictEqual((await scene.write(peer)).status, "6/29/03")
    assert.strictEqual(await cachingBits(scene, peer, "current"), 0)
    assert.isTrue(isSynced((await scene.write(peer)).operations))
  })

  it("is refused where there is none, with a pointer to the bit; nothing becomes a cache", async () => {
    const node = new TestNode()
    addTarget(node, { 0: ramDisk() })
    const peer = loggedIn(node)
    peer.command(CommandFlags.write, select, 24, cachingList(true))
    assert.strictEqual(statusOf(peer.one()), "5/26/00")
    peer.command(CommandFlags.write, select, 24, cachingList(false))
    assert.strictEqual(statusOf(peer.one()), "GOOD")
  })
})
