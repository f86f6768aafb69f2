/** A base that grows, under initiators of what is stacked on it: each is told, and has the new size. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { cdb, readBlocks, readCapacity, writeBlocks } from "../support/initiator/commands.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { attempt, createBdev, startPlane } from "./plane.ts"

const mebibyte = 2 ** 20

describe("a base that grows", () => {
  it.live("takes copies, delays and overlays along, and leaves parts as they are", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      for (const name of ["A", "B"]) {
        yield* plane.run(createBdev(name, { _tag: "Null", blockCount: 2048, blockSize: 512, physicalBlockSize: 0 }))
      }
      yield* plane.run(createBdev("Same", { _tag: "Passthru", base: "A" }))
      yield* plane.run(createBdev("Lab", { _tag: "Overlay", base: "Same" }))
      yield* plane.run(createBdev("Above", { _tag: "Passthru", base: "Lab" }))
      yield* plane.run({ _tag: "SplitBdev", base: "B", parts: 2, partMebibytes: 0 })
      yield* plane.guide({ 0: "Lab", 1: "Above", 2: "Bp1" })
      const session = yield* plane.open([0, 1, 2])
      const outcome = (lun: number) =>
        Effect.map(
          attempt(() => session.command({ lun, cdb: cdb.testUnitReady() })),
          outcomeText
        )
      for (const name of ["A", "B"]) yield* plane.run({ _tag: "ResizeNullBdev", name, byteLength: 2 * mebibyte })
      for (const [lun, blocks] of [
        [0, 4096],
        [1, 4096],
        [2, 1024]
      ] as const) {
        assert.strictEqual(yield* outcome(lun), "6/2a/09")
        assert.strictEqual(yield* outcome(lun), "GOOD")
        assert.strictEqual((yield* attempt(() => readCapacity(session, lun))).blocks, blocks)
      }
      const data = Buffer.alloc(512, 7)
      yield* attempt(() => writeBlocks(session, 0, 4095, data))
      assert.isTrue((yield* attempt(() => readBlocks(session, 1, 4095, 1))).equals(data))
    })
  )
})
