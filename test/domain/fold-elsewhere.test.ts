/**
 * The same log gives the same state, byte for byte, in any process and from any snapshot. `LUNLOG_TEST_SEED` starts
 * elsewhere.
 */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { readState } from "../../src/domain/control-start.ts"
import { FOLD_VERSION } from "../../src/domain/evolve.ts"
import { initialState } from "../../src/domain/State.ts"
import { sessionLog } from "../support/session-log.ts"
import { assertFoldsElsewhere } from "./fold-elsewhere.ts"
import { canonical, foldRecord } from "./golden-log.ts"
import { randomHistory, stateEvery } from "./random-history.ts"

const firstSeed = Number(process.env["LUNLOG_TEST_SEED"] ?? 1)
const histories = Array.from({ length: 40 }, (_, index) => randomHistory(firstSeed + index))

/** The state that a start finds, from its newest snapshot, and the one that all records fold to. */
const statesOf = (directory: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const archive = yield* openForReading(directory)
      const snapshot = yield* archive.readSnapshot(FOLD_VERSION)
      const started = yield* readState(archive)
      const folded = yield* archive.fold({ kind: "control" }, initialState, foldRecord)
      return { snapshotSeq: snapshot?.controlSeq, started: canonical(started.state), folded: canonical(folded) }
    })
  )

describe("logs of real sessions", () => {
  it.each(["whole", "cut"] as const)("%s, fold to what a start makes of their snapshots", async (variant) => {
    using log = await sessionLog(variant)
    const { folded, snapshotSeq, started } = await Effect.runPromise(statesOf(log.logDirectory))
    assert.isDefined(snapshotSeq)
    assert.strictEqual(started, folded)
  })
})

describe("random histories", () => {
  it("have starts in the middle of removals", () => {
    const events = histories.flat()
    const interrupted = events.filter((event) => event._tag === "LunRemoved" && event.cause === "boot")
    assert.isAbove(interrupted.length, 5)
    assert.isAbove(events.length / stateEvery, 200)
  })

  it("fold to the same bytes in other processes", () => assertFoldsElsewhere(histories, firstSeed))
})
