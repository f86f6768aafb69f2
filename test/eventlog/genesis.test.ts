/** A log that does not begin with nothing: it goes on from another log's record, and says so, or says what is wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { createLogAt } from "../../eventlog/create-log.ts"
import { genesisKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { LogStore } from "../../eventlog/LogStore.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import type { Snapshot } from "../../eventlog/reading.ts"
import { verify, verifyLog } from "../support/verify-log.ts"
import { appendOne, FaultyStore, faultPlan, numbersOf, observation, readAll, temporaryDirectory } from "./support.ts"

const origin: Snapshot & { readonly at: number } = {
  controlSeq: 1_000_000,
  controlNo: 400,
  controlHash: "ab".repeat(32),
  at: 1_700_000_000_000_000,
  foldVersion: 5,
  state: new Uint8Array([1, 2, 3])
}

const open = (directory: string) => LevelEventLog.make({ directory, ballastBytes: 0 })

/** Changes what lies in the closed log's database. */
const tamper = (directory: string, change: (store: LogStore) => Promise<void>) =>
  Effect.promise(async () => {
    const store = await openLevelStore(`${directory}/db`, false)
    await change(store)
    await store.close()
  })

/** A closed log that begins at `origin`, with these many records. */
const made = (records: number) =>
  Effect.gen(function* () {
    const directory = `${yield* temporaryDirectory}/log`
    yield* createLogAt(directory, origin)
    yield* Effect.scoped(
      Effect.flatMap(open(directory), (log) =>
        Effect.forEach(
          Array.from({ length: records }, (_, n) => n),
          (n) => appendOne(log, n)
        )
      )
    )
    return directory
  })

describe("a log that begins with a genesis", () => {
  it.live("goes on with the numbers and the chain of the record that it begins at", () =>
    Effect.gen(function* () {
      const directory = yield* made(0)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* open(directory)
          const { at, controlHash, controlNo, controlSeq, state } = origin
          assert.deepStrictEqual(log.durable(), { seq: controlSeq, controlSeq, controlNo, controlHash })
          assert.deepInclude(log.beginning(), { at, origin: "forked", state: Buffer.from(state), archives: [] })
          assert.deepStrictEqual(yield* readAll(log), [])
          log.observe(observation(1))
          const [first] = yield* appendOne(log, 2)
          assert.deepInclude(first, { seq: controlSeq + 2, controlNo: 401, prevControl: controlHash })
          yield* log.writeSnapshot({ ...log.durable(), foldVersion: 5, state: new Uint8Array(4) })
        })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* open(directory)
          assert.deepStrictEqual(numbersOf(yield* readAll(log)), [1, 2])
          assert.deepStrictEqual(numbersOf(yield* readAll(log, { from: 1, kind: "control" })), [2])
          assert.strictEqual((yield* log.readSnapshot(5))?.controlNo, 401)
          assert.deepInclude(yield* verify(log), { records: 2, controlRecords: 1 })
        })
      )
      assert.strictEqual((yield* verifyLog(directory)).tail.controlNo, 401)
    })
  )

  it.live("has a snapshot of its very beginning, too", () =>
    Effect.gen(function* () {
      const log = yield* open(yield* made(0))
      yield* log.writeSnapshot({ ...log.durable(), foldVersion: 5, state: new Uint8Array(4) })
      assert.strictEqual((yield* log.readSnapshot(5))?.controlSeq, origin.controlSeq)
      yield* log.writeSnapshot({ ...log.durable(), controlHash: "another", foldVersion: 6, state: new Uint8Array(4) })
      assert.isUndefined(yield* log.readSnapshot(6))
    })
  )

  it.live("is not made where a log is", () =>
    Effect.gen(function* () {
      const directory = yield* made(1)
      const failure = yield* Effect.flip(createLogAt(directory, origin))
      assert.match(failure.message, /EEXIST; it holds a log already/)
      assert.strictEqual((yield* verifyLog(directory)).controlRecords, 1)
    })
  )

  it.live("is damaged when its genesis is, and never an empty log", () =>
    Effect.gen(function* () {
      const directory = yield* made(2)
      yield* tamper(directory, async (store) => {
        const [entry] = await store.range({ gte: genesisKey, lte: genesisKey, limit: 1 })
        const value = Buffer.from(entry?.[1] ?? [])
        value[50] = (value[50] ?? 0) ^ 1
        await store.write([{ type: "put", key: genesisKey, value }], true)
      })
      const wrong = /the genesis, which stands .* does not match its SHA-256 digest/
      const failure = yield* Effect.flip(Effect.scoped(open(directory)))
      assert.strictEqual(failure._tag, "LogDamaged")
      assert.match(failure.message, wrong)
      const reading = Effect.flatMap(openForReading(directory), (log) =>
        Effect.map(readAll(log), (records) => [numbersOf(records), log.damage() ?? ""] as const)
      )
      const [numbers, damage] = yield* Effect.scoped(reading)
      assert.deepStrictEqual(numbers, [0, 1])
      assert.match(damage, wrong)
      const accepted = LevelEventLog.make({ directory, acceptLoss: true, ballastBytes: 0 })
      assert.deepStrictEqual(
        numbersOf(yield* Effect.scoped(Effect.flatMap(accepted, (log) => readAll(log)))).slice(0, 2),
        [0, 1]
      )
      assert.strictEqual((yield* verifyLog(directory)).acceptedLosses, 1)
    })
  )

  it.live("gets its genesis back from the archive that was made with it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const before = yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* open(directory)
          for (let n = 0; n < 5; n++) yield* appendOne(log, n)
          yield* log.compact({ ...log.durable(), foldVersion: 5, state: new Uint8Array(7) })
          yield* appendOne(log, 5)
          return yield* readAll(log)
        })
      )
      yield* tamper(directory, (store) =>
        store.write([{ type: "put", key: genesisKey, value: new Uint8Array(9) }], true)
      )
      const failure = yield* Effect.flip(Effect.scoped(open(directory)))
      assert.strictEqual(failure._tag, "LogDamaged")
      const accepted = LevelEventLog.make({ directory, acceptLoss: true, ballastBytes: 0 })
      const after = yield* Effect.scoped(Effect.flatMap(accepted, (log) => readAll(log)))
      assert.deepStrictEqual(after.slice(0, before.length), before)
      assert.deepInclude(yield* verifyLog(directory), { controlRecords: 6, acceptedLosses: 0 })
    })
  )

  it.live("is damaged when its genesis is gone", () =>
    Effect.gen(function* () {
      const empty = yield* made(0)
      const filled = yield* made(2)
      const remove = (store: LogStore) => store.write([{ type: "del", key: genesisKey }], true)
      yield* tamper(empty, remove)
      yield* tamper(filled, remove)
      const atStart = yield* Effect.flip(Effect.scoped(open(empty)))
      assert.match(atStart.message, /control records 1 to 400 were confirmed and are gone/)
      const whenRead = yield* Effect.flip(verifyLog(filled))
      assert.match(whenRead.message, /400 control records between 0 and 1000001 are gone/)
    })
  )

  it.live("survives a failed write before its first record", () =>
    Effect.gen(function* () {
      const store = new MemoryStore()
      const plan = faultPlan()
      const make = () => new FaultyStore(store, plan)
      const genesis = { ...origin, origin: "forked", madeAt: 1, archives: [] } as const
      const log = yield* MemoryEventLog.make({ store: make(), reopen: async () => make(), genesis })
      plan.next = (sync) => {
        plan.next = () => "none"
        return sync ? "refuse" : "none"
      }
      assert.isTrue(Result.isFailure(yield* Effect.result(appendOne(log, 1))))
      const [record] = yield* appendOne(log, 2)
      assert.strictEqual(record?.controlNo, 401)
    })
  )
})
