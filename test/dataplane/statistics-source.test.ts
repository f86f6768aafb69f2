/** Counters from the control plane's side: by the names of the state, over restarts, and of what is not open. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { statisticsSource } from "../../src/dataplane/statistics-source.ts"
import { defaultHistogram } from "../../src/domain/bdev/Bdev.ts"
import { BdevName, Incarnation } from "../../src/domain/ids.ts"
import { findBdev, findTarget } from "../../src/domain/State.ts"
import type { Histogram } from "../../src/domain/Statistics.ts"
import { readBlocks } from "../support/initiator/commands.ts"
import { attempt, guideCommands, malloc, type Plane, startPlane, targetName, until } from "./plane.ts"

const bdevOf = (plane: Plane, name: string) => {
  const bdev = findBdev(plane.controlPlane.state(), name)
  if (bdev === undefined) throw new Error(`no bdev ${name}`)
  return bdev
}

const total = (histogram: Histogram | undefined): number | undefined =>
  histogram?.buckets.reduce((sum, count) => sum + count, 0)

const targetTotal = (plane: Plane) => {
  const target = findTarget(plane.controlPlane.state(), targetName)
  if (target === undefined) throw new Error("no target")
  return Effect.map(plane.dataPlane.statistics.targetHistogram(target.name, target.incarnation), total)
}

const histogramSet = (enabled: boolean) => ({ _tag: "SetTargetNodeHistogram", target: targetName, enabled }) as const

describe("the histograms of a target and of a bdev", () => {
  it.live("are kept again after a restart, and as long as the state says so", () =>
    Effect.gen(function* () {
      const ofReads = { ...defaultHistogram, ioType: "read" }
      const before = (port: number) => [
        malloc("a"),
        { _tag: "SetBdevHistogram", name: "a", histogram: ofReads } as const,
        ...guideCommands(port, { 0: "a" }),
        histogramSet(true)
      ]
      const plane = yield* startPlane({ before })
      const isUp = Effect.map(plane.dataPlane.status, ({ portals }) =>
        portals.some(({ state }) => state === "listening")
      )
      yield* until(isUp)
      const session = yield* plane.open([])
      assert.strictEqual(yield* targetTotal(plane), 0)
      // The first two get the unit attentions of a new nexus and of a disk that is empty now: commands, and no IO.
      for (let round = 0; round < 4; round++) yield* Effect.ignore(attempt(() => readBlocks(session, 0, 0, 8)))
      assert.strictEqual(yield* targetTotal(plane), 4)
      assert.strictEqual(total(yield* plane.dataPlane.statistics.bdevHistogram(bdevOf(plane, "a"))), 2)
      yield* plane.run(histogramSet(false))
      assert.isUndefined(yield* targetTotal(plane))
      yield* plane.run(histogramSet(true))
      assert.strictEqual(yield* targetTotal(plane), 0)
    })
  )
})

describe("a data plane that has stopped", () => {
  it.effect("does not say that it does what it is told", () =>
    Effect.gen(function* () {
      const answer = { _tag: "Failed", code: "ESHUTDOWN", detail: "the data plane has stopped" } as const
      const statistics = statisticsSource({ request: () => Effect.succeed(answer) }, { idOf: () => 1 })
      const bdev = { name: BdevName.make("a"), incarnation: Incarnation.make(1) }
      for (const asked of [statistics.bdevHistogram(bdev), statistics.sampleQueueDepth(bdev, 1000)]) {
        assert.deepInclude(yield* Effect.flip(asked), { _tag: "BdevUnavailable", code: "ESHUTDOWN" })
      }
    })
  )
})

describe("bdevs", () => {
  it.live("are counted by their names, and an incarnation that is gone has counted nothing", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("a"))
      yield* plane.run(malloc("b"))
      yield* plane.guide({ 0: "a" })
      const session = yield* plane.open()
      yield* attempt(() => readBlocks(session, 0, 0, 8))
      const { statistics } = plane.dataPlane
      const [a, b] = [bdevOf(plane, "a"), bdevOf(plane, "b")]
      const bytesRead = Effect.map(statistics.bdevs([b, a], "none"), ({ bdevs }) =>
        bdevs.map(({ io }) => io.read.bytes)
      )
      assert.deepStrictEqual(yield* bytesRead, [0, 4096])
      yield* plane.run({ _tag: "SetBdevHistogram", name: "b", histogram: defaultHistogram })
      assert.strictEqual(total(yield* statistics.bdevHistogram(b)), 0)
      yield* plane.run({ _tag: "DeleteBdev", name: "b" })
      yield* plane.run(malloc("b"))
      assert.deepStrictEqual(yield* bytesRead, [0, 4096])
      assert.isUndefined(yield* statistics.bdevHistogram(bdevOf(plane, "b")))
      for (const gone of [statistics.bdevHistogram(b), statistics.sampleQueueDepth(b, 1000)]) {
        assert.deepInclude(yield* Effect.flip(gone), { _tag: "BdevUnavailable", code: "ENODEV" })
      }
    })
  )
})
