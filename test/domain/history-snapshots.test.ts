/** Snapshots of the past: made where there are none, sparse, and never trusted. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { type KeptSnapshot, keptLimits, keptSpacing, thinned } from "../../eventlog/kept-snapshots.ts"
import { keptSnapshotsKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import type { Event } from "../../src/domain/Event.ts"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import { evolve, FOLD_VERSION } from "../../src/domain/evolve.ts"
import { fillHistory } from "../../src/domain/history-snapshots.ts"
import { initialState } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { stateAt } from "../../src/history/state-at.ts"
import { cause, temporaryDirectory } from "../eventlog/support.ts"
import { at, pgTag } from "./examples.ts"

/** Runs what sleeps between its turns to its end. */
const toItsEnd = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    let isDone = false
    fiber.addObserver(() => {
      isDone = true
    })
    for (let turns = 0; turns < 20_000 && !isDone; turns++) {
      yield* TestClock.adjust("10 millis")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    assert.isTrue(isDone)
    return yield* Fiber.join(fiber)
  })

/** Two stretches and a bit; control record n has seq n. */
const records = 2 * keptSpacing + 700

/** Groups of portals come and go. */
const eventAt = (n: number): Event => {
  const tag = pgTag(1 + (n % 40))
  const port = 1 + (n % 60_000)
  if (n % 80 < 40)
    return { _tag: "PortalGroupCreated", tag, portals: [{ host: "127.0.0.1", port }], private: false, wait: false }
  return { _tag: "PortalGroupDeleted", tag, incarnation: at(n - 40) }
}

const fill = (log: EventLog["Service"]) =>
  Effect.gen(function* () {
    while (log.tip().seq < records) {
      const { controlSeq, seq } = log.tip()
      const count = Math.min(500, records - seq)
      yield* log.append(
        controlSeq,
        cause,
        Array.from({ length: count }, (_, i) => encodeEvent(eventAt(seq + i + 1)))
      )
    }
  })

const stateOf = (count: number) => {
  let state = initialState
  for (let n = 1; n <= count; n++) state = evolve(state, eventAt(n), n)
  return encodeSnapshot(state)
}

const damage = async (directory: string) => {
  const store = await openLevelStore(join(directory, "db"), false)
  const [first] = await store.range({ gte: "h", lte: "h~", limit: 1 })
  assert(first !== undefined)
  const bytes = Buffer.from(first[1])
  bytes[40] = (bytes[40] ?? 0) ^ 1
  await store.write([{ type: "put", key: first[0], value: bytes }], false)
  await store.write([{ type: "put", key: keptSnapshotsKey, value: Buffer.from("damaged") }], false)
  await store.close()
}

const checkStates = (log: EventLog["Service"]) =>
  Effect.gen(function* () {
    for (const seq of [keptSpacing - 1, keptSpacing + 300]) {
      const { controlSeq, state } = yield* stateAt(log, seq)
      assert.strictEqual(controlSeq, seq)
      assert.deepStrictEqual(encodeSnapshot(state), stateOf(seq))
    }
  })

describe("snapshots of the past", () => {
  it.effect("are made of a log that has none, and give the states that the records give", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const open = LevelEventLog.make({ directory, ballastBytes: 0 })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* open
          yield* fill(log)
          yield* toItsEnd(fillHistory(log))
          const kept = yield* log.keptSnapshots
          assert.deepStrictEqual(
            kept.map(({ controlNo }) => controlNo),
            [keptSpacing, 2 * keptSpacing]
          )
          yield* toItsEnd(fillHistory(log))
          assert.deepStrictEqual(yield* log.keptSnapshots, kept)
          yield* checkStates(log)
        })
      )
      yield* Effect.promise(() => damage(directory))
      const log = yield* open
      assert.lengthOf(yield* log.keptSnapshots, 1)
      assert.strictEqual((yield* log.snapshotAtOrBefore(FOLD_VERSION, records))?.controlNo, 2 * keptSpacing)
      assert.isUndefined(yield* log.snapshotAtOrBefore(FOLD_VERSION, 2 * keptSpacing - 1))
      yield* checkStates(log)
    })
  )

  it.effect("of older fold versions go, and such as are too large are not kept", () =>
    Effect.gen(function* () {
      const log = yield* MemoryEventLog.make()
      const keep = (controlNo: number, foldVersion: number, bytes: number) =>
        log.keepSnapshot({
          controlSeq: controlNo,
          controlNo,
          controlHash: "",
          foldVersion,
          state: new Uint8Array(bytes)
        })
      const kept = Effect.map(log.keptSnapshots, (list) => list.map(({ controlNo }) => controlNo))
      yield* keep(1, 1, 10)
      yield* keep(2, 1, 10)
      yield* keep(keptSpacing, 1, 10)
      assert.deepStrictEqual(yield* kept, [1, keptSpacing])
      yield* keep(3, 2, 10)
      yield* keep(2 * keptSpacing, 2, keptLimits.bytes / 4)
      assert.deepStrictEqual(yield* kept, [3])
    })
  )

  const size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: keptLimits.bytes / 4 }))

  it.prop("are thinned out as far as they must be, evenly, the newest staying", [Schema.Array(size)], ([sizes]) => {
    const list = sizes.map((bytes, n): KeptSnapshot => {
      return { controlSeq: n, controlNo: n * keptSpacing, foldVersion: 1, bytes }
    })
    const left = thinned(list)
    const bytes = left.reduce((sum, snapshot) => sum + snapshot.bytes, 0)
    assert.isAtMost(bytes, keptLimits.bytes)
    assert.strictEqual(left.at(-1), list.at(-1))
    const all = list.reduce((sum, snapshot) => sum + snapshot.bytes, 0)
    if (all <= keptLimits.bytes) assert.deepStrictEqual(left, list)
    else assert.isAbove(bytes, keptLimits.bytes / 2)
  })

  it("leave even gaps when they are thinned out", () => {
    const list = Array.from({ length: 64 }, (_, n): KeptSnapshot => {
      return { controlSeq: n, controlNo: n * keptSpacing, foldVersion: 1, bytes: keptLimits.bytes / 16 }
    })
    const left = thinned(list)
    assert.lengthOf(left, 16)
    const gaps = left.slice(1).map(({ controlNo }, n) => (controlNo - (left[n]?.controlNo ?? 0)) / keptSpacing)
    assert.isAtMost(Math.max(...gaps), 8)
  })
})
