/** The index of tags: the same answers as without it, whatever is missing or damaged. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { createLogAt } from "../../eventlog/create-log.ts"
import type { EventLog } from "../../eventlog/EventLog.ts"
import {
  blockSeqs,
  decodeIndexed,
  decodePosting,
  decodeSummary,
  encodeIndexed,
  encodePosting,
  encodeSummary,
  tagHash
} from "../../eventlog/index/posting-codec.ts"
import { indexKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { FindQuery, LogArchive, Tagging } from "../../eventlog/LogArchive.ts"
import type { LogStore } from "../../eventlog/LogStore.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import { indexLog, openForReading } from "../../eventlog/open-for-reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { diceOf } from "../domain/random.ts"
import { appendOne, numbersOf, observation, temporaryDirectory } from "./support.ts"

const numberOf = (record: LogRecord): number => Number(numbersOf([record])[0])

const tagsOf = (record: LogRecord): ReadonlyArray<string> => {
  const n = numberOf(record)
  const rare = n % 1500 === 0 ? [`rare:${n}`, `rare:${n}`] : []
  return [record.kind, `parity:${n % 2}`, ...(n % 7 === 0 ? ["seven"] : []), ...rare]
}
const tagging: Tagging = { version: 1, tagsOf }

/** Observations with the numbers `from..to`, a control record after every thousandth. */
const fill = (log: EventLog["Service"], from: number, to: number) =>
  Effect.gen(function* () {
    for (let n = from; n <= to; n++) {
      log.observe(observation(n))
      if (n % 1000 === 0 || n === to) yield* appendOne(log, n)
    }
  })

/** Two whole blocks and a part of a third. */
const lastNumber = 9000

const written = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  yield* Effect.scoped(
    Effect.flatMap(LevelEventLog.make({ directory, ballastBytes: 0 }), (log) => fill(log, 1, lastNumber))
  )
  return directory
})

const onStore = (directory: string, change: (store: LogStore) => Promise<void>) =>
  Effect.promise(async () => {
    const store = await openLevelStore(join(directory, "db"), false)
    await change(store).finally(() => store.close())
  })

/** Everything of the index that lies in the store. */
const indexEntries = async (store: LogStore) => {
  const families = ["i", "p"].map((letter) => store.range({ gte: letter, lte: `${letter}~`, limit: 100_000 }))
  return (await Promise.all(families)).flat()
}

/** Some need an index to be fast, some are answered without one. */
const queries: ReadonlyArray<FindQuery> = [
  { tags: [["seven"], ["parity:0"]], reverse: true },
  { tags: [["rare:3000", "rare:7500"]] },
  { tags: [["seven"], ["observation"]], from: 4000, to: 4200 },
  { tags: [["parity:1", "control"]], to: 4200, reverse: true },
  { tags: [["rare:1500"], ["absent"]] },
  { tags: [[], ["seven"]] },
  { tags: [], from: 4090, to: 4100, reverse: true }
]

/** Against a filter over all records. */
const checkAnswers = (archive: LogArchive["Service"]) =>
  Effect.gen(function* () {
    const all = yield* Stream.runCollect(archive.read({ verify: false }))
    for (const query of queries) {
      const wanted = all.filter((record) => {
        const tags = tagsOf(record)
        const inRange = record.seq >= (query.from ?? 1) && record.seq <= (query.to ?? Number.POSITIVE_INFINITY)
        return inRange && query.tags.every((any) => any.some((tag) => tags.includes(tag)))
      })
      const seqs = wanted.map(({ seq }) => seq)
      const found = yield* Stream.runCollect(archive.find(query))
      const expected = query.reverse === true ? seqs.reverse() : seqs
      assert.deepStrictEqual(
        found.map(({ seq }) => seq),
        expected,
        JSON.stringify(query)
      )
    }
  })

/** Opened, its index as far as it should be, and its answers right. */
const checkDirectory = (directory: string, indexedTo: number, by: Tagging = tagging) =>
  Effect.scoped(
    Effect.gen(function* () {
      const archive = yield* openForReading(directory, { tagging: by })
      assert.strictEqual(archive.indexedTo(), indexedTo)
      yield* checkAnswers(archive)
    })
  )

/** Lets time pass for what goes on in the background, until it has come to something. */
const until = (isSo: () => boolean) =>
  Effect.gen(function* () {
    for (let turns = 0; turns < 20_000 && !isSo(); turns++) {
      yield* TestClock.adjust("20 millis")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    assert.isTrue(isSo())
  })

/** Lets the index be built, as far as whole blocks go. */
const builtTo = (log: EventLog["Service"], seq: number) => until(() => log.indexedTo() >= seq)

const wholeTo = 2 * blockSeqs - 1

describe("the index of a directory", () => {
  it.effect("is not there unless somebody builds it, and changes no answer", () =>
    Effect.gen(function* () {
      const directory = yield* written
      yield* checkDirectory(directory, 0)
      yield* indexLog(directory, tagging)
      const other = { version: 2, tagsOf }
      yield* indexLog(directory, other)
      yield* checkDirectory(directory, wholeTo, other)
    })
  )

  it.effect("may lose or change anything without a wrong answer", () =>
    Effect.gen(function* () {
      const directory = yield* written
      yield* indexLog(directory, tagging)
      for (let seed = 1; seed <= 2; seed++) {
        const { roll } = diceOf(seed)
        yield* onStore(directory, async (store) => {
          const entries = (await indexEntries(store)).filter(() => roll(3) === 0)
          await store.write(
            entries.map(([key, value]) => {
              const bytes = Buffer.from(value)
              const at = roll(bytes.length)
              bytes[at] = (bytes[at] ?? 0) ^ (1 << roll(8))
              return roll(2) === 0 ? { type: "del", key } : { type: "put", key, value: bytes }
            }),
            false
          )
        })
        yield* checkDirectory(directory, wholeTo)
      }
      yield* onStore(directory, (store) =>
        store.write([{ type: "put", key: indexKey, value: Buffer.from("x") }], false)
      )
      yield* checkDirectory(directory, 0)
    })
  )

  it.effect("forgets records that the log has dropped", () =>
    Effect.gen(function* () {
      const directory = yield* written
      yield* indexLog(directory, tagging)
      yield* onStore(directory, async (store) => {
        const oldest = await store.range({ gte: "o", lte: "o~", limit: 5000 })
        await store.write(
          oldest.map(([key]) => ({ type: "del", key })),
          true
        )
      })
      yield* checkDirectory(directory, wholeTo)
    })
  )
})

describe("the index of a running log", () => {
  it.effect("follows the records, and mends what is damaged", () =>
    Effect.gen(function* () {
      const directory = yield* written
      const running = <A, E>(use: (log: EventLog["Service"]) => Effect.Effect<A, E>) =>
        Effect.scoped(Effect.flatMap(LevelEventLog.make({ directory, ballastBytes: 0, tagging }), use))
      yield* running((log) => Effect.andThen(builtTo(log, wholeTo), checkAnswers(log)))
      yield* onStore(directory, async (store) => {
        const [summary] = await store.range({ gte: "i", lte: "i~", limit: 1 })
        await store.write([{ type: "del", key: summary?.[0] ?? "" }], true)
      })
      yield* running((log) =>
        Effect.gen(function* () {
          yield* checkAnswers(log)
          yield* fill(log, lastNumber + 1, lastNumber + 4000)
          yield* builtTo(log, 3 * blockSeqs - 1)
          yield* checkAnswers(log)
        })
      )
      yield* onStore(directory, async (store) => {
        const summaries = await store.range({ gte: "i", lte: "i~", limit: 10 })
        assert.lengthOf(summaries, 3)
      })
    })
  )

  it.effect("begins where a log begins that continues another one", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "log")
      const controlSeq = 1_000_000_000
      const controlHash = "0".repeat(64)
      const origin = { controlSeq, controlNo: 7, controlHash, foldVersion: 1, state: new Uint8Array(0), at: 0 }
      yield* createLogAt(directory, origin)
      const wholeFrom = Math.ceil(controlSeq / blockSeqs) * blockSeqs
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* LevelEventLog.make({ directory, ballastBytes: 0, tagging })
          yield* checkAnswers(log)
          yield* fill(log, 1, 5000)
          yield* builtTo(log, wholeFrom - 1)
          yield* checkAnswers(log)
        })
      )
      yield* onStore(directory, async (store) => {
        assert.isBelow((await store.range({ gte: "i", lte: "i~", limit: 10 })).length, 3)
      })
      yield* Effect.flatMap(openForReading(directory, { tagging }), checkAnswers)
    })
  )

  it.effect("shrinks when retention drops records", () =>
    Effect.gen(function* () {
      const directory = yield* written
      yield* indexLog(directory, tagging)
      let trimmed = 0
      const wrapStore = (store: LogStore): LogStore => ({
        ...store,
        write: async (writes, sync) => {
          await store.write(writes, sync)
          const put = writes.find(({ key }) => key === indexKey)
          if (put?.type === "put") trimmed = decodeIndexed(indexKey, put.value)?.trimmed ?? 0
        }
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* LevelEventLog.make({ directory, ballastBytes: 0, tagging, wrapStore })
          log.setRetention({ observationsMax: 100, observationsMaxAgeMillis: 1e9 })
          yield* until(() => (log.expired()?.through ?? 0) >= wholeTo)
          yield* appendOne(log, lastNumber)
          yield* until(() => trimmed === 2)
          yield* checkAnswers(log)
        })
      )
      yield* onStore(directory, async (store) => {
        const postings = (await indexEntries(store)).filter(([key]) => key.startsWith("p"))
        // Only control records are left in the two blocks: with three tags in all in the one, four in the other.
        assert.lengthOf(postings, 3 + 4)
      })
      yield* checkDirectory(directory, wholeTo)
    })
  )

  it.effect("knows nothing of records that a crash took and others replaced", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const open = LevelEventLog.make({ directory, ballastBytes: 0, tagging })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* open
          yield* fill(log, 1, 2000)
          for (let n = 2001; n <= 5000; n++) log.observe(observation(n))
          yield* Effect.promise(() => new Promise(setImmediate))
          yield* Stream.runDrain(Stream.take(log.subscribe(4200), 1))
          yield* builtTo(log, blockSeqs - 1)
        })
      )
      yield* onStore(directory, async (store) => {
        const newest = await store.range({ gte: "o", lte: "o~", limit: 2000, reverse: true })
        await store.write(
          newest.map(([key]) => ({ type: "del", key })),
          true
        )
      })
      const log = yield* open
      assert.strictEqual(log.indexedTo(), 0)
      yield* fill(log, 20_001, 23_000)
      yield* checkAnswers(log)
      yield* builtTo(log, blockSeqs - 1)
      yield* checkAnswers(log)
    })
  )
})

describe("what the index stores", () => {
  const places = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 * blockSeqs - 1 })))
  const uint32 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 }))

  it.prop(
    "comes back as it was, under its key and no other",
    [places, Schema.Array(Schema.String), uint32],
    ([list, words, n]) => {
      const ascending = [...new Set(list)].sort((a, b) => a - b)
      const posting = encodePosting("p1", ascending)
      assert.deepStrictEqual(decodePosting("p1", posting), ascending)
      assert.isUndefined(decodePosting("p2", posting))
      const hashes = words.map(tagHash)
      const summary = decodeSummary("i1", encodeSummary("i1", n, hashes))
      assert.strictEqual(summary?.version, n)
      assert.deepStrictEqual(summary?.hashes(), [...new Set(hashes)].sort())
      for (const hash of hashes) assert.isTrue(summary?.has(hash))
      assert.strictEqual(summary?.has(tagHash(`${n}`)), words.includes(`${n}`))
      const indexed = { version: n, blocks: words.length, trimmed: n }
      assert.deepStrictEqual(decodeIndexed("m", encodeIndexed("m", indexed)), indexed)
    }
  )

  it.prop("is refused, whatever bytes come instead", [Schema.Uint8Array], ([bytes]) => {
    assert.isUndefined(decodePosting("p", bytes))
    assert.isUndefined(decodeSummary("i", bytes))
    assert.isUndefined(decodeIndexed("m", bytes))
  })
})
