/** RAM disks that a file keeps: over restarts of the target, and over its end at any moment as far as was flushed. */
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { nodeFiles } from "../../src/dataplane/bdev/file/FileOperations.ts"
import type { Command } from "../../src/domain/Command.ts"
import { activeBdevsOf } from "../../src/domain/State.ts"
import { cdb, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { Folder } from "./bdev/aio-support.ts"
import { attempt, createBdev, guideCommands, startPlane, until } from "./plane.ts"

const mebibyte = 1024 * 1024
const synchronizeCache = Buffer.concat([Buffer.from([0x35]), Buffer.alloc(9)])

const withFolder = (name: string, run: (folder: Folder) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () =>
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => new Folder()),
        (folder) => Effect.sync(() => folder[Symbol.dispose]())
      ),
      run
    )
  )

const ramDisk = {
  _tag: "Malloc",
  blockCount: mebibyte / 512,
  blockSize: 512,
  physicalBlockSize: 0,
  optimalIoBoundary: 0
} as const

const kept = (filename: string, name = "Kept"): Command =>
  createBdev(name, {
    ...ramDisk,
    filename
  })

describe("a RAM disk that a file keeps", () => {
  withFolder("has what was written before the target ended in order, also without a flush", (folder) =>
    Effect.gen(function* () {
      const file = join(folder.path, "kept.img")
      const data = makePattern(0, 1024, 1, 512)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const plane = yield* startPlane()
          yield* plane.run(kept(file))
          assert.deepStrictEqual([statSync(file).size, statSync(file).mode & 0o777], [mebibyte, 0o600])
          yield* plane.guide({ 0: "Kept" })
          const session = yield* plane.open([0])
          yield* attempt(() => writeBlocks(session, 0, 100, data))
        })
      )
      const before = (port: number) => [kept(file), ...guideCommands(port, { 0: "Kept" })]
      const plane = yield* startPlane({ before })
      assert.isFalse(activeBdevsOf(plane.controlPlane.state())[0]?.contentLost)
      yield* until(Effect.map(plane.dataPlane.status, ({ bdevs }) => bdevs[0]?.state === "up"))
      // Its content is what it was: nobody is told that the medium may have changed.
      const session = yield* plane.open([])
      const units = yield* attempt(() => session.command({ lun: 0, cdb: cdb.testUnitReady() }))
      assert.strictEqual(units.status, 2)
      assert.isTrue((yield* attempt(() => readBlocks(session, 0, 100, 1024))).equals(data))
    })
  )

  withFolder("has in its file what a flush has confirmed", (folder) =>
    Effect.gen(function* () {
      const file = join(folder.path, "kept.img")
      const plane = yield* startPlane()
      yield* plane.run(kept(file))
      yield* plane.guide({ 0: "Kept" })
      const session = yield* plane.open([0])
      const data = makePattern(0, 8, 3, 512)
      yield* attempt(() => writeBlocks(session, 0, 8, data))
      const flushed = yield* attempt(() => session.command({ lun: 0, cdb: synchronizeCache }))
      assert.strictEqual(flushed.status, 0)
      assert.isTrue(
        readFileSync(file)
          .subarray(4096, 4096 + data.length)
          .equals(data)
      )
      const withFua = cdb.write16(1000, 8)
      withFua[1] = 0x08
      const written = yield* attempt(() => session.command({ lun: 0, cdb: withFua, writeData: data }))
      assert.strictEqual(written.status, 0)
      assert.isTrue(
        readFileSync(file)
          .subarray(512_000, 512_000 + data.length)
          .equals(data)
      )
    })
  )

  withFolder("begins with what its file holds, which must have its size; nothing is written over", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const file = join(folder.path, "image")
      writeFileSync(file, Buffer.alloc(2 * mebibyte, 7))
      const refused = yield* Effect.flip(plane.run(kept(file)))
      assert(refused._tag === "BdevUnavailable")
      assert.strictEqual(refused.code, "EINVAL")
      assert.include(refused.detail, "2097152 bytes")
      assert.isTrue(readFileSync(file).equals(Buffer.alloc(2 * mebibyte, 7)))
      truncateSync(file, mebibyte)
      yield* plane.run(kept(file))
      yield* plane.guide({ 0: "Kept" })
      const session = yield* plane.open([0])
      assert.isTrue((yield* attempt(() => readBlocks(session, 0, 5, 1))).equals(Buffer.alloc(512, 7)))
      const second = yield* Effect.flip(plane.run(kept(file, "Second")))
      assert(second._tag === "BdevUnavailable")
      assert.strictEqual(second.code, "EBUSY")
      const nowhere = yield* Effect.flip(plane.run(kept("/nonexistent/x/y", "C")))
      assert(nowhere._tag === "BdevUnavailable")
      assert.strictEqual(nowhere.code, "ENOENT")
    })
  )

  withFolder("that ends while its file hangs keeps nothing else waiting", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(kept(join(folder.path, "kept.img")))
      const syncs: Array<() => void> = []
      const sync = vi.spyOn(nodeFiles, "fdatasync").mockImplementation((_descriptor, done) => {
        syncs.push(() => done(null))
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => sync.mockRestore()))
      // Its end is waited for as long as 40 s.
      yield* Effect.timeout(plane.run({ _tag: "DeleteBdev", name: "Kept" }), 20_000)
      yield* Effect.timeout(plane.run(createBdev("Other", ramDisk)), 20_000)
      assert.deepStrictEqual(
        (yield* plane.dataPlane.status).bdevs.map(({ name, state }) => `${name} ${state}`),
        ["Other up"]
      )
      assert.lengthOf(syncs, 1)
      sync.mockRestore()
      for (const end of syncs) end()
    })
  )
})
