/** What every event log does, run on both implementations. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { LogTail } from "../../eventlog/reading.ts"
import type { ControlRecord } from "../../eventlog/record.ts"
import { recordBytesMax } from "../../eventlog/record-codec.ts"
import { verify } from "../support/verify-log.ts"
import { appendOne, cause, entry, faultPlan, implementations, numbersOf, observation, readAll } from "./support.ts"

const isControl = (record: { readonly kind: string }): record is ControlRecord => record.kind === "control"

describe.each(implementations)("%s", (_name, make) => {
  const scoped = <A, E>(
    body: (log: Effect.Success<ReturnType<typeof make>>, plan: ReturnType<typeof faultPlan>) => Effect.Effect<A, E>
  ) => {
    const plan = faultPlan()
    return Effect.scoped(Effect.flatMap(make(plan), (log) => body(log, plan)))
  }

  it.effect("numbers all records from 1 and chains the control records", () =>
    scoped((log) =>
      Effect.gen(function* () {
        yield* log.append(0, cause, [entry(1), entry(2)])
        log.observe(observation(3))
        yield* appendOne(log, 4)
        const records = yield* readAll(log)
        assert.deepStrictEqual(numbersOf(records), [1, 2, 3, 4])
        assert.deepStrictEqual(
          records.map(({ seq }) => seq),
          [1, 2, 3, 4]
        )
        const control = records.filter(isControl)
        assert.deepStrictEqual(
          control.map(({ controlNo }) => controlNo),
          [1, 2, 3]
        )
        assert.deepStrictEqual(
          control.map(({ prevControl }) => prevControl),
          ["", ...control.slice(0, -1).map(({ hash }) => hash)]
        )
        assert.deepStrictEqual(log.durable(), log.tip())
        assert.strictEqual(log.durable().controlHash, control.at(-1)?.hash)
      })
    )
  )

  it.effect("gives back exactly what was recorded, from the stream and from submit", () =>
    scoped((log) =>
      Effect.gen(function* () {
        const payload = {
          text: "ünï",
          big: 2n ** 63n,
          bytes: Buffer.from([0, 255]),
          list: [1.5, null, true, -1],
          none: {}
        }
        const written = yield* log.append(0, cause, [{ type: "Odd", v: 3, payload }])
        const read = yield* readAll(log)
        assert.deepStrictEqual(read, [...written])
        assert.deepStrictEqual(yield* readAll(log, { verify: false }), [...written])
      })
    )
  )

  it.effect("refuses an append on an old expectation with both numbers, and records nothing", () =>
    scoped((log) =>
      Effect.gen(function* () {
        yield* appendOne(log, 1)
        const before = log.tip()
        const conflict = yield* Effect.flip(log.append(0, cause, [entry(2)]))
        assert.deepInclude(conflict, { _tag: "SequenceConflict", expected: 0, actual: 1 })
        assert.deepStrictEqual(log.tip(), before)
        assert.lengthOf(yield* readAll(log), 1)
      })
    )
  )

  it.effect("takes decisions on top of records that are still on their way, in order", () =>
    scoped((log) =>
      Effect.gen(function* () {
        const first = log.submit(0, cause, [entry(1)])
        const second = log.submit(1, cause, [entry(2), entry(3)])
        assert.strictEqual(log.durable().seq, 0)
        assert.strictEqual(log.tip().controlSeq, 3)
        yield* (yield* Effect.fromResult(second)).durable
        assert.strictEqual(log.durable().controlSeq, 3)
        yield* (yield* Effect.fromResult(first)).durable
        assert.deepStrictEqual(numbersOf(yield* readAll(log)), [1, 2, 3])
      })
    )
  )

  it.effect("makes an empty submission wait for what it was decided on", () =>
    scoped((log) =>
      Effect.gen(function* () {
        log.submit(0, cause, [entry(1)])
        const nothing = yield* Effect.fromResult(log.submit(1, cause, []))
        yield* nothing.durable
        assert.deepStrictEqual(nothing.records, [])
        assert.strictEqual(log.durable().controlSeq, 1)
        yield* log.append(1, cause, [])
      })
    )
  )

  it.effect("lets concurrent callers share syncs", () =>
    scoped((log, plan) =>
      Effect.gen(function* () {
        yield* Effect.forEach(Array.from({ length: 256 }), (_, n) => appendOne(log, n), { concurrency: 64 })
        assert.strictEqual(log.durable().controlNo, 256)
        assert.isBelow(plan.syncs, 64)
      })
    )
  )

  it.effect("syncs control records and never observations alone", () =>
    scoped((log, plan) =>
      Effect.gen(function* () {
        log.observe(observation(1))
        yield* log.subscribe(1).pipe(Stream.take(1), Stream.runDrain)
        assert.deepInclude(plan, { writes: 1, syncs: 0 })
        yield* appendOne(log, 2)
        assert.deepInclude(plan, { writes: 2, syncs: 1 })
      })
    )
  )

  it.effect("tells listeners in order, before the caller", () =>
    scoped((log) =>
      Effect.gen(function* () {
        const told: Array<unknown> = []
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* log.listen({
              committed: (records) => told.push(...numbersOf(records)),
              rolledBack: () => told.push("back")
            })
            yield* appendOne(log, 1)
            told.push("caller")
            yield* appendOne(log, 2)
          })
        )
        yield* appendOne(log, 3)
        assert.deepStrictEqual(told, [1, "caller", 2])
      })
    )
  )

  it.effect("records for an interrupted caller all the same: tip, listeners and log agree", () =>
    scoped((log) =>
      Effect.gen(function* () {
        const told: Array<unknown> = []
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* log.listen({ committed: (records) => told.push(...numbersOf(records)), rolledBack: () => undefined })
            const caller = yield* Effect.forkChild(appendOne(log, 1), { startImmediately: true })
            yield* Fiber.interrupt(caller)
            yield* appendOne(log, 2)
          })
        )
        assert.deepStrictEqual(told, [1, 2])
        assert.deepStrictEqual(numbersOf(yield* readAll(log)), [1, 2])
        assert.deepStrictEqual(log.tip(), log.durable())
      })
    )
  )

  it.effect("reads ranges, and control records alone", () =>
    scoped((log) =>
      Effect.gen(function* () {
        for (let n = 1; n <= 10; n++) {
          if (n % 3 === 0) log.observe(observation(n))
          else yield* appendOne(log, n)
        }
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { from: 4, to: 7 })), [4, 5, 6, 7])
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { kind: "control", from: 3 })), [4, 5, 7, 8, 10])
        assert.deepStrictEqual(yield* readAll(log, { from: 11 }), [])
        const sum = yield* log.fold({ kind: "control" }, 0, (sum, { seq }) => sum + seq)
        assert.strictEqual(sum, 1 + 2 + 4 + 5 + 7 + 8 + 10)
      })
    )
  )

  it.effect("reads many windows without a gap", () =>
    scoped((log) =>
      Effect.gen(function* () {
        const total = 9000
        for (let n = 0; n < total; n += 500) {
          const half = Array.from({ length: 250 }, (_, i) => entry(n + i + 1))
          yield* log.append(log.tip().controlSeq, cause, half)
          for (let i = 250; i < 500; i++) log.observe(observation(n + i + 1))
        }
        yield* appendOne(log, total + 1)
        assert.deepStrictEqual(
          numbersOf(yield* readAll(log)),
          Array.from({ length: total + 1 }, (_, i) => i + 1)
        )
        assert.lengthOf(yield* readAll(log, { kind: "control" }), total / 2 + 1)
        const report = yield* verify(log)
        assert.deepInclude(report, { records: total + 1, controlRecords: total / 2 + 1, firstObservationSeq: 251 })
      })
    )
  )

  it.effect("gives a subscriber everything from N, then live, without gap or duplicate", () =>
    scoped((log) =>
      Effect.gen(function* () {
        for (let n = 1; n <= 20; n++) yield* appendOne(log, n)
        const subscriber = yield* log.subscribe(5).pipe(
          Stream.take(196),
          Stream.map(({ seq }) => seq),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        yield* Effect.forEach(
          Array.from({ length: 180 }),
          (_, n) => (n % 5 === 0 ? Effect.sync(() => void log.observe(observation(n))) : appendOne(log, n)),
          { concurrency: 8 }
        )
        const seqs = yield* Fiber.join(subscriber)
        assert.deepStrictEqual(
          seqs,
          Array.from({ length: 196 }, (_, i) => i + 5)
        )
      })
    )
  )

  it.effect("keeps snapshots per fold version and passes over those of another chain", () =>
    scoped((log) =>
      Effect.gen(function* () {
        const at = (tail: LogTail, foldVersion: number, state: number) =>
          log.writeSnapshot({ ...tail, foldVersion, state: Uint8Array.of(state) })
        assert.isUndefined(yield* log.readSnapshot(1))
        for (let n = 1; n <= 4; n++) {
          yield* appendOne(log, n)
          yield* at(log.durable(), 1, n)
        }
        yield* appendOne(log, 5)
        yield* at(log.durable(), 2, 50)
        yield* appendOne(log, 6)
        yield* at({ ...log.durable(), controlHash: "f".repeat(64) }, 1, 6)
        const snapshot = yield* log.readSnapshot(1)
        assert.strictEqual(snapshot?.state[0], 4)
        assert.strictEqual(snapshot?.controlSeq, 4)
        assert.strictEqual((yield* log.readSnapshot(2))?.state[0], 50)
        assert.isUndefined(yield* log.readSnapshot(3))
        if (snapshot === undefined) return assert.fail("there is no snapshot")
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { from: 5, kind: "control", after: snapshot })), [5, 6])
      })
    )
  )

  it.effect("says so when a range does not continue the snapshot that it is read after", () =>
    scoped((log) =>
      Effect.gen(function* () {
        for (let n = 1; n <= 3; n++) yield* appendOne(log, n)
        const after = { controlSeq: 1, controlNo: 1, controlHash: "0".repeat(64) }
        const failure = yield* Effect.flip(readAll(log, { from: 2, after }))
        assert.deepInclude(failure, { _tag: "LogReadFailed", seq: 2 })
      })
    )
  )

  it.effect("never goes back in time, and records a clock that did once", () =>
    scoped((log) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(5_000_000)
        yield* appendOne(log, 1)
        yield* TestClock.setTime(2_000_000)
        yield* appendOne(log, 2)
        yield* TestClock.setTime(2_000_500)
        yield* appendOne(log, 3)
        yield* TestClock.setTime(6_000_000)
        yield* appendOne(log, 4)
        const records = yield* readAll(log)
        assert.deepStrictEqual(
          records.map(({ type }) => type),
          ["Tested", "ClockStepped", "Tested", "Tested", "Tested"]
        )
        assert.deepStrictEqual(
          records.map(({ at }) => at / 1000),
          [5e6, 5e6, 5e6, 5e6, 6e6]
        )
        assert.deepStrictEqual(records[1]?.payload, { from: 5e9, to: 2e9 })
      })
    )
  )

  it.effect("refuses a record that is too large and goes on as if it had not been asked", () =>
    scoped((log) =>
      Effect.gen(function* () {
        const huge = { type: "Huge", v: 1, payload: new Uint8Array(recordBytesMax) }
        const refusal = yield* Effect.flip(log.append(0, cause, [entry(1), huge]))
        assert.deepInclude(refusal, { _tag: "LogUnavailable", code: "EMSGSIZE" })
        log.observe({ ...huge, cause })
        assert.strictEqual(log.droppedObservations(), 1)
        yield* log.append(0, cause, [entry(1)])
        assert.deepStrictEqual(numbersOf(yield* readAll(log)), [1])
      })
    )
  )

  it.effect("drops and counts observations that do not fit the queue, and keeps the rest in order", () =>
    scoped((log) =>
      Effect.gen(function* () {
        for (let n = 0; n < 10_000; n++) log.observe(observation(n))
        const dropped = log.droppedObservations()
        assert.isAbove(dropped, 0)
        yield* appendOne(log, -1)
        const records = yield* readAll(log)
        assert.lengthOf(records, 10_000 - dropped + 1)
        assert.deepStrictEqual(numbersOf(records).slice(0, 3), [0, 1, 2])
      })
    )
  )

  it.effect("takes nothing more when it is closed, after writing what it took", () =>
    Effect.gen(function* () {
      const log = yield* Effect.scoped(make(faultPlan()))
      const refusal = log.submit(0, cause, [entry(1)])
      assert.isTrue(Result.isFailure(refusal))
      if (Result.isFailure(refusal)) assert.deepInclude(refusal.failure, { _tag: "LogUnavailable", code: "ESHUTDOWN" })
    })
  )

  it.effect("ends a subscription when it closes", () =>
    Effect.gen(function* () {
      const subscriber = yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* make(faultPlan())
          yield* appendOne(log, 1)
          const fiber = yield* log.subscribe(1).pipe(Stream.runCollect, Effect.forkDetach({ startImmediately: true }))
          yield* log.subscribe(1).pipe(Stream.take(1), Stream.runDrain)
          return fiber
        })
      )
      assert.include(numbersOf(yield* Fiber.join(subscriber)), 1)
    })
  )
})
