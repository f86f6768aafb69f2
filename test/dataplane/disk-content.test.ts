/** What a RAM disk holds, to a file and from one, while initiators go on. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setImmediate as immediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { OpenFiles } from "../../src/dataplane/bdev/file/OpenFiles.ts"
import { MallocBdev } from "../../src/dataplane/bdev/memory/MallocBdev.ts"
import { DiskContent } from "../../src/dataplane/reactor/DiskContent.ts"
import type { ReactorAnswer } from "../../src/dataplane/reactor/protocol.ts"
import { findBdev } from "../../src/domain/State.ts"
import { readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { Folder } from "./bdev/aio-support.ts"
import { attempt, createBdev, malloc, type Plane, startPlane } from "./plane.ts"

const mebibyte = 1024 * 1024

const folder = Effect.acquireRelease(
  Effect.sync(() => new Folder()),
  (made) => Effect.sync(() => made[Symbol.dispose]())
)

const refOf = (plane: Plane, name: string) => {
  const bdev = findBdev(plane.controlPlane.state(), name)
  assert(bdev !== undefined)
  return [bdev.name, bdev.incarnation] as const
}

const dump = (plane: Plane, name: string, file: string) => plane.dataPlane.dumpBdev(...refOf(plane, name), file)
const load = (plane: Plane, name: string, file: string) => plane.dataPlane.loadBdev(...refOf(plane, name), file)

describe("the content of a RAM disk", () => {
  it.live.each(["main", "worker"] as const)("goes to a file and from there to another disk (%s)", (reactor) =>
    Effect.gen(function* () {
      const file = join((yield* folder).path, "content")
      const plane = yield* startPlane({ settings: { reactor } })
      yield* plane.run(malloc("A", 3))
      yield* plane.run(malloc("B", 3))
      yield* plane.guide({ 0: "A", 1: "B" })
      const session = yield* plane.open([0, 1])
      const data = makePattern(2040, 16, 1, 512)
      yield* attempt(() => writeBlocks(session, 0, 2040, data))
      yield* dump(plane, "A", file)
      assert.strictEqual(statSync(file).size, 3 * mebibyte)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.isTrue(
        readFileSync(file)
          .subarray(2040 * 512, 2040 * 512 + data.length)
          .equals(data)
      )
      yield* load(plane, "B", file)
      assert.isTrue((yield* attempt(() => readBlocks(session, 1, 2040, 16))).equals(data))
      assert.isTrue((yield* attempt(() => readBlocks(session, 1, 0, 8))).equals(Buffer.alloc(4096)))
    })
  )

  it.live("is not copied over a file that is there, nor of what is no RAM disk", () =>
    Effect.gen(function* () {
      const { path } = yield* folder
      const plane = yield* startPlane()
      yield* plane.run(malloc("A"))
      yield* plane.run(createBdev("N", { _tag: "Null", blockCount: 8, blockSize: 512, physicalBlockSize: 512 }))
      writeFileSync(join(path, "there"), "mine")
      const refused = [
        yield* Effect.flip(dump(plane, "A", join(path, "there"))),
        yield* Effect.flip(dump(plane, "A", join(path, "no", "such"))),
        yield* Effect.flip(dump(plane, "N", join(path, "n"))),
        yield* Effect.flip(load(plane, "A", join(path, "missing")))
      ]
      assert.deepStrictEqual(
        refused.map(({ code }) => code),
        ["EEXIST", "ENOENT", "EOPNOTSUPP", "ENOENT"]
      )
      assert.strictEqual(readFileSync(join(path, "there"), "utf8"), "mine")
    })
  )

  it("is copied no further if nobody waits for it any more", async () => {
    using made = new Folder()
    const file = join(made.path, "content")
    const spec = {
      _tag: "Malloc",
      blockCount: 131_072,
      blockSize: 512,
      physicalBlockSize: 0,
      optimalIoBoundary: 0
    } as const
    const disk = new MallocBdev(spec)
    const content = new DiskContent(new OpenFiles())
    let answer: ReactorAnswer | undefined
    content.dump(disk, file, (ended) => {
      answer = ended
    })
    // It may not have begun to copy yet: each of its pieces takes a turn, too.
    while (answer === undefined) {
      content.cancel(disk, file)
      await immediate()
    }
    assert.deepInclude(answer, { _tag: "Failed", code: "ECANCELED" })
    assert.isFalse(existsSync(file))
    disk.close()
  })

  it.live("is a copy that ends with an error, and leaves no file, if the disk goes meanwhile", () =>
    Effect.gen(function* () {
      const file = join((yield* folder).path, "content")
      const plane = yield* startPlane()
      yield* plane.run(malloc("A", 64))
      const [name, incarnation] = refOf(plane, "A")
      const copying = Effect.flip(plane.dataPlane.dumpBdev(name, incarnation, file))
      const [failure] = yield* Effect.all([copying, plane.run({ _tag: "DeleteBdev", name })], {
        concurrency: "unbounded"
      })
      assert.strictEqual(failure.code, "ENODEV")
      assert.throws(() => statSync(file), /ENOENT/u)
    })
  )
})
