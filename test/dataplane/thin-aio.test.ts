/** Files that are made for their disk, thin ones and block devices, from commands to initiators. */
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command } from "../../src/domain/Command.ts"
import { findBdev } from "../../src/domain/State.ts"
import { cdb, readBlocks, readCapacity, writeBlocks } from "../support/initiator/commands.ts"
import { getLbaStatus, lbaStatusOf, unmap, writeSame } from "../support/initiator/host-commands.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import { describeWithLoopDevices, LoopDevice } from "../support/loop-device.ts"
import { Folder } from "./bdev/aio-support.ts"
import { attempt, createBdev, type Plane, recordsOf, startPlane } from "./plane.ts"

const mebibyte = 1024 * 1024

const folders = Effect.acquireRelease(
  Effect.sync(() => new Folder()),
  (folder) => Effect.sync(() => folder[Symbol.dispose]())
)

const withFolder = (name: string, run: (folder: Folder) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.flatMap(folders, run))

type FileRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

const aio = (name: string, filename: string, changes: Partial<FileRequest> = {}): Command =>
  createBdev(name, { _tag: "Aio", filename, blockSize: 512, readOnly: false, ...changes })

const made = { createBytes: 16 * mebibyte, mustBeNew: true, fallocate: true } as const

const specOf = (plane: Plane, name: string) => findBdev(plane.controlPlane.state(), name)?.spec

const good = (session: Session, request: Parameters<Session["command"]>[0]) =>
  Effect.map(
    attempt(() => session.command(request)),
    (task) => assert.strictEqual(outcomeText(task), "GOOD")
  )

const dataOf = (session: Session, request: Parameters<Session["command"]>[0]): Effect.Effect<Buffer, unknown> =>
  Effect.map(
    attempt(() => session.command(request)),
    (task) => {
      assert.strictEqual(outcomeText(task), "GOOD")
      return task.data
    }
  )

/** From block 0 on: blocks, and whether they are mapped. */
const lbaStatus = (session: Session): Effect.Effect<ReadonlyArray<readonly [number, boolean]>, unknown> =>
  Effect.map(dataOf(session, getLbaStatus(0, 0)), (data) =>
    lbaStatusOf(data).map(({ blocks, mapped }) => [blocks, mapped] as const)
  )

const refusalOf = (plane: Plane, command: Command): Effect.Effect<string, unknown> =>
  Effect.map(Effect.flip(plane.run(command)), (error) =>
    error._tag === "BdevUnavailable" ? `${error.code}: ${error.detail}` : error._tag
  )

describe("a file that is made for its disk", () => {
  withFolder("is a thin one, which gives back what initiators unmap, and says what is mapped", (folder) =>
    Effect.gen(function* () {
      const path = join(folder.path, "new.img")
      const plane = yield* startPlane()
      yield* plane.run(aio("A", path, made))
      assert.deepInclude(specOf(plane, "A"), { blockCount: 32_768, fallocate: true })
      assert.notProperty(specOf(plane, "A"), "createBytes")
      yield* plane.guide({ 0: "A" })
      const session = yield* plane.open([0])
      const capacity = yield* dataOf(session, { lun: 0, cdb: cdb.readCapacity16(32), readBytes: 32 })
      assert.strictEqual((capacity[14] ?? 0) & 0xc0, 0xc0)
      assert.deepStrictEqual(yield* lbaStatus(session), [[32_768, false]])
      const data = makePattern(0, 8192, 1, 512)
      yield* attempt(() => writeBlocks(session, 0, 8192, data))
      assert.deepStrictEqual(yield* lbaStatus(session), [
        [8192, false],
        [8192, true],
        [16_384, false]
      ])
      const before = statSync(path).blocks
      yield* good(session, unmap(0, [[8192, 4096]]))
      yield* good(session, writeSame(0, 12_288, 2048, Buffer.alloc(512)))
      assert.isBelow(statSync(path).blocks, before)
      data.fill(0, 0, 6144 * 512)
      assert.isTrue((yield* attempt(() => readBlocks(session, 0, 8192, 8192))).equals(data))
      assert.isTrue(
        readFileSync(path)
          .subarray(4 * mebibyte, 8 * mebibyte)
          .equals(data)
      )
      assert.deepStrictEqual(session.violations, [])
    })
  )

  withFolder("goes again if its bdev is refused after all", (folder) =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(aio("A", join(folder.path, "a.img"), made))
      assert.strictEqual(yield* refusalOf(plane, aio("A", join(folder.path, "b.img"), made)), "AlreadyExists")
      assert.match(yield* refusalOf(plane, aio("B", join(folder.path, "a.img"), made)), /^EEXIST: .* exists already/)
      assert.deepStrictEqual(readdirSync(folder.path), ["a.img"])
      assert.lengthOf(yield* recordsOf(plane, "BdevCreated"), 1)
    })
  )

  withFolder("stays with its content when its bdev goes, and is no new one for a configuration", (folder) =>
    Effect.gen(function* () {
      const path = join(folder.path, "a.img")
      const wanted = { createBytes: mebibyte }
      const plane = yield* startPlane()
      yield* plane.run(aio("A", path, wanted))
      assert.deepInclude(specOf(plane, "A"), wanted)
      const incarnation = findBdev(plane.controlPlane.state(), "A")?.incarnation
      assert(incarnation !== undefined)
      yield* plane.run({ _tag: "DeleteBdev", name: "A" })
      assert.isTrue(existsSync(path))
      truncateSync(path, 2 * mebibyte)
      yield* plane.run(aio("A", path, wanted))
      assert.deepInclude(specOf(plane, "A"), { blockCount: 4096 })
    })
  )
})

describeWithLoopDevices("a block device", () => {
  withFolder("is a LUN with its own blocks, and what is written to it is in it", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("disk", 8 * mebibyte)
      const device = yield* Effect.acquireRelease(
        Effect.sync(() => LoopDevice.attach(path, { logicalBlockSize: 4096 })),
        (attached) => Effect.sync(() => attached.detach())
      )
      const plane = yield* startPlane()
      yield* plane.run(aio("Dev", device.path, { blockSize: 0, fallocate: true }))
      assert.deepInclude(specOf(plane, "Dev"), { blockCount: 2048, blockSize: 4096, ownBlockSize: true })
      assert.match(yield* refusalOf(plane, aio("Twice", device.path, { blockSize: 0 })), /^EBUSY: .*bdev Dev writes/)
      assert.match(yield* refusalOf(plane, aio("File", path)), /^EBUSY: .*bdev Dev writes/)
      yield* plane.guide({ 0: "Dev" })
      const session = yield* plane.open([0])
      assert.deepStrictEqual(yield* attempt(() => readCapacity(session, 0)), { blocks: 2048, blockBytes: 4096 })
      const data = makePattern(0, 64, 1, 4096)
      yield* attempt(() => writeBlocks(session, 0, 100, data, 4096))
      yield* good(session, { lun: 0, cdb: Buffer.concat([Buffer.from([0x35]), Buffer.alloc(9)]) })
      assert.isTrue(
        readFileSync(path)
          .subarray(409_600, 409_600 + data.length)
          .equals(data)
      )
      yield* good(session, unmap(0, [[100, 32]]))
      data.fill(0, 0, 32 * 4096)
      assert.isTrue((yield* attempt(() => readBlocks(session, 0, 100, 64, 4096))).equals(data))
    })
  )
})
