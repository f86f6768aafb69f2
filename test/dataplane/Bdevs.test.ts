/** Bdevs follow the state: their memory comes with the lease and is given back on every way out. */

import { totalmem } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { bdevsOf, findBdev } from "../../src/domain/State.ts"
import { cdb, readBlocks, reportLuns, writeBlocks } from "../support/initiator/commands.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import {
  attempt,
  createBdev,
  guideCommands,
  hang,
  lunOf,
  malloc,
  type Plane,
  recordsOf,
  startPlane,
  targetName,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const mebibyte = 1024 * 1024
/** Memory of all RAM disks, within what else a test allocates. */
const memory = (): number => process.memoryUsage().arrayBuffers
const assertMemory = (expected: number): void => assert.approximately(memory(), expected, 16 * mebibyte)

const bdevStates = (plane: Plane) =>
  Effect.map(plane.dataPlane.status, ({ bdevs }) => bdevs.map(({ name, state }) => `${name} ${state}`))

/** Deletes a bdev and waits until the data plane has let go of it. */
const remove = (plane: Plane, name: string) =>
  Effect.gen(function* () {
    const bdev = findBdev(plane.controlPlane.state(), name)
    assert(bdev !== undefined)
    yield* plane.run({ _tag: "DeleteBdev", name })
    yield* plane.dataPlane.awaitBdevGone(bdev.name, bdev.incarnation)
  })

describe("a bdev", () => {
  live("has its memory from its creation to its deletion", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const before = memory()
      for (let round = 0; round < 10; round++) {
        yield* plane.run(malloc("Malloc0", 64))
        assertMemory(before + 64 * mebibyte)
        assert.deepStrictEqual(yield* bdevStates(plane), ["Malloc0 up"])
        yield* remove(plane, "Malloc0")
        assertMemory(before)
      }
    })
  )

  live("that a rule or the log refuses gives its memory back", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0", 1))
      const before = memory()
      assert.strictEqual((yield* Effect.flip(plane.run(malloc("Malloc0", 64))))._tag, "AlreadyExists")
      assertMemory(before)
      plane.faults.next = () => {
        plane.faults.next = () => "none"
        return "refuse"
      }
      assert.strictEqual((yield* Effect.flip(plane.run(malloc("Malloc1", 64))))._tag, "AppendFailed")
      assertMemory(before)
      assert.deepStrictEqual(yield* bdevStates(plane), ["Malloc0 up"])
    })
  )

  live("that the machine can't have is not created", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const huge = malloc("Huge", Math.ceil((totalmem() * 2) / mebibyte))
      const error = yield* Effect.flip(plane.run(huge))
      assert(error._tag === "BdevUnavailable")
      assert.strictEqual(error.code, "ENOMEM")
      assert.match(error.message, /Huge/)
      assert.isUndefined(findBdev(plane.controlPlane.state(), "Huge"))
      const stacked = createBdev("EE_none", { _tag: "Error", base: "none" })
      const missing = yield* Effect.flip(plane.run(stacked))
      assert(missing._tag === "BdevUnavailable")
      assert.strictEqual(missing.code, "ENODEV")
    })
  )

  live("in memory has room beside the others, and gives it back", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      // The operating system gives pages only when they are written.
      const most = Math.floor((Math.min(process.constrainedMemory() || totalmem(), totalmem()) * 0.6) / mebibyte)
      yield* plane.run(malloc("First", most))
      const error = yield* Effect.flip(plane.run(malloc("Second", most)))
      assert(error._tag === "BdevUnavailable")
      assert.strictEqual(error.code, "ENOMEM")
      assert.include(error.message, "delete a disk")
      yield* plane.run({ _tag: "DeleteBdev", name: "First" })
      yield* plane.run(malloc("Second", most))
      assert.deepStrictEqual(yield* bdevStates(plane), ["Second up"])
    })
  )

  live("that is created again under its name is another disk", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Anchor"))
      yield* plane.run(malloc("Malloc0"))
      yield* plane.guide({ 0: "Anchor", 1: "Malloc0" })
      const session = yield* plane.open([0, 1])
      const data = makePattern(0, 8, 1, 512)
      yield* attempt(() => writeBlocks(session, 1, 0, data))
      for (let round = 0; round < 5; round++) {
        // Without waiting in between: what comes must not be taken for what goes.
        yield* plane.run({ _tag: "DeleteBdev", name: "Malloc0" })
        yield* until(Effect.sync(() => findBdev(plane.controlPlane.state(), "Malloc0") === undefined))
        yield* plane.run(malloc("Malloc0"))
        yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "Malloc0", lun: 1 })
        yield* attempt(() => reportLuns(session))
        const ready = yield* attempt(() => session.command({ lun: 1, cdb: cdb.testUnitReady() }))
        assert.strictEqual(outcomeText(ready), "6/29/00")
        const blocks = yield* attempt(() => readBlocks(session, 1, 0, 8))
        assert.isTrue(blocks.every((byte) => byte === 0))
        yield* attempt(() => writeBlocks(session, 1, 0, data))
      }
      assert.deepStrictEqual(yield* bdevStates(plane), ["Anchor up", "Malloc0 up"])
      assert.deepStrictEqual(session.violations, [])
    })
  )
})

describe("stacked bdevs", () => {
  live("find their base by its UUID too, in either case", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Base"))
      const base = findBdev(plane.controlPlane.state(), "Base")
      assert(base !== undefined)
      yield* plane.run(createBdev("EE_Base", { _tag: "Error", base: base.uuid.toUpperCase() }))
      assert.deepStrictEqual(yield* bdevStates(plane), ["Base up", "EE_Base up"])
    })
  )

  live("go together with their base and their LUNs, and give all memory back", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const before = memory()
      yield* plane.run(malloc("Base", 64))
      yield* plane.run(createBdev("EE_Base", { _tag: "Error", base: "Base" }))
      const micros = { averageReadMicros: 1000, p99ReadMicros: 1000, averageWriteMicros: 1000, p99WriteMicros: 1000 }
      yield* plane.run(createBdev("Slow", { _tag: "Delay", base: "EE_Base", ...micros }))
      yield* plane.run(malloc("Anchor"))
      yield* plane.guide({ 0: "Anchor", 1: "Slow" })
      const session = yield* plane.open([0, 1])
      yield* attempt(() => writeBlocks(session, 1, 0, makePattern(0, 8, 1, 512)))
      yield* remove(plane, "Base")
      assert.deepStrictEqual(yield* bdevStates(plane), ["Anchor up"])
      assertMemory(before)
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0])
    })
  )

  live("take faults, and go on when they are told to", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Base"))
      yield* plane.run(createBdev("EE_Base", { _tag: "Error", base: "Base" }))
      yield* plane.guide({ 0: "EE_Base" })
      const session = yield* plane.open([0])
      yield* hang(plane, "EE_Base")
      const read = session.command({ lun: 0, cdb: cdb.read10(0, 8), readBytes: 4096 })
      yield* attempt(() => session.nop())
      assert.strictEqual(session.outstanding, 1)
      const bdev = findBdev(plane.controlPlane.state(), "EE_Base")
      assert(bdev !== undefined)
      yield* plane.dataPlane.resumePendingBdevIo(bdev.name, bdev.incarnation)
      assert.strictEqual(outcomeText(yield* attempt(() => read)), "GOOD")
      const stale = yield* Effect.flip(plane.dataPlane.resumePendingBdevIo(bdev.name, lunOf(plane, 0).incarnation))
      assert.strictEqual(stale.code, "ENODEV")
    })
  )
})

describe("at boot", () => {
  live("a bdev that can't be had is reported; the others and their LUNs come up", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane({
        before: (port) => [
          malloc("Good"),
          malloc("Huge", Math.ceil((totalmem() * 2) / mebibyte)),
          createBdev("EE_Huge", { _tag: "Error", base: "Huge" }),
          ...guideCommands(port, { 0: "Good", 1: "Huge", 2: "EE_Huge" })
        ]
      })
      yield* until(Effect.map(bdevStates(plane), (states) => states.length === 3))
      assert.deepStrictEqual(yield* bdevStates(plane), ["Good up", "Huge failed", "EE_Huge failed"])
      const { bdevs } = yield* plane.dataPlane.status
      assert.match(bdevs[1]?.detail ?? "", /Huge needs \d+ MiB/)
      // A RAM disk that was there before has lost its content, and says so to the first command that uses it.
      const session = yield* plane.open([0])
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0])
      const first = yield* attempt(() => session.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 }))
      assert.strictEqual(outcomeText(first), "6/28/00")
      // What never came up can be deleted like everything else.
      yield* remove(plane, "Huge")
      assert.deepStrictEqual(yield* bdevStates(plane), ["Good up"])
      assert.lengthOf(yield* recordsOf(plane, "LunRemoved"), 2)
      assert.lengthOf(bdevsOf(plane.controlPlane.state()), 1)
    })
  )
})
