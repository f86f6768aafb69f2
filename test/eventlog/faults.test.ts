/** What an event log does when its store fails, on both implementations. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { type LogStore, StoreError } from "../../eventlog/LogStore.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import { verify } from "../support/verify-log.ts"
import {
  appendOne,
  cause,
  entry,
  type Fault,
  type FaultPlan,
  FaultyStore,
  faultPlan,
  implementations,
  numbersOf,
  observation,
  readAll
} from "./support.ts"

type Log = EventLog["Service"]

/** The next synced write meets `fault`, later ones do not. */
const failOnce = (plan: FaultPlan, fault: Fault): void => {
  plan.next = (sync) => {
    if (!sync) return "none"
    plan.next = () => "none"
    return fault
  }
}

/** What listeners are told, in order: numbers that were committed, `back to N`. */
const listenTo = (log: Log, told: Array<unknown>) =>
  log.listen({
    committed: (records) => told.push(...numbersOf(records)),
    rolledBack: ({ controlSeq }) => told.push(`back to ${controlSeq}`)
  })

/** Resolves when the log has come back: it then leaves an observation. */
const recovered = (log: Log) =>
  log.subscribe(1).pipe(
    Stream.filter(({ type }) => type === "LogRecovered"),
    Stream.take(1),
    Stream.runCollect
  )

describe.each(implementations)("%s with a failing store", (_name, make) => {
  it.live("undoes a batch that did not reach the disk, and everything decided on top of it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const plan = faultPlan()
        const log = yield* make(plan)
        const told: Array<unknown> = []
        yield* listenTo(log, told)
        yield* appendOne(log, 1)
        failOnce(plan, "refuse")
        const first = yield* Effect.forkChild(Effect.flip(appendOne(log, 2)), { startImmediately: true })
        // In the batch behind the failing one: the writer has taken the first by then.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(() => setImmediate(resolve))))
        const second = log.submit(2, cause, [entry(3)])
        log.observe(observation(4))
        const failure = yield* Fiber.join(first)
        assert.deepInclude(failure, { _tag: "AppendFailed", code: "ENOSPC" })
        if (Result.isSuccess(second))
          assert.strictEqual((yield* Effect.flip(second.success.durable))._tag, "AppendFailed")
        assert.deepStrictEqual(told, [1, "back to 1"])
        assert.strictEqual(log.tip().controlSeq, 1)
        yield* recovered(log)
        yield* appendOne(log, 5)
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { kind: "control" })), [1, 5])
        assert.deepStrictEqual(told, [1, "back to 1", 5])
        assert.strictEqual((yield* verify(log)).controlRecords, 2)
      })
    )
  )

  it.live("publishes a batch whose sync failed but that is there after reopening", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const plan = faultPlan()
        const log = yield* make(plan)
        const told: Array<unknown> = []
        yield* listenTo(log, told)
        yield* appendOne(log, 1)
        failOnce(plan, "fail-after")
        const records = yield* appendOne(log, 2)
        assert.deepStrictEqual(numbersOf(records), [2])
        assert.deepStrictEqual(told, [1, 2])
        const [recovery] = yield* recovered(log)
        assert.deepInclude(recovery?.payload, { code: "ENOSPC", survived: true, undone: 0 })
        yield* appendOne(log, 3)
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { kind: "control" })), [1, 2, 3])
      })
    )
  )

  it.live("refuses appends with the failure's code while it is away, and says what it undid when it is back", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const plan = faultPlan()
        const log = yield* make(plan)
        yield* appendOne(log, 1)
        let failing = 4
        plan.next = (sync) => (sync && failing-- > 0 ? "refuse" : "none")
        const failure = yield* Effect.forkChild(Effect.flip(appendOne(log, 2)), { startImmediately: true })
        let refusal = log.submit(2, cause, [entry(3)])
        while (Result.isSuccess(refusal)) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          refusal = log.submit(log.tip().controlSeq, cause, [entry(3)])
        }
        assert.deepInclude(refusal.failure, { _tag: "LogUnavailable", code: "ENOSPC" })
        assert.deepInclude(log.unavailable(), { _tag: "LogUnavailable", code: "ENOSPC" })
        log.observe(observation(4))
        assert.isAbove(log.droppedObservations(), 0)
        // What is durable can be read meanwhile.
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { kind: "control" })), [1])
        assert.strictEqual((yield* Fiber.join(failure))._tag, "AppendFailed")
        const [recovery] = yield* recovered(log)
        assert.deepInclude(recovery?.payload, { survived: false, attempts: 4 })
        assert.isUndefined(log.unavailable())
        yield* appendOne(log, 5)
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { kind: "control" })), [1, 5])
      })
    )
  )

  it.live("tells who watches the process, once when it fails and once when it is back", () => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      lines.push(`${logLevel} ${Array.isArray(message) ? message.join(" ") : message}`)
    })
    return Effect.scoped(
      Effect.gen(function* () {
        const plan = faultPlan()
        const log = yield* make(plan)
        let failing = 3
        plan.next = (sync) => (sync && failing-- > 0 ? "refuse" : "none")
        yield* Effect.flip(appendOne(log, 1))
        yield* recovered(log)
        assert.lengthOf(lines, 2, lines.join("\n"))
        assert.match(lines[0] ?? "", /^Error .*event log.*ENOSPC.*changes are refused/)
        assert.match(lines[1] ?? "", /^Info .*event log.*takes changes again/)
      })
    ).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.live("answers callers when it is closed while it is away", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.scoped(
        Effect.gen(function* () {
          const plan = faultPlan()
          const log = yield* make(plan)
          yield* appendOne(log, 1)
          plan.next = (sync) => (sync ? "refuse" : "none")
          const caller = yield* Effect.forkDetach(Effect.flip(appendOne(log, 2)), { startImmediately: true })
          let away = log.submit(log.tip().controlSeq, cause, [])
          while (Result.isSuccess(away)) {
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            away = log.submit(log.tip().controlSeq, cause, [])
          }
          return caller
        })
      )
      const failure = yield* Fiber.join(waiting)
      assert.deepInclude(failure, { _tag: "AppendFailed", code: "ESHUTDOWN" })
      assert.include(failure.message, "shows when the log is opened again")
    })
  )

  it.live("keeps a subscriber going across a failure, without gap or duplicate", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const plan = faultPlan()
        const log = yield* make(plan)
        const subscriber = yield* log.subscribe(1).pipe(
          Stream.filter(({ kind }) => kind === "control"),
          Stream.take(20),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        for (let n = 1; n <= 10; n++) yield* appendOne(log, n)
        failOnce(plan, "refuse")
        yield* Effect.flip(appendOne(log, -1))
        for (let n = 11; n <= 20; n++) yield* appendOne(log, n)
        const seen = yield* Fiber.join(subscriber)
        assert.deepStrictEqual(
          numbersOf(seen),
          Array.from({ length: 20 }, (_, i) => i + 1)
        )
      })
    )
  )
})

describe("A store that comes back without confirmed records", () => {
  it.live("is not built upon: callers are told and nothing more is taken", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const plan = faultPlan()
        const log = yield* MemoryEventLog.make({
          store: new FaultyStore(new MemoryStore(), plan),
          reopen: async () => new MemoryStore()
        })
        yield* appendOne(log, 1)
        failOnce(plan, "refuse")
        const failure = yield* Effect.flip(appendOne(log, 2))
        assert.deepInclude(failure, { _tag: "AppendFailed", code: "EIO" })
        const next = yield* Effect.flip(appendOne(log, 3))
        assert.deepInclude(next, { _tag: "LogUnavailable", code: "EIO" })
        assert.include(next.message, "restart to examine it")
      })
    )
  )
})

describe("A disk that does not answer", () => {
  it.effect("keeps the callers that wait, takes no new ones, and everything is right when it does answer", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const store = new MemoryStore()
        let answer: () => void = () => undefined
        const answered = new Promise<void>((resolve) => {
          answer = resolve
        })
        const hanging: LogStore = {
          write: (writes) => answered.then(() => store.write(writes)),
          get: (keys) => store.get(keys),
          range: (range) => store.range(range),
          close: () => store.close()
        }
        const log = yield* MemoryEventLog.make({ store: hanging })
        const caller = yield* Effect.forkChild(appendOne(log, 1), { startImmediately: true })
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(() => setImmediate(resolve))))
        const queued = yield* Effect.forkChild(appendOne(log, 2), { startImmediately: true })
        yield* TestClock.adjust("11 seconds")
        const refusal = yield* Effect.flip(appendOne(log, 3))
        assert.deepInclude(refusal, { _tag: "LogUnavailable", code: "ETIMEDOUT" })
        answer()
        assert.deepStrictEqual(numbersOf(yield* Fiber.join(caller)), [1])
        assert.deepStrictEqual(numbersOf(yield* Fiber.join(queued)), [2])
        yield* appendOne(log, 4)
        assert.deepStrictEqual(numbersOf(yield* readAll(log)), [1, 2, 4])
      })
    )
  )
})

describe("A snapshot that cannot be written", () => {
  it.live("fails by itself and leaves the records alone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const plan = faultPlan()
        const store = new MemoryStore()
        const open = () => new FaultyStore(store, plan)
        const log = yield* MemoryEventLog.make({ store: open(), reopen: async () => open() })
        yield* appendOne(log, 1)
        plan.next = (sync) => {
          if (sync) return "none"
          plan.next = () => "none"
          return "refuse"
        }
        const snapshot = { ...log.durable(), foldVersion: 1, state: new Uint8Array(8) }
        assert.deepInclude(yield* Effect.flip(log.writeSnapshot(snapshot)), { _tag: "AppendFailed", code: "ENOSPC" })
        yield* recovered(log)
        yield* appendOne(log, 2)
        yield* log.writeSnapshot(snapshot)
        assert.deepStrictEqual(numbersOf(yield* readAll(log, { kind: "control" })), [1, 2])
        assert.strictEqual((yield* log.readSnapshot(1))?.controlSeq, 1)
      })
    )
  )
})

describe("StoreError", () => {
  it("is an Error with an errno name", () => {
    assert.deepInclude(new StoreError("EIO", "bad"), { code: "EIO", message: "bad" })
  })
})
