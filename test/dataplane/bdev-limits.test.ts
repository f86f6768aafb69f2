/** Rate limits of disks that initiators use, over the real control and data planes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { findBdev } from "../../src/domain/State.ts"
import { cdb, clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../support/initiator/Session.ts"
import {
  attempt,
  createBdev,
  guideCommands,
  malloc,
  type Plane,
  recordsOf,
  startPlane,
  targetName,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const blocksPerMebibyte = 2048
const noLimits = { readWriteIops: 0, readWriteMiBPerSecond: 0, readMiBPerSecond: 0, writeMiBPerSecond: 0 }

const limitedOf = (plane: Plane, name: string) =>
  Effect.map(plane.dataPlane.status, ({ bdevs }) => bdevs.find((bdev) => bdev.name === name)?.limited)

const waitingAt = (plane: Plane, name: string) =>
  Effect.map(limitedOf(plane, name), (limited) => limited?.waitingCount ?? 0)

/** RAM disks at LUN 0 and 1. */
const withDisks = Effect.gen(function* () {
  const plane = yield* startPlane()
  yield* plane.run(malloc("Malloc0", 8))
  yield* plane.run(malloc("Other", 8))
  yield* plane.guide({ 0: "Malloc0", 1: "Other" })
  return { plane, session: yield* plane.open([0, 1]) }
})

/** Writes of 1 MiB that are sent at once; a disk of 1 MiB/s would take as many seconds for them. */
const manyWrites = (session: Session, count: number, lun = 0): ReadonlyArray<Promise<string>> =>
  Array.from({ length: count }, (_, index) => {
    const at = (index % 8) * blocksPerMebibyte
    const data = makePattern(at, blocksPerMebibyte, 1, 512)
    return session
      .command({ lun, cdb: cdb.write16(at, blocksPerMebibyte), writeData: data })
      .then(outcomeText, () => "lost")
  })

const all = <A>(promises: ReadonlyArray<Promise<A>>) => attempt(() => Promise.all(promises))

const allGood = (outcomes: ReadonlyArray<string>): void => assert.deepStrictEqual([...new Set(outcomes)], ["GOOD"])

describe("a disk with limits", () => {
  live("does all that is asked of it, lets what is too much wait, and leaves other disks alone", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withDisks
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", readWriteIops: 1000 })
      const reads = Array.from({ length: 200 }, (_, index) => readBlocks(session, 0, index, 1))
      yield* all(reads)
      const data = makePattern(64, 16, 3, 512)
      yield* attempt(() => writeBlocks(session, 0, 64, data))
      assert.isTrue(data.equals(yield* attempt(() => readBlocks(session, 0, 64, 16))))
      const limited = yield* limitedOf(plane, "Malloc0")
      assert.isAbove(limited?.delayedCount ?? 0, 0)
      assert.strictEqual(limited?.waitingCount, 0)
      assert.isUndefined(yield* limitedOf(plane, "Other"))
      assert.deepStrictEqual(session.violations, [])
    })
  )

  live("serves everybody who waits as soon as the limits are gone", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withDisks
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", writeMiBPerSecond: 1 })
      const writes = manyWrites(session, 40)
      yield* until(Effect.map(waitingAt(plane, "Malloc0"), (waiting) => waiting > 30))
      // Reads and other disks do not wait for writes.
      yield* attempt(() => readBlocks(session, 0, 0, 8))
      allGood(yield* all(manyWrites(session, 8, 1)))
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", ...noLimits })
      allGood(yield* all(writes))
      assert.isUndefined(yield* limitedOf(plane, "Malloc0"))
      const expected = makePattern(7 * blocksPerMebibyte, blocksPerMebibyte, 1, 512)
      assert.isTrue(
        expected.equals(yield* attempt(() => readBlocks(session, 0, 7 * blocksPerMebibyte, blocksPerMebibyte)))
      )
    })
  )

  live("limits what comes through a bdev that is stacked on it", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0", 8))
      yield* plane.run(createBdev("EE_Malloc0", { _tag: "Error", base: "Malloc0" }))
      yield* plane.guide({ 0: "EE_Malloc0" })
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", readWriteMiBPerSecond: 1 })
      yield* plane.run(createBdev("EE_EE_Malloc0", { _tag: "Error", base: "EE_Malloc0" }))
      yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "EE_EE_Malloc0", lun: 1 })
      const session = yield* plane.open([0, 1])
      const writes = [...manyWrites(session, 10), ...manyWrites(session, 10, 1)]
      yield* until(Effect.map(waitingAt(plane, "Malloc0"), (waiting) => waiting > 15))
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", readWriteMiBPerSecond: 0 })
      allGood(yield* all(writes))
    })
  )

  live("has them after a start", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane({
        before: (port) => [
          malloc("Malloc0", 8),
          { _tag: "SetBdevQos", name: "Malloc0", writeMiBPerSecond: 1 },
          ...guideCommands(port, { 0: "Malloc0" })
        ]
      })
      yield* until(Effect.map(plane.dataPlane.status, ({ portals }) => portals[0]?.state === "listening"))
      const session = yield* plane.open([])
      yield* attempt(() => clearUnitAttentions(session, 0))
      yield* attempt(() => session.command({ lun: 0, cdb: cdb.read16(0, 1), readBytes: 512 }))
      const writes = manyWrites(session, 10)
      yield* until(Effect.map(waitingAt(plane, "Malloc0"), (waiting) => waiting > 5))
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", writeMiBPerSecond: 0 })
      allGood(yield* all(writes))
    })
  )
})

describe("commands that wait for a limit", () => {
  live("are done at once when their LUN is removed, and counted", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withDisks
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", writeMiBPerSecond: 1 })
      const writes = manyWrites(session, 20)
      yield* until(Effect.map(waitingAt(plane, "Malloc0"), (waiting) => waiting === 19))
      yield* plane.run({ _tag: "DeleteBdev", name: "Malloc0" })
      allGood(yield* all(writes))
      yield* until(Effect.sync(() => findBdev(plane.controlPlane.state(), "Malloc0") === undefined))
      const [removed] = yield* recordsOf(plane, "LunRemoved")
      assert.deepInclude(removed?.payload, { drained: 19, aborted: 0 })
    })
  )

  live("are gone when they are aborted or their session ends, with their buffers, and never land", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withDisks
      const other = yield* plane.open([0], { initiatorName: "iqn.2024-01.test.lunlog:other" })
      yield* plane.run({ _tag: "SetBdevQos", name: "Malloc0", writeMiBPerSecond: 1 })
      const first = yield* attempt(() => writeBlocks(session, 0, 0, makePattern(0, 4096, 9, 512)))
      assert.strictEqual(outcomeText(first), "GOOD")
      const lost = manyWrites(other, 8)
      const reset = manyWrites(session, 8)
      yield* until(Effect.map(waitingAt(plane, "Malloc0"), (waiting) => waiting === 16))
      other.drop()
      yield* until(Effect.map(waitingAt(plane, "Malloc0"), (waiting) => waiting === 8))
      assert.strictEqual(yield* attempt(() => session.manageTask(TaskFunction.logicalUnitReset, 0)), 0)
      assert.strictEqual(yield* waitingAt(plane, "Malloc0"), 0)
      assert.deepStrictEqual(yield* attempt(() => clearUnitAttentions(session, 0)), ["6/29/03"])
      assert.isTrue(makePattern(0, 4096, 9, 512).equals(yield* attempt(() => readBlocks(session, 0, 0, 4096))))
      session.drop()
      yield* all([...lost, ...reset])
    })
  )
})
