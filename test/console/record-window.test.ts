/** The records that a list holds, as pages come at both ends. */
import { assert, describe, it } from "vitest"
import type { LogRecord } from "../../src/console/rpc/log-methods.ts"
import {
  type RecordWindow,
  windowMax,
  windowOf,
  withNewer,
  withOlder
} from "../../src/console/time/model/RecordWindow.ts"

const record = (seq: number): LogRecord => ({
  seq,
  at: seq,
  kind: "control",
  type: "T",
  v: 1,
  cause: { source: "rpc", actor: "local", method: undefined, requestId: undefined, correlationId: undefined },
  payload: {},
  text: `record ${seq}`,
  trouble: false
})
/** Oldest first, as answers are. */
const records = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => record(from + index))
const seqs = (window: RecordWindow) => window.records.map(({ seq }) => seq)
const range = ({ records }: RecordWindow) => [records[0]?.seq, records.at(-1)?.seq]

describe("a window on the log", () => {
  it("begins with the newest and grows into the past", () => {
    const first = windowOf({ records: records(8, 10), durable_seq: 12, earlier: 7 })
    assert.deepStrictEqual(seqs(first), [10, 9, 8])
    assert.deepStrictEqual([first.earlier, first.next, first.isCut], [7, 13, false])
    const more = withOlder(first, { records: records(5, 7), durable_seq: 12, earlier: undefined })
    assert.deepStrictEqual(seqs(more), [10, 9, 8, 7, 6, 5])
    assert.isUndefined(more.earlier)
  })

  it("takes news once, whatever comes twice, and goes on where the answer says", () => {
    const first = windowOf({ records: records(8, 10), durable_seq: 10, earlier: 7 })
    const newer = withNewer(first, { records: records(10, 12), durable_seq: 20, next: 13 })
    assert.deepStrictEqual(seqs(newer), [12, 11, 10, 9, 8])
    assert.strictEqual(newer.next, 13)
    const none = withNewer(newer, { records: [], durable_seq: 20, next: undefined })
    assert.deepStrictEqual([seqs(none), none.next], [seqs(newer), 21])
    const twice = withOlder(none, { records: records(7, 9), durable_seq: 20, earlier: 6 })
    assert.deepStrictEqual(seqs(twice), [12, 11, 10, 9, 8, 7])
  })

  it("lets go at the other end what is too much, and finds it again", () => {
    let window = windowOf({ records: records(9001, 10_000), durable_seq: 10_000, earlier: 9000 })
    for (let to = 9000; to > 4000; to -= 1000) {
      window = withOlder(window, { records: records(to - 999, to), durable_seq: 10_000, earlier: to - 1000 })
    }
    assert.deepStrictEqual([range(window), window.records.length], [[8000, 4001], windowMax])
    assert.deepStrictEqual([window.next, window.isCut], [8001, true])
    const back = withNewer(window, { records: records(8001, 9000), durable_seq: 10_000, next: 9001 })
    assert.deepStrictEqual([range(back), back.earlier, back.isCut], [[9000, 5001], 5000, true])
    const end = withNewer(back, { records: records(9001, 10_000), durable_seq: 10_000, next: undefined })
    assert.deepStrictEqual([range(end), end.earlier, end.next, end.isCut], [[10_000, 6001], 6000, 10_001, false])
  })
})
