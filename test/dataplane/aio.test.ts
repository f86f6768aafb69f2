/** Files as disks, from commands to initiators: what is written is in the file, and sizes are the files'. */
import { readdirSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Command } from "../../src/domain/Command.ts"
import { findBdev } from "../../src/domain/State.ts"
import { cdb, readBlocks, readCapacity, reportLuns, writeBlocks } from "../support/initiator/commands.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import { Folder } from "./bdev/aio-support.ts"
import { attempt, createBdev, guideCommands, malloc, type Plane, recordsOf, startPlane, until } from "./plane.ts"

const mebibyte = 1024 * 1024

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

const aio = (name: string, filename: string, readOnly = false): Command =>
  createBdev(name, { _tag: "Aio", filename, blockSize: 512, readOnly })

const blockCountOf = (plane: Plane, name: string): number | undefined => {
  const spec = findBdev(plane.controlPlane.state(), name)?.spec
  return spec?._tag === "Aio" ? spec.blockCount : undefined
}

const statusOf = (plane: Plane) =>
  Effect.map(plane.dataPlane.status, ({ bdevs }) =>
    bdevs.map(({ detail, name, state }) => `${name} ${state}${detail === undefined ? "" : `: ${detail}`}`)
  )

const outcome = (session: Session, lun: number, command: Buffer, writeData?: Buffer): Effect.Effect<string, unknown> =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: command, ...(writeData === undefined ? {} : { writeData }) })),
    outcomeText
  )

/** As SYNCHRONIZE CACHE(10) of everything. */
const synchronizeCache = Buffer.concat([Buffer.from([0x35]), Buffer.alloc(9)])

const openPaths = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)]
    } catch {
      return []
    }
  })

const remove = (plane: Plane, name: string) =>
  Effect.gen(function* () {
    const bdev = findBdev(plane.controlPlane.state(), name)
    assert(bdev !== undefined)
    yield* plane.run({ _tag: "DeleteBdev", name })
    yield* plane.dataPlane.awaitBdevGone(bdev.name, bdev.incarnation)
  })

describe("a file", () => {
  withFolder("is a disk with its size, and has what initiators write", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", 4 * mebibyte)
      const plane = yield* startPlane()
      yield* plane.run(aio("A", path))
      yield* plane.run(aio("Reader", path, true))
      assert.strictEqual(blockCountOf(plane, "A"), 8192)
      const [created] = yield* recordsOf(plane, "BdevCreated")
      assert.include(JSON.stringify(created?.payload), '"blockCount":8192')
      yield* plane.guide({ 0: "A", 1: "Reader" })
      const session = yield* plane.open([0, 1])
      const data = makePattern(0, 2048, 1, 512)
      yield* attempt(() => writeBlocks(session, 0, 100, data))
      const withFua = cdb.write16(0, 1)
      withFua[1] = 0x08
      assert.strictEqual(yield* outcome(session, 0, withFua, data.subarray(0, 512)), "GOOD")
      assert.strictEqual(yield* outcome(session, 0, synchronizeCache), "GOOD")
      assert.isTrue((yield* attempt(() => readBlocks(session, 0, 100, 2048))).equals(data))
      assert.isTrue(
        readFileSync(path)
          .subarray(51_200, 51_200 + data.length)
          .equals(data)
      )
      assert.isTrue((yield* attempt(() => readBlocks(session, 1, 100, 8))).equals(data.subarray(0, 4096)))
      assert.strictEqual(yield* outcome(session, 1, cdb.write16(0, 1), data.subarray(0, 512)), "7/27/00")
      assert.deepStrictEqual(session.violations, [])
    })
  )

  withFolder("that cannot be one is refused before anything is recorded", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const path = folder.file("a.img", mebibyte)
      const refused = (command: Command) =>
        Effect.map(Effect.flip(plane.run(command)), (error) => {
          assert(error._tag === "BdevUnavailable")
          return error.code
        })
      assert.strictEqual(yield* refused(aio("A", `${path}x`)), "ENOENT")
      assert.strictEqual(yield* refused(aio("A", folder.path)), "EISDIR")
      yield* plane.run(aio("A", path))
      assert.strictEqual(yield* refused(aio("B", path)), "EBUSY")
      assert.lengthOf(yield* recordsOf(plane, "BdevCreated"), 1)
    })
  )

  withFolder("is closed with its bdev, and can be a disk again at once", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const path = folder.file("a.img", mebibyte)
      for (let round = 0; round < 5; round++) {
        yield* plane.run(aio("A", path))
        assert.include(openPaths(), path)
        yield* remove(plane, "A")
        assert.notInclude(openPaths(), path)
      }
      yield* plane.run(aio("A", path))
      // Without waiting in between.
      yield* plane.run({ _tag: "DeleteBdev", name: "A" })
      yield* plane.run(aio("A", path))
      assert.deepStrictEqual(yield* statusOf(plane), ["A up"])
    })
  )

  withFolder("that was cut behind the target's back fails reads, and the log tells it", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const path = folder.file("a.img", mebibyte)
      yield* plane.run(aio("A", path))
      yield* plane.guide({ 0: "A" })
      const session = yield* plane.open([0])
      truncateSync(path, 4096)
      assert.strictEqual(yield* outcome(session, 0, cdb.read16(100, 1)), "3/11/00")
      yield* until(Effect.map(recordsOf(plane, "BdevIoFailed"), (records) => records.length > 0))
      const [record] = yield* recordsOf(plane, "BdevIoFailed")
      assert.deepInclude(record?.payload, { bdev: "A", operation: "read", code: "EOF", byteOffset: 51_200 })
    })
  )
})

describe("another size", () => {
  withFolder("is measured, and told to every initiator", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const path = folder.file("a.img", mebibyte)
      yield* plane.run(aio("A", path))
      yield* plane.guide({ 0: "A" })
      const session = yield* plane.open([0])
      truncateSync(path, 2 * mebibyte + 700)
      const bdev = findBdev(plane.controlPlane.state(), "A")
      assert(bdev !== undefined)
      const blockCount = yield* plane.dataPlane.measureBdev(bdev.name, bdev.incarnation)
      assert.strictEqual(blockCount, 4097)
      yield* plane.run({ _tag: "RescanAioBdev", name: bdev.name, incarnation: bdev.incarnation, blockCount })
      assert.strictEqual(yield* outcome(session, 0, cdb.testUnitReady()), "6/2a/09")
      assert.deepStrictEqual(yield* attempt(() => readCapacity(session, 0)), { blocks: 4097, blockBytes: 512 })
      assert.strictEqual(yield* outcome(session, 0, cdb.write16(4096, 1), Buffer.alloc(512, 1)), "GOOD")
      assert.strictEqual(yield* outcome(session, 0, cdb.write16(4097, 1), Buffer.alloc(512, 1)), "5/21/00")
    })
  )

  withFolder("that a file has got while the target was down is recorded at the start", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const before = (port: number): ReadonlyArray<Command> => [
        createBdev("A", { _tag: "Aio", filename: path, blockSize: 512, readOnly: false, blockCount: 9999 }),
        ...guideCommands(port, { 0: "A" })
      ]
      const plane = yield* startPlane({ before })
      yield* until(Effect.sync(() => blockCountOf(plane, "A") === 2048))
      const session = yield* plane.open([0])
      assert.deepStrictEqual(yield* attempt(() => readCapacity(session, 0)), { blocks: 2048, blockBytes: 512 })
      assert.lengthOf(yield* recordsOf(plane, "BdevResized"), 1)
    })
  )
})

describe("at boot", () => {
  withFolder("a file that is missing is told, and its LUN comes when the file does", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      rmSync(path)
      const before = (port: number): ReadonlyArray<Command> => [
        malloc("Good"),
        createBdev("A", { _tag: "Aio", filename: path, blockSize: 512, readOnly: false, blockCount: 2048 }),
        createBdev("EE_A", { _tag: "Error", base: "A" }),
        ...guideCommands(port, { 0: "Good", 1: "A", 2: "EE_A" })
      ]
      const plane = yield* startPlane({ before })
      yield* until(Effect.map(plane.dataPlane.status, ({ portals }) => portals[0]?.state === "listening"))
      const session = yield* plane.open([0])
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0])
      const [, failed] = yield* statusOf(plane)
      assert.match(failed ?? "", /^A failed: .*a\.img cannot be opened: there is no such file/)
      writeFileSync(path, Buffer.alloc(mebibyte, 7))
      yield* until(Effect.map(statusOf(plane), (states) => states.every((state) => state.endsWith(" up"))))
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0, 1, 2])
    })
  )
})

describe("in a worker", () => {
  withFolder("files are disks all the same", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane({ settings: { reactor: "worker" } })
      yield* plane.run(aio("A", folder.file("a.img", mebibyte)))
      yield* plane.guide({ 0: "A" })
      const session = yield* plane.open([0])
      const data = makePattern(0, 16, 1, 512)
      yield* attempt(() => writeBlocks(session, 0, 0, data))
      assert.isTrue((yield* attempt(() => readBlocks(session, 0, 0, 16))).equals(data))
    })
  )
})
