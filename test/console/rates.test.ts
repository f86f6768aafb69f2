/** Rates from counters, their histories, and what becomes of both when counters begin anew or nobody looks. */
import { assert, describe, it } from "vitest"
import type { LunCounters, SessionCounters, Statistics } from "../../src/console/rpc/statistics-methods.ts"
import { HistoryBook } from "../../src/console/store/HistoryBook.ts"
import { LiveRates, lunKey, sessionKey } from "../../src/console/store/LiveRates.ts"
import { RateHistory } from "../../src/console/store/RateHistory.ts"
import { idleRates, ratesBetween, sumOfRates, zeroCounters } from "../../src/console/store/rates.ts"

const counters = (reads: number, nanos = reads * 1000) => ({
  ...zeroCounters,
  reads,
  bytes_read: reads * 4096,
  read_latency_nanos: nanos
})

const lun = (id: number, reads: number, incarnation = 7): LunCounters => ({
  target: "iqn.t",
  lun_id: id,
  incarnation,
  bdev_name: `b${id}`,
  ...counters(reads)
})

const session = (id: number, reads: number): SessionCounters => ({
  id,
  tsih: id,
  initiator: "iqn.i",
  initiator_addr: "10.0.0.1",
  target: "iqn.t",
  commands: reads,
  bytes_received: 0,
  bytes_sent: 0,
  buffer_bytes: 0,
  unsent_bytes: 0,
  ...counters(reads)
})

const answer = (seconds: number, luns: ReadonlyArray<LunCounters>, sessions: ReadonlyArray<SessionCounters> = []) =>
  ({ at_nanos: seconds * 1e9, lun_count: 3, luns, sessions }) satisfies Statistics

describe("rates between two looks", () => {
  it("are per second, with mean latencies of the IOs that have ended", () => {
    const rates = ratesBetween(counters(100, 1_000_000), counters(300, 5_000_000), 2)
    assert.strictEqual(rates.readIops, 100)
    assert.strictEqual(rates.readBytes, 100 * 4096)
    assert.strictEqual(rates.readMicros, 20)
    assert.strictEqual(rates.writeMicros, 0)
  })

  it("count what a counter shows that has begun anew, and never fall below 0", () => {
    const rates = ratesBetween(counters(1_000_000), counters(10), 1)
    assert.strictEqual(rates.readIops, 10)
    assert.strictEqual(rates.readBytes, 10 * 4096)
  })

  it("weigh latencies by their IOs when they are summed", () => {
    const slow = { ...idleRates, readIops: 1, readMicros: 1000 }
    const quick = { ...idleRates, readIops: 9, readMicros: 100 }
    assert.strictEqual(sumOfRates([slow, quick]).readMicros, 190)
    assert.strictEqual(sumOfRates([]).readMicros, 0)
  })
})

describe("a history", () => {
  const sample = (seconds: number, readIops: number) => ({ seconds, rates: { ...idleRates, readIops } })

  it("keeps the newest samples and no more", () => {
    const history = new RateHistory(3)
    for (const second of [1, 2, 3, 4, 5]) history.add(second, { ...idleRates, readIops: second })
    assert.deepStrictEqual(history.columnsSince(0).times, [3, 4, 5])
    assert.deepStrictEqual(history.columnsSince(5).columns.readIops, [5])
  })

  it("breaks the line where nobody looked", () => {
    const history = new RateHistory(10)
    history.add(1, idleRates)
    history.add(100, idleRates)
    assert.deepStrictEqual(history.columnsSince(0).columns.inFlight, [0, null, 0])
  })

  it("takes what the target remembers where it knows nothing itself", () => {
    const history = new RateHistory(10)
    history.add(100, { ...idleRates, readIops: 1 })
    history.merge([sample(80, 8), sample(90, 9), sample(98, 7)])
    const { columns, times } = history.columnsSince(0)
    assert.deepStrictEqual(times, [80, 90, 100])
    assert.deepStrictEqual(columns.readIops, [8, 9, 1])
  })
})

describe("the book of histories", () => {
  it("forgets those that had IO longest ago, and none that is watched", () => {
    const book = new HistoryBook(2)
    const busy = { ...idleRates, readIops: 1 }
    const end = book.watch("watched")
    for (const [index, key] of ["a", "b", "c", "d"].entries()) book.add(index + 1, new Map([[key, busy]]), idleRates)
    assert.strictEqual(book.size, 3)
    assert.strictEqual(book.historyOf("watched").length, 4)
    assert.strictEqual(book.historyOf("d").length, 1)
    end()
    for (let turn = 5; turn < 50; turn += 1) book.add(turn, new Map([[`k${turn}`, busy]]), idleRates)
    assert.strictEqual(book.size, 2)
  })
})

describe("live rates", () => {
  it("need two answers, and leave out what is idle", () => {
    const rates = new LiveRates()
    rates.add(answer(10, [lun(0, 100), lun(1, 5)], [session(1, 100)]), 1000)
    assert.strictEqual(rates.now.value.luns.size, 0)
    assert.strictEqual(rates.activeSince, 10e9)
    rates.add(answer(11, [lun(0, 150)], [session(1, 150)]), 1001)
    assert.strictEqual(rates.now.value.luns.get(lunKey("iqn.t", 0))?.readIops, 50)
    assert.strictEqual(rates.now.value.luns.has(lunKey("iqn.t", 1)), false)
    assert.strictEqual(rates.now.value.sessions.get(sessionKey(1))?.readIops, 50)
    assert.strictEqual(rates.now.value.total.readIops, 50)
    assert.strictEqual(rates.now.value.lunCount, 3)
  })

  it("count a LUN that was idle from what was seen of it last", () => {
    const rates = new LiveRates()
    rates.add(answer(10, [lun(0, 1_000_000)]), 1000)
    rates.add(answer(11, []), 1001)
    rates.add(answer(12, [lun(0, 1_000_020)]), 1002)
    assert.strictEqual(rates.now.value.total.readIops, 20)
  })

  it("take another LUN of the same name for another", () => {
    const rates = new LiveRates()
    rates.add(answer(10, [lun(0, 100, 7)]), 1000)
    rates.add(answer(11, [lun(0, 130, 9)]), 1001)
    assert.strictEqual(rates.now.value.total.readIops, 130)
  })

  it("show no peak after a pause, and none when another process answers", () => {
    const rates = new LiveRates()
    rates.add(answer(10, [lun(0, 100)]), 1000)
    rates.add(answer(600, [lun(0, 90_000)]), 1590)
    assert.strictEqual(rates.now.value.total.readIops, 0)
    rates.add(answer(601, [lun(0, 90_010)]), 1591)
    assert.strictEqual(rates.now.value.total.readIops, 10)
    rates.add(answer(3, [lun(0, 50)]), 1600)
    assert.strictEqual(rates.now.value.total.readIops, 0)
    rates.add(answer(4, [lun(0, 60)]), 1601)
    assert.strictEqual(rates.now.value.total.readIops, 10)
    assert.strictEqual(rates.total.length, 2)
  })

  it("begin charts with what the target remembers, by its own clock", () => {
    const rates = new LiveRates()
    const end = rates.histories.watch(lunKey("iqn.t", 0))
    const of = { at: 1_000_000, seconds: 5, totals: counters(500), luns: [lun(0, 50)], sessions: [] }
    rates.recall([of], 7)
    assert.deepStrictEqual(rates.total.columnsSince(0).times, [1007])
    assert.deepStrictEqual(rates.total.columnsSince(0).columns.readIops, [100])
    assert.deepStrictEqual(rates.histories.historyOf(lunKey("iqn.t", 0)).columnsSince(0).columns.readIops, [10])
    end()
  })
})
