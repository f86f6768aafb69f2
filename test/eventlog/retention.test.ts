/** Old observations go by whole segments; what is left verifies, and a gap that nothing explains is still damage. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { observationKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { observationsPerSegment } from "../../eventlog/sequence.ts"
import { verify, verifyLog } from "../support/verify-log.ts"
import { appendOne, faultPlan, implementations, observation, readAll, temporaryDirectory } from "./support.ts"

type Log = EventLog["Service"]
const forEver = Number.MAX_SAFE_INTEGER
const dayMillis = 24 * 60 * 60 * 1000

/** These many observations, with a control record behind each 2000. */
const observeMany = (log: Log, count: number) =>
  Effect.forEach(
    Array.from({ length: Math.ceil(count / 2000) }, (_, block) => block * 2000),
    (first) => {
      for (let n = first; n < Math.min(count, first + 2000); n++) log.observe(observation(n))
      return appendOne(log, -1)
    },
    { discard: true }
  )

/** The first record about a drop from `from` on. */
const dropAfter = (log: Log, from: number): Effect.Effect<LogRecord, unknown> =>
  log.subscribe(from).pipe(
    Stream.filter(({ type }) => type === "ObservationsDropped"),
    Stream.runHead,
    Effect.map(Option.getOrThrow)
  )

/** Keeps these many observations, and waits until the others are gone. */
const keep = (log: Log, observationsMax: number, observationsMaxAgeMillis = forEver) =>
  Effect.suspend(() => {
    const from = log.tip().seq + 1
    log.setRetention({ observationsMax, observationsMaxAgeMillis })
    return dropAfter(log, from)
  })

const observationsIn = (records: ReadonlyArray<LogRecord>) =>
  records.filter((record) => record.kind === "observation" && record.type === "Seen")

for (const [name, make] of implementations) {
  describe(`retention of ${name}`, () => {
    it.live("drops whole oldest segments, says which, and what is left verifies", () =>
      Effect.gen(function* () {
        const log = yield* make(faultPlan())
        yield* observeMany(log, 3 * observationsPerSegment + 10)
        const before = observationsIn(yield* readAll(log))
        const dropped = yield* keep(log, observationsPerSegment)
        const gone = before.slice(0, 2 * observationsPerSegment)
        const [first, last] = [gone.at(0), gone.at(-1)]
        const payload = { through: last?.seq, count: gone.length, segmentHash: last?.hash }
        assert.deepStrictEqual(dropped.payload, { ...payload, firstAt: first?.at, lastAt: last?.at })
        assert.strictEqual(log.expired()?.through, last?.seq)
        const left = observationsIn(yield* readAll(log))
        assert.deepStrictEqual(left, before.slice(gone.length))
        const report = yield* verify(log)
        assert.strictEqual(report.observations, left.length + 1)
        assert.strictEqual(report.firstObservationSeq, left.at(0)?.seq)
      })
    )

    it.live("goes on after a failed write", () =>
      Effect.gen(function* () {
        const plan = faultPlan()
        const log = yield* make(plan)
        yield* observeMany(log, 2 * observationsPerSegment + 10)
        plan.next = (sync) => {
          if (sync) return "none"
          plan.next = () => "none"
          return "fail-after"
        }
        log.setRetention({ observationsMax: 10, observationsMaxAgeMillis: forEver })
        const recovered = log.subscribe(1).pipe(Stream.filter(({ type }) => type === "LogRecovered"))
        yield* Stream.runHead(recovered)
        // The write that failed had happened: the segment is gone, and that is known.
        yield* appendOne(log, 1)
        yield* keep(log, 10)
        assert.strictEqual(log.expired()?.count, 2 * observationsPerSegment)
        assert.isAtLeast((yield* verify(log)).observations, 10)
      })
    )

    it.live("disturbs nobody who reads or appends", () =>
      Effect.gen(function* () {
        const log = yield* make(faultPlan())
        yield* observeMany(log, 4 * observationsPerSegment)
        const slow = log.read().pipe(
          Stream.rechunk(500),
          Stream.tap(() => Effect.yieldNow),
          Stream.runCount
        )
        const appending = Effect.forEach(Array.from({ length: 50 }), () => appendOne(log, 1), { discard: true })
        const [read] = yield* Effect.all([slow, keep(log, 1), appending], { concurrency: "unbounded" })
        assert.isAtLeast(read, observationsPerSegment)
        yield* verify(log)
      })
    )
  })
}

describe("retention", () => {
  it.effect("goes by age, too, also of a target that observes little", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const log = yield* LevelEventLog.make({ directory, ballastBytes: 0 })
      for (let day = 0; day < 5; day++) {
        log.observe(observation(day))
        yield* appendOne(log, day)
        yield* TestClock.adjust("25 hours")
      }
      const dropped = yield* keep(log, forEver, 3 * dayMillis)
      assert.deepInclude(dropped.payload, { count: 3 })
      assert.strictEqual(observationsIn(yield* readAll(log)).length, 2)
    })
  )

  it.live("survives a restart, and a gap that it does not explain is damage", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const open = LevelEventLog.make({ directory, ballastBytes: 0 })
      const first = yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* open
          yield* observeMany(log, 2 * observationsPerSegment + 10)
          yield* keep(log, 10)
          return (log.expired()?.through ?? 0) + 1
        })
      )
      const count = yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* open
          assert.strictEqual(log.expired()?.through, first - 1)
          log.observe(observation(1))
          yield* appendOne(log, 1)
          return (yield* verify(log)).observations
        })
      )
      assert.strictEqual((yield* verifyLog(directory)).observations, count)
      yield* Effect.promise(async () => {
        const store = await openLevelStore(`${directory}/db`, false)
        const [entry] = await store.range({ gte: observationKey(first), lte: observationKey(forEver), limit: 1 })
        await store.write([{ type: "del", key: entry?.[0] ?? "" }], true)
        await store.close()
      })
      const failure = yield* Effect.flip(verifyLog(directory))
      assert.match(failure.message, /observations between \d+ and \d+ are gone/)
    })
  )
})
