/** What changes of a disk under initiators that are logged in, over the real control and data planes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { findBdev } from "../../src/domain/State.ts"
import { cdb, readBlocks, readCapacity, writeBlocks } from "../support/initiator/commands.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import { attempt, createBdev, createTarget, type Plane, portalGroup, startPlane, targetName, until } from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const mebibyte = 2 ** 20
const nullDisk = (name: string) =>
  createBdev(name, { _tag: "Null", blockCount: 2048, blockSize: 512, physicalBlockSize: 0 })

const testUnitReady = (session: Session, lun: number) =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: cdb.testUnitReady() })),
    outcomeText
  )

/** A null disk at LUN 0, an error disk on it at LUN 1, and another disk at LUN 2. */
const withNullDisk = Effect.gen(function* () {
  const plane = yield* startPlane()
  yield* plane.run(nullDisk("Null0"))
  yield* plane.run(createBdev("EE_Null0", { _tag: "Error", base: "Null0" }))
  yield* plane.run(nullDisk("Other"))
  yield* plane.guide({ 0: "Null0", 1: "EE_Null0", 2: "Other" })
  return plane
})

const shrink = (plane: Plane, name: string, blockCount: number) =>
  Effect.suspend(() => {
    const bdev = findBdev(plane.controlPlane.state(), name)
    if (bdev === undefined) return Effect.fail(new Error(`no bdev ${name}`))
    return plane.run({ _tag: "RecordBdevResized", name: bdev.name, incarnation: bdev.incarnation, blockCount })
  })

describe("a disk that grows", () => {
  live("is told to every initiator of every target, once each, and to nobody else", () =>
    Effect.gen(function* () {
      const plane = yield* withNullDisk
      const second = "iqn.2016-06.io.spdk:disk2"
      yield* plane.run(createTarget({ 5: "Null0" }, second))
      const first = yield* plane.open([0, 1, 2])
      const other = yield* plane.open([0, 1, 2], { initiatorName: "iqn.2024-01.test.lunlog:other" })
      const far = yield* plane.open([5], { targetName: second })
      yield* plane.run({ _tag: "ResizeNullBdev", name: "Null0", byteLength: 2 * mebibyte })
      for (const [session, lun] of [
        [first, 0],
        [first, 1],
        [other, 0],
        [other, 1],
        [far, 5]
      ] as const) {
        assert.strictEqual(yield* testUnitReady(session, lun), "6/2a/09")
        assert.strictEqual(yield* testUnitReady(session, lun), "GOOD")
        assert.deepStrictEqual(yield* attempt(() => readCapacity(session, lun)), { blocks: 4096, blockBytes: 512 })
        yield* attempt(() => writeBlocks(session, lun, 4095, Buffer.alloc(512)))
      }
      assert.strictEqual(yield* testUnitReady(first, 2), "GOOD")
      // Who comes later is told of the new path only.
      const late = yield* plane.open([])
      assert.strictEqual(yield* testUnitReady(late, 0), "6/29/00")
      assert.strictEqual(yield* testUnitReady(late, 0), "GOOD")
    })
  )
})

describe("a disk that has shrunk", () => {
  live("refuses what is beyond its end, and does the rest", () =>
    Effect.gen(function* () {
      const plane = yield* withNullDisk
      const session = yield* plane.open([0])
      yield* shrink(plane, "Null0", 1024)
      assert.strictEqual(yield* testUnitReady(session, 0), "6/2a/09")
      const beyond = yield* attempt(() => session.command({ lun: 0, cdb: cdb.read16(1024, 1), readBytes: 512 }))
      assert.strictEqual(outcomeText(beyond), "5/21/00")
      yield* attempt(() => readBlocks(session, 0, 1023, 1))
    })
  )
})

describe("a delay bdev's latencies", () => {
  const hour = 3_600_000_000
  const slow = { averageReadMicros: hour, p99ReadMicros: hour, averageWriteMicros: hour, p99WriteMicros: hour }

  live("hold from the next command on, while one that waits keeps its own", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(nullDisk("Null0"))
      yield* plane.run(createBdev("Slow", { _tag: "Delay", base: "Null0", ...slow }))
      yield* plane.guide({ 0: "Slow" })
      const session = yield* plane.open([0])
      const waiting = session.command({ lun: 0, cdb: cdb.read16(0, 1), readBytes: 512 })
      waiting.catch(() => undefined)
      yield* attempt(() => session.nop())
      yield* plane.run({ _tag: "SetBdevLatencies", name: "Slow", p99ReadMicros: 0 })
      yield* attempt(() => readBlocks(session, 0, 0, 8))
      yield* plane.run({ _tag: "SetBdevLatencies", name: "Slow", p99WriteMicros: 0 })
      yield* attempt(() => writeBlocks(session, 0, 0, Buffer.alloc(512)))
      const pending = yield* attempt(() => Promise.race([waiting.then(outcomeText), session.nop().then(() => "waits")]))
      assert.strictEqual(pending, "waits")
    })
  )
})

describe("a disk's size", () => {
  live("is what the log says after a start", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane({
        before: (port) => [
          nullDisk("Null0"),
          { _tag: "ResizeNullBdev", name: "Null0", byteLength: 3 * mebibyte },
          portalGroup(1, ["127.0.0.1", port]),
          { _tag: "CreateInitiatorGroup", tag: 1, initiators: ["ANY"], netmasks: ["ANY"] },
          createTarget({ 0: "Null0" }, targetName)
        ]
      })
      const isListening = Effect.map(plane.dataPlane.status, ({ portals }) => portals[0]?.state === "listening")
      yield* until(isListening)
      const session = yield* plane.open([0])
      assert.strictEqual((yield* attempt(() => readCapacity(session, 0))).blocks, 6144)
    })
  )
})
