/** Questions to a long log, whole, indexed and damaged: the answers of reading all of it. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { FindQuery, LogArchiveShape } from "../../eventlog/LogArchive.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import { indexLog, openForReading } from "../../eventlog/open-for-reading.ts"
import { decodeRecord } from "../../src/domain/event-codec.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { fillHistory } from "../../src/domain/history-snapshots.ts"
import { initialState } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { recordTagging, tagsOf } from "../../src/history/record-tags.ts"
import { stateAt } from "../../src/history/state-at.ts"
import { type Dice, diceOf } from "../domain/random.ts"
import { temporaryDirectory } from "../eventlog/support.ts"
import { runSeed } from "../support/initiator/random.ts"
import { writeLargeLog } from "../support/large-log.ts"

const records = 200_000
const places = 12

/** What reading everything once says. */
interface Truth {
  readonly tags: Array<ReadonlyArray<string>>
  readonly times: Array<number>
  readonly states: Map<number, Buffer>
}

const readTruth = (log: LogArchiveShape, wanted: ReadonlySet<number>) => {
  const truth: Truth = { tags: [[]], times: [0], states: new Map() }
  let state = initialState
  return Effect.map(
    log.fold({}, truth, (grown, record) => {
      grown.tags.push(tagsOf(record))
      grown.times.push(record.at)
      const event = record.kind === "control" ? decodeRecord(record) : undefined
      if (event !== undefined && Result.isSuccess(event)) state = evolve(state, event.success, record.seq)
      if (wanted.has(record.seq)) grown.states.set(record.seq, Buffer.from(encodeSnapshot(state)))
      return grown
    }),
    (grown) => grown
  )
}

/** Of tags that some record has. */
const randomQuery = ({ roll }: Dice, { tags }: Truth): FindQuery => {
  const some = () => {
    const own = tags[1 + roll(tags.length - 1)] ?? []
    return own[roll(own.length)] ?? "absent"
  }
  const lists = Array.from({ length: 1 + roll(2) }, () => Array.from({ length: 1 + roll(3) }, some))
  const from = roll(3) === 0 ? roll(records) : 1
  const to = roll(3) === 0 ? from + roll(50_000) : records
  return { tags: lists, from, to, reverse: roll(2) === 0 }
}

const checkFind = (log: LogArchiveShape, truth: Truth, dice: Dice, queries: number) =>
  Effect.gen(function* () {
    for (let n = 0; n < queries; n++) {
      const query = randomQuery(dice, truth)
      const { from = 1, reverse, tags, to = records } = query
      const expected: Array<number> = []
      for (let seq = Math.max(1, from); seq <= Math.min(to, records); seq++) {
        const own = truth.tags[seq] ?? []
        if (tags.every((any) => any.some((tag) => own.includes(tag)))) expected.push(seq)
      }
      const found = yield* Stream.runCollect(Stream.map(log.find(query), ({ seq }) => seq))
      assert.deepStrictEqual(found, reverse === true ? expected.reverse() : expected, JSON.stringify(query))
    }
  })

const checkPlaces = (log: LogArchiveShape, truth: Truth) =>
  Effect.gen(function* () {
    for (const [seq, state] of truth.states) {
      assert.isTrue(state.equals(encodeSnapshot((yield* stateAt(log, seq)).state)), `the state at ${seq}`)
      const at = truth.times[seq] ?? 0
      assert.strictEqual(yield* log.seqAt(at), truth.times.lastIndexOf(at))
      assert.strictEqual(
        yield* log.seqAt(at - 1),
        truth.times.findLastIndex((time) => time < at)
      )
    }
  })

/** A fifth of the index and of the snapshots goes, or is changed. */
const damage = async (directory: string, { roll }: Dice) => {
  const store = await openLevelStore(join(directory, "db"), false)
  for (const family of ["i", "p", "h"]) {
    for (const [key, value] of await store.range({ gte: family, lte: `${family}~`, limit: 1_000_000 })) {
      if (roll(5) > 0) continue
      const bytes = Buffer.from(value)
      const at = roll(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << roll(8))
      await store.write([roll(2) === 0 ? { type: "del", key } : { type: "put", key, value: bytes }], false)
    }
  }
  await store.close()
}

describe("a long log", () => {
  it.live(
    "gives the answers that reading all of it gives, with an index and with a damaged one",
    () =>
      Effect.gen(function* () {
        const seed = runSeed(11)
        const dice = diceOf(seed)
        const directory = join(yield* temporaryDirectory, "log")
        yield* Effect.promise(() => writeLargeLog({ directory, records, seed }))
        const wanted = new Set(Array.from({ length: places }, () => 1 + dice.roll(records)))
        const reading = openForReading(directory, { tagging: recordTagging })
        const truth = yield* Effect.scoped(Effect.flatMap(reading, (log) => readTruth(log, wanted)))
        yield* indexLog(directory, recordTagging)
        const running = LevelEventLog.make({ directory, ballastBytes: 0 })
        yield* Effect.scoped(Effect.flatMap(running, (log) => fillHistory(log, 0)))
        const check = Effect.scoped(
          Effect.gen(function* () {
            const log = yield* reading
            assert.isAbove(log.indexedTo(), records - 5000)
            yield* checkPlaces(log, truth)
            yield* checkFind(log, truth, dice, 40)
          })
        )
        yield* check
        yield* Effect.promise(() => damage(directory, dice))
        yield* check
      }),
    600_000
  )
})
