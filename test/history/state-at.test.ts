/** The state at any record is what folding everything before it gives, wherever the log begins. */
import * as fs from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import { createLogAt } from "../../eventlog/create-log.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { decodeRecord } from "../../src/domain/event-codec.ts"
import { evolve, FOLD_VERSION } from "../../src/domain/evolve.ts"
import { initialState } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { stateAt } from "../../src/history/state-at.ts"
import { temporaryDirectory } from "../eventlog/support.ts"
import { sessionLog } from "../support/session-log.ts"

const textOf = (state: Parameters<typeof encodeSnapshot>[0]): string => Buffer.from(encodeSnapshot(state)).toString()

describe("the state at a record", () => {
  it.live("is the fold of everything up to it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        using source = yield* Effect.promise(() => sessionLog("whole"))
        const log = yield* openForReading(source.logDirectory)
        let state = initialState
        let controlSeq = 0
        for (const record of yield* Stream.runCollect(log.read())) {
          if (record.kind === "control") {
            state = evolve(state, Result.getOrThrow(decodeRecord(record)), record.seq)
            controlSeq = record.seq
          }
          if (record.seq % 7 !== 0) continue
          const found = yield* stateAt(log, record.seq)
          assert.strictEqual(found.controlSeq, controlSeq)
          assert.strictEqual(textOf(found.state), textOf(state))
        }
        assert.strictEqual((yield* stateAt(log, 0)).controlSeq, 0)
      })
    )
  )

  it.live("is not known before the record with which a log begins", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "log")
      fs.mkdirSync(directory)
      const origin = { controlSeq: 40, controlNo: 30, controlHash: "ab".repeat(32), at: 1 }
      yield* createLogAt(directory, { ...origin, foldVersion: FOLD_VERSION, state: encodeSnapshot(initialState) })
      const log = yield* openForReading(directory)
      assert.strictEqual((yield* stateAt(log, 40)).controlNo, 30)
      const error = yield* Effect.flip(stateAt(log, 39))
      assert.match(error.message, /the state at record 39 is not known: .* record 40/)
    })
  )
})
