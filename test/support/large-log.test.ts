/** The generator of large logs: what it writes is a log like any other. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { readState } from "../../src/domain/control-start.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { temporaryDirectory } from "../eventlog/support.ts"
import { writeLargeLog } from "./large-log.ts"
import { verify } from "./verify-log.ts"

describe("a generated log", () => {
  it.live("verifies, folds to the state that it was made from, and has all kinds of records", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "log")
      const made = yield* Effect.promise(() => writeLargeLog({ directory, records: 6000, seed: 7 }))
      const log = yield* openForReading(directory)
      const { controlRecords, records, tail } = yield* verify(log)
      assert.strictEqual(records, 6000)
      assert.deepStrictEqual(tail, made.tail)
      assert.isAbove(controlRecords, records / 8)
      assert.isBelow(controlRecords, records / 3)
      const { state } = yield* readState(log)
      assert.deepStrictEqual(encodeSnapshot(state), encodeSnapshot(made.state))
      const types = new Set((yield* Stream.runCollect(log.read())).map(({ type }) => type))
      for (const type of [
        "LunAdded",
        "LunRemovalStarted",
        "LunRemoved",
        "SessionOpened",
        "SessionClosed",
        "BdevIoFailed",
        "IoFailed",
        "SlowIo",
        "LunDrainEnded"
      ]) {
        assert.include(types, type)
      }
    })
  )

  it.live("is the same again for the same seed, and another for another", () =>
    Effect.gen(function* () {
      const base = yield* temporaryDirectory
      const hash = (name: string, seed: number) =>
        Effect.map(
          Effect.promise(() => writeLargeLog({ directory: join(base, name), records: 500, seed })),
          ({ tail }) => tail.controlHash
        )
      assert.strictEqual(yield* hash("a", 3), yield* hash("b", 3))
      assert.notStrictEqual(yield* hash("c", 3), yield* hash("d", 4))
    })
  )
})
