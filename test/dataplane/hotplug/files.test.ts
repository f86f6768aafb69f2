/** Files that come and go under a running target: what becomes of their bdevs and LUNs, and what the log says. */
import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type { Command } from "../../../src/domain/Command.ts"
import { BdevName, Incarnation } from "../../../src/domain/ids.ts"
import { findBdev } from "../../../src/domain/State.ts"
import { cdb, readBlocks, readCapacity, reportLuns, writeBlocks } from "../../support/initiator/commands.ts"
import { attempt, createBdev, guideCommands, malloc, recordsOf, startPlane, until } from "../plane.ts"
import { aio, delay, isThere, outcome, sourcesOf, statusOf, untilBack, untilDetached, withFolder } from "./support.ts"

const mebibyte = 1024 * 1024

/** LUN 0 is memory, LUN 1 the file. */
const startWith = (path: string) =>
  Effect.gen(function* () {
    const plane = yield* startPlane()
    yield* plane.run(malloc("Good"))
    yield* plane.run(aio("A", path))
    yield* plane.guide({ 0: "Good", 1: "A" })
    return { plane, session: yield* plane.open([0, 1]) }
  })

describe("a file that goes", () => {
  withFolder("takes its LUN with it, and brings it back under the same name, UUID and number", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const { plane, session } = yield* startWith(path)
      yield* plane.run({ _tag: "SetBdevQos", name: "A", readWriteIops: 50_000 })
      const before = findBdev(plane.controlPlane.state(), "A")
      rmSync(path)
      yield* untilDetached(plane, "A")
      assert.strictEqual(yield* outcome(session, 0, cdb.testUnitReady()), "6/3f/0e")
      assert.strictEqual(yield* outcome(session, 1, cdb.testUnitReady()), "5/25/00")
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0])
      const [started] = yield* recordsOf(plane, "BdevRemovalStarted")
      assert.strictEqual(started?.cause.source, "hotplug")
      assert.deepInclude(started?.payload, { cause: "vanished", detail: `${path} is gone (ENOENT)`, detached: true })

      folder.file("a.img", 2 * mebibyte)
      yield* untilBack(plane, "A")
      const after = findBdev(plane.controlPlane.state(), "A")
      assert.strictEqual(after?.uuid, before?.uuid)
      assert.strictEqual(after?.qos?.readWriteIops, 50_000)
      yield* until(Effect.map(outcome(session, 1, cdb.testUnitReady()), (status) => status === "GOOD"))
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0, 1])
      assert.deepStrictEqual(yield* attempt(() => readCapacity(session, 1)), { blocks: 4096, blockBytes: 512 })
      for (const type of ["BdevRemovalStarted", "BdevReattached"]) {
        assert.deepStrictEqual(yield* sourcesOf(plane, type), ["hotplug"], type)
      }
      assert.deepStrictEqual(yield* sourcesOf(plane, "BdevCreated"), ["rpc", "rpc", "hotplug"])
      assert.deepStrictEqual(session.violations, [])
    })
  )

  withFolder("by another name, and back, has what was written; so does what is stacked on it", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const plane = yield* startPlane()
      yield* plane.run(aio("A", path))
      yield* plane.run(delay("D", "A"))
      yield* plane.run(delay("E", "D"))
      yield* plane.guide({ 0: "A", 3: "E" })
      const session = yield* plane.open([0, 3])
      yield* attempt(() => writeBlocks(session, 3, 8, Buffer.alloc(512, 0x5a)))
      renameSync(path, `${path}.away`)
      yield* untilDetached(plane, "A")
      assert.isFalse(isThere(plane, "E"))
      renameSync(`${path}.away`, path)
      yield* untilBack(plane, "A")
      yield* until(Effect.map(statusOf(plane), (status) => status.includes("E up")))
      yield* until(Effect.map(outcome(session, 3, cdb.testUnitReady()), (status) => status === "GOOD"))
      assert.isTrue((yield* attempt(() => readBlocks(session, 3, 8, 1))).equals(Buffer.alloc(512, 0x5a)))
    })
  )

  withFolder("because another one takes its name gives way to that", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const { plane, session } = yield* startWith(path)
      const other = folder.file("b.img", mebibyte)
      writeFileSync(other, Buffer.alloc(mebibyte, 0x77))
      renameSync(other, path)
      yield* until(Effect.map(recordsOf(plane, "BdevReattached"), (records) => records.length === 1))
      const [started] = yield* recordsOf(plane, "BdevRemovalStarted")
      assert.deepInclude(started?.payload, { detail: `${path} is another file now` })
      yield* until(Effect.map(outcome(session, 1, cdb.testUnitReady()), (status) => status === "GOOD"))
      assert.isTrue((yield* attempt(() => readBlocks(session, 1, 0, 1))).equals(Buffer.alloc(512, 0x77)))
    })
  )

  withFolder("and is deleted meanwhile is not waited for any more", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const { plane } = yield* startWith(path)
      rmSync(path)
      yield* untilDetached(plane, "A")
      yield* plane.run({ _tag: "DeleteBdev", name: "A" })
      folder.file("a.img", mebibyte)
      // Another one that comes and goes: what is to happen has happened by then.
      const witness = folder.file("b.img", mebibyte)
      yield* plane.run(aio("B", witness))
      rmSync(witness)
      yield* untilDetached(plane, "B")
      folder.file("b.img", mebibyte)
      yield* untilBack(plane, "B")
      assert.isFalse(isThere(plane, "A"))
    })
  )

  withFolder("while the target is down is waited for", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      rmSync(path)
      const before = (port: number): ReadonlyArray<Command> => [
        createBdev("A", { _tag: "Aio", filename: path, blockSize: 512, readOnly: false, blockCount: 2048 }),
        ...guideCommands(port, { 0: "A" })
      ]
      const plane = yield* startPlane({ before })
      yield* until(Effect.map(statusOf(plane), (status) => status.includes("A failed")))
      folder.file("a.img", mebibyte)
      yield* until(Effect.map(statusOf(plane), (status) => status.includes("A up")))
      const session = yield* plane.open([0])
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0])
    })
  )

  withFolder("and comes back while the target is down is back with it", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const file = { _tag: "Aio", filename: path, blockSize: 512, readOnly: false, blockCount: 1 } as const
      // Seq 2 is the bdev; without a data plane, its LUN is still on its way out at the end.
      const before = (port: number): ReadonlyArray<Command> => [
        createBdev("A", file),
        ...guideCommands(port, { 0: "A" }),
        { _tag: "RecordBdevVanished", name: BdevName.make("A"), incarnation: Incarnation.make(2) }
      ]
      const plane = yield* startPlane({ before })
      yield* untilBack(plane, "A")
      const session = yield* plane.open([])
      yield* until(Effect.map(outcome(session, 0, cdb.testUnitReady()), (status) => status === "GOOD"))
      assert.deepStrictEqual(yield* attempt(() => readCapacity(session, 0)), { blocks: 2048, blockBytes: 512 })
    })
  )
})

describe("another size of a file", () => {
  withFolder("larger, smaller, or nothing at all, is told to every session", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const { plane, session } = yield* startWith(path)
      const other = yield* plane.open([0, 1])
      for (const blocks of [4096, 1000]) {
        truncateSync(path, blocks * 512 + 100)
        yield* until(
          Effect.map(recordsOf(plane, "BdevResized"), (records) => records.length === (blocks > 1000 ? 1 : 2))
        )
        for (const each of [session, other]) {
          yield* until(Effect.map(outcome(each, 1, cdb.testUnitReady()), (status) => status === "6/2a/09"))
          assert.deepStrictEqual(yield* attempt(() => readCapacity(each, 1)), { blocks, blockBytes: 512 })
        }
      }
      assert.deepStrictEqual(yield* sourcesOf(plane, "BdevResized"), ["hotplug", "hotplug"])
      assert.strictEqual(yield* outcome(session, 1, cdb.read16(1000, 1)), "5/21/00")
      truncateSync(path, 0)
      yield* untilDetached(plane, "A")
      const [started] = yield* recordsOf(plane, "BdevRemovalStarted")
      assert.deepInclude(started?.payload, { detail: `${path} is empty now` })
      truncateSync(path, mebibyte)
      yield* untilBack(plane, "A")
      assert.strictEqual(readFileSync(path).length, mebibyte)
    })
  )

  withFolder("is found at once by the read that fails for it", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const plane = yield* startPlane({ settings: { hotplugPollMillis: 3_600_000 } })
      yield* plane.run(aio("A", path))
      yield* plane.guide({ 0: "A" })
      const session = yield* plane.open([0])
      // What the system tells is lost: the folder is another one.
      renameSync(folder.path, `${folder.path}.moved`)
      renameSync(`${folder.path}.moved`, folder.path)
      truncateSync(join(folder.path, "a.img"), mebibyte / 2)
      assert.match(yield* outcome(session, 0, cdb.read16(2000, 1)), /^3\/11\/00|^5\/21\/00|^6\/2a\/09/)
      yield* until(Effect.map(recordsOf(plane, "BdevResized"), (records) => records.length === 1))
    })
  )
})
