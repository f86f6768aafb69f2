/** Block devices that change or go under a running target: loop devices, made of files. */
import { rmSync, symlinkSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { cdb, readBlocks, readCapacity, writeBlocks } from "../../support/initiator/commands.ts"
import { describeWithLoopDevices, LoopDevice } from "../../support/loop-device.ts"
import type { Folder } from "../bdev/aio-support.ts"
import { attempt, malloc, recordsOf, startPlane, until } from "../plane.ts"
import { aio, outcome, sourcesOf, untilBack, untilDetached, withFolder } from "./support.ts"

const mebibyte = 1024 * 1024

const loopIn = (folder: Folder) =>
  Effect.acquireRelease(
    Effect.sync(() => LoopDevice.attach(folder.file("back.img", 4 * mebibyte))),
    (loop) => Effect.sync(() => loop.detach())
  )

/** LUN 0 is memory, LUN 1 the device. Nothing tells of changes of a device: it is looked at. */
const startWith = (path: string) =>
  Effect.gen(function* () {
    const plane = yield* startPlane({ settings: { hotplugPollMillis: 100 } })
    yield* plane.run(malloc("Good"))
    yield* plane.run(aio("A", path))
    yield* plane.guide({ 0: "Good", 1: "A" })
    return { plane, session: yield* plane.open([0, 1]) }
  })

describeWithLoopDevices("a block device", () => {
  withFolder("that has another size (losetup -c) is told to initiators, and that has none any more goes", (folder) =>
    Effect.gen(function* () {
      const loop = yield* loopIn(folder)
      const back = join(folder.path, "back.img")
      const { plane, session } = yield* startWith(loop.path)
      for (const [index, mebibytes] of [8, 2].entries()) {
        truncateSync(back, mebibytes * mebibyte)
        loop.takeFileSize()
        yield* until(Effect.map(recordsOf(plane, "BdevResized"), (records) => records.length === index + 1))
        yield* until(Effect.map(outcome(session, 1, cdb.testUnitReady()), (status) => status === "6/2a/09"))
        assert.strictEqual((yield* attempt(() => readCapacity(session, 1))).blocks, mebibytes * 2048)
      }
      assert.deepStrictEqual(yield* sourcesOf(plane, "BdevResized"), ["hotplug", "hotplug"])
      truncateSync(back, 0)
      loop.takeFileSize()
      yield* untilDetached(plane, "A")
      const [started] = yield* recordsOf(plane, "BdevRemovalStarted")
      assert.deepInclude(started?.payload, { detail: `${loop.path} is empty now`, detached: true })
      truncateSync(back, 4 * mebibyte)
      loop.takeFileSize()
      yield* untilBack(plane, "A")
    })
  )

  withFolder("that is let go (losetup -d) while it is a disk goes on to be one", (folder) =>
    Effect.gen(function* () {
      const loop = yield* loopIn(folder)
      const { plane, session } = yield* startWith(loop.path)
      loop.detach()
      const data = Buffer.alloc(512, 0x42)
      yield* attempt(() => writeBlocks(session, 1, 7, data))
      // Several looks have come by when a file beside it has come and gone.
      const witness = folder.file("w.img", mebibyte)
      yield* plane.run(aio("W", witness))
      rmSync(witness)
      yield* untilDetached(plane, "W")
      assert.isTrue((yield* attempt(() => readBlocks(session, 1, 7, 1))).equals(data))
      assert.lengthOf(yield* recordsOf(plane, "LunRemovalStarted"), 0)
    })
  )

  withFolder("whose node goes, as udev's links do, is gone, and is back with it", (folder) =>
    Effect.gen(function* () {
      const loop = yield* loopIn(folder)
      const link = join(folder.path, "by-id")
      symlinkSync(loop.path, link)
      const { plane, session } = yield* startWith(link)
      yield* attempt(() => writeBlocks(session, 1, 7, Buffer.alloc(512, 0x42)))
      rmSync(link)
      yield* untilDetached(plane, "A")
      assert.strictEqual(yield* outcome(session, 1, cdb.testUnitReady()), "5/25/00")
      symlinkSync(loop.path, link)
      yield* untilBack(plane, "A")
      yield* until(Effect.map(outcome(session, 1, cdb.testUnitReady()), (status) => status === "GOOD"))
      assert.isTrue((yield* attempt(() => readBlocks(session, 1, 7, 1))).equals(Buffer.alloc(512, 0x42)))
      assert.deepStrictEqual(session.violations, [])
    })
  )
})
