/**
 * Disks that really fail: a file system without room, in a mount namespace of the target's own, and a loop device whose
 * file has been cut. What initiators are told, that nothing else breaks, and that it is over when the cause is.
 */
import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { mountRefusal } from "../eventlog/support.ts"
import { runCommand } from "../support/child-process.ts"
import { type DiskCall, diskTargetName, setUpDisks } from "../support/disk-target.ts"
import { cdb, clearUnitAttentions, readBlocks } from "../support/initiator/commands.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { Session } from "../support/initiator/Session.ts"
import { describeWithLoopDevices, LoopDevice } from "../support/loop-device.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"

const mebibyte = 1024 * 1024
const chunkBlocks = 512

const synchronizeCache = Buffer.from("35000000000000000000", "hex")
const noRoom = "7/27/07"

const open = async (port: number, luns: ReadonlyArray<number>): Promise<Session> => {
  const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: diskTargetName })
  for (const lun of luns) await clearUnitAttentions(session, lun)
  return session
}

const flush = async (session: Session, lun: number): Promise<string> =>
  outcomeText(await session.command({ lun, cdb: synchronizeCache }))

const write = async (session: Session, lun: number, chunk: number, seed = chunk): Promise<string> =>
  outcomeText(
    await session.command({
      lun,
      cdb: cdb.write16(chunk * chunkBlocks, chunkBlocks),
      writeData: makePattern(chunk * chunkBlocks, chunkBlocks, seed, 512)
    })
  )

const holds = async (session: Session, lun: number, chunk: number, seed = chunk): Promise<boolean> =>
  (await readBlocks(session, lun, chunk * chunkBlocks, chunkBlocks)).equals(
    makePattern(chunk * chunkBlocks, chunkBlocks, seed, 512)
  )

/** Somebody else takes room in the target's file system, or gives it back. */
const inside = async (target: TargetProcess, ...command: ReadonlyArray<string>): Promise<void> => {
  const args = ["-t", String(target.pid), "-U", "-m", "--preserve-credentials", ...command]
  const { code, stderr } = await runCommand({ command: "nsenter", args }, 20_000)
  assert.strictEqual(code, 0, stderr)
}

const refusal = await mountRefusal()
const suite = refusal === undefined ? describe : describe.skip

suite(`a file system without room${refusal === undefined ? "" : ` (skipped: ${refusal})`}`, () => {
  const withTarget = async (
    disksOf: (mount: string, directory: string) => ReadonlyArray<DiskCall>,
    run: (target: TargetProcess, session: Session, mount: string) => Promise<void>
  ): Promise<void> => {
    const directory = makeDirectory("full")
    try {
      const mount = join(directory, "mount")
      const script = `mkdir ${mount} && mount -t tmpfs -o size=8m tmpfs ${mount} && exec "$@"`
      const wrapper = ["unshare", "-Urm", "sh", "-c", script, "sh"]
      await using target = await startTarget({ directory, stateMode: "empty", wrapper })
      const port = await freePort()
      writeFileSync(join(directory, "other.img"), "")
      truncateSync(join(directory, "other.img"), mebibyte)
      await inside(target, "truncate", "-s", "32M", join(mount, "thin.img"))
      const disks = disksOf(mount, directory)
      await setUpDisks(target.rpc, port, disks)
      const session = await open(port, [...disks.keys()])
      await run(target, session, mount)
      session.drop()
    } finally {
      removeDirectory(directory)
    }
  }

  it("is SPACE ALLOCATION FAILED for writes that need some; all else works, and they do when it is back", {
    timeout: 60_000
  }, async () => {
    const disksOf = (mount: string, directory: string): ReadonlyArray<DiskCall> => [
      ["bdev_aio_create", { name: "Thin", filename: join(mount, "thin.img"), block_size: 512 }],
      ["bdev_aio_create", { name: "Other", filename: join(directory, "other.img"), block_size: 512 }]
    ]
    await withTarget(disksOf, async (target, session, mount) => {
      await inside(target, "dd", "if=/dev/zero", `of=${join(mount, "filler")}`, "bs=1M", "count=4", "status=none")
      let chunk = 0
      while ((await write(session, 0, chunk)) === "GOOD") chunk++
      assert.isAbove(chunk, 4)
      for (let round = 0; round < 3; round++) assert.strictEqual(await write(session, 0, chunk), noRoom)
      // What is there can be read, overwritten, and flushed; what was never written reads as zeros.
      for (let at = 0; at < chunk; at++) assert.isTrue(await holds(session, 0, at), `chunk ${at}`)
      assert.strictEqual(await write(session, 0, 1, 99), "GOOD")
      assert.strictEqual(await flush(session, 0), "GOOD")
      const untouched = await readBlocks(session, 0, 100 * chunkBlocks, chunkBlocks)
      assert.isTrue(untouched.equals(Buffer.alloc(untouched.length)))
      assert.strictEqual(await write(session, 1, 0), "GOOD")
      assert.match(target.stderr(), /bdev Thin: write at byte \d+ failed: ENOSPC/)
      await inside(target, "rm", join(mount, "filler"))
      assert.strictEqual(await write(session, 0, chunk), "GOOD")
      assert.isTrue(await holds(session, 0, chunk))
      assert.isTrue(await holds(session, 0, 1, 99))
      assert.strictEqual(await flush(session, 0), "GOOD")
    })
  })

  it("fails the flushes of a RAM disk that is kept there; nothing is lost, and all is kept when it is back", {
    timeout: 60_000
  }, async () => {
    const disksOf = (mount: string): ReadonlyArray<DiskCall> => {
      const size = { num_blocks: (6 * mebibyte) / 512, block_size: 512 }
      return [["bdev_malloc_create", { name: "Kept", ...size, file: join(mount, "kept.img") }]]
    }
    await withTarget(disksOf, async (target, session, mount) => {
      await inside(target, "dd", "if=/dev/zero", `of=${join(mount, "filler")}`, "bs=1M", "count=5", "status=none")
      const chunks = (6 * mebibyte) / 512 / chunkBlocks
      for (let chunk = 0; chunk < chunks; chunk++) assert.strictEqual(await write(session, 0, chunk), "GOOD")
      for (let round = 0; round < 2; round++) assert.strictEqual(await flush(session, 0), noRoom)
      for (let chunk = 0; chunk < chunks; chunk++) assert.isTrue(await holds(session, 0, chunk))
      await inside(target, "rm", join(mount, "filler"))
      assert.strictEqual(await flush(session, 0), "GOOD")
      await inside(target, "cp", join(mount, "kept.img"), join(target.directory, "copy.img"))
      assert.strictEqual(await flush(session, 0), "GOOD")
    })
  })
})

describeWithLoopDevices("a loop device whose file has been cut", () => {
  it("is a MEDIUM ERROR with the first block that is missing; the blocks before it are there", {
    timeout: 60_000
  }, async () => {
    const directory = makeDirectory("cut-loop")
    try {
      const file = join(directory, "backing.img")
      const descriptor = openSync(file, "w")
      writeSync(descriptor, makePattern(0, 8192, 1, 512))
      closeSync(descriptor)
      using device = LoopDevice.attach(file)
      await using target = await startTarget({ directory, stateMode: "empty" })
      const port = await freePort()
      await setUpDisks(target.rpc, port, [["bdev_aio_create", { name: "Cut", filename: device.path, block_size: 512 }]])
      const session = await open(port, [0])
      truncateSync(file, mebibyte)
      const first = mebibyte / 512
      const result = await session.command({ lun: 0, cdb: cdb.read16(first - 8, 64), readBytes: 64 * 512 })
      assert.deepStrictEqual([outcomeText(result), result.sense?.information], ["3/11/00", first])
      assert.isTrue((await readBlocks(session, 0, 0, 64)).equals(makePattern(0, 64, 1, 512)))
      session.drop()
    } finally {
      removeDirectory(directory)
    }
  })
})
