/** Questions to a log, running and at rest: which record was the last at a time, and which carry given tags. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { FindQuery, LogArchive, Tagging } from "../../eventlog/LogArchive.ts"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { appendOne, numbersOf, observation, temporaryDirectory } from "./support.ts"

const numberOf = (record: LogRecord): number => Number(numbersOf([record])[0])

/** By kind, and by what divides the record's number. */
const tagging: Tagging = {
  version: 1,
  tagsOf: (record) => [record.kind, ...[2, 3, 7].filter((by) => numberOf(record) % by === 0).map((by) => `by:${by}`)]
}

/** One record each second, every fifth a control record. */
const fill = (log: EventLog["Service"], records: number) =>
  Effect.gen(function* () {
    for (let n = 1; n <= records; n++) {
      if (n % 5 === 0) yield* appendOne(log, n)
      else log.observe(observation(n))
      yield* TestClock.adjust("1 second")
    }
    yield* appendOne(log, records + 1)
  })

const found = (archive: LogArchive["Service"], query: FindQuery) =>
  Effect.map(Stream.runCollect(archive.find(query)), (records) => records.map(numberOf))

const expected = (records: number, query: FindQuery, test: (n: number) => boolean) => {
  const { from = 1, reverse = false, to = records } = query
  const numbers = Array.from({ length: records }, (_, at) => at + 1).filter((n) => n >= from && n <= to && test(n))
  return reverse ? numbers.reverse() : numbers
}

const isControl = (n: number, last: number): boolean => n % 5 === 0 || n === last

const checkAnswers = (archive: LogArchive["Service"], last: number) =>
  Effect.gen(function* () {
    const ask = (query: FindQuery, test: (n: number) => boolean) =>
      Effect.map(found(archive, query), (numbers) => assert.deepStrictEqual(numbers, expected(last, query, test)))
    for (const reverse of [false, true]) {
      yield* ask({ tags: [], reverse }, () => true)
      yield* ask({ tags: [["by:7"]], reverse }, (n) => n % 7 === 0)
      yield* ask({ tags: [["by:3", "by:2"], ["control"]], reverse }, (n) => {
        return (n % 3 === 0 || n % 2 === 0) && isControl(n, last)
      })
      yield* ask({ tags: [["by:2"]], from: 11, to: 20, reverse }, (n) => n % 2 === 0)
      yield* ask({ tags: [["nothing"]], reverse }, () => false)
      yield* ask({ tags: [[]], reverse }, () => false)
    }
    for (const n of [1, 2, 17, last - 1, last]) {
      const second = (n - 1) * 1_000_000
      assert.strictEqual(yield* archive.seqAt(second), n)
      assert.strictEqual(yield* archive.seqAt(second + 999_999), n)
      assert.strictEqual(yield* archive.seqAt(second - 1), n - 1)
    }
    assert.strictEqual(yield* archive.seqAt(Number.MAX_SAFE_INTEGER), last)
  })

describe("LogArchive", () => {
  it.effect("answers for a log in memory", () =>
    Effect.gen(function* () {
      const log = yield* MemoryEventLog.make({ tagging })
      yield* fill(log, 40)
      yield* checkAnswers(log, 41)
    })
  )

  it.effect("answers the same for a running log and for its directory", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* LevelEventLog.make({ directory, ballastBytes: 0, tagging })
          assert.strictEqual(yield* log.seqAt(0), 0)
          yield* fill(log, 60)
          yield* checkAnswers(log, 61)
        })
      )
      const archive = yield* openForReading(directory, { tagging })
      yield* checkAnswers(archive, 61)
      assert.strictEqual((yield* Stream.runCollect(archive.subscribe(60))).length, 2)
    })
  )

  it.effect("gives the newest snapshot that is not later than asked for", () =>
    Effect.gen(function* () {
      const log = yield* MemoryEventLog.make()
      const positions: Array<{ controlSeq: number; controlNo: number; controlHash: string }> = []
      for (let n = 1; n <= 3; n++) {
        yield* appendOne(log, n)
        const { seq: _, ...position } = log.durable()
        positions.push(position)
        if (n > 1) yield* log.writeSnapshot({ ...position, foldVersion: 1, state: new Uint8Array([n]) })
      }
      const [first, second, third] = positions.map(({ controlSeq }) => controlSeq)
      assert(first !== undefined && second !== undefined && third !== undefined)
      assert.strictEqual(yield* log.snapshotAtOrBefore(1, first), undefined)
      assert.deepStrictEqual((yield* log.snapshotAtOrBefore(1, second))?.controlSeq, second)
      assert.deepStrictEqual((yield* log.snapshotAtOrBefore(1, third + 5))?.controlSeq, third)
      assert.strictEqual(yield* log.snapshotAtOrBefore(2, third), undefined)
    })
  )
})
