/** Which time is looked at, in the page's address, and how lanes are drawn and told. */
import { assert, describe, it } from "vitest"
import type { Lane } from "../../src/console/rpc/history-methods.ts"
import { queryOf, searchOf } from "../../src/console/time/model/LogQuery.ts"
import { barsOf, hasTrouble, laneText, signsOf, troubleOf } from "../../src/console/time/model/lane-picture.ts"
import { rangeOf } from "../../src/console/time/model/TimeScale.ts"
import { addTimeView, type TimeView, timeViewOf } from "../../src/console/time/model/TimeView.ts"

const usual: TimeView = {
  stretch: { _tag: "Recent", name: "1h", seconds: 3600 },
  moment: undefined,
  against: { _tag: "Now" }
}
const views: ReadonlyArray<TimeView> = [
  usual,
  { ...usual, stretch: { _tag: "All" }, moment: 0 },
  { ...usual, stretch: { _tag: "Fixed", from: 1000, to: 2000 }, moment: 17, against: { _tag: "Before" } },
  { ...usual, moment: 17, against: { _tag: "Place", place: "10 minutes ago" } }
]

describe("a view of time", () => {
  it.each(views)("comes back from its address as it was, beside the filters: %j", (view) => {
    const query = queryOf(new URLSearchParams("type=Lun*&errors=true"))
    const search = new URLSearchParams(addTimeView(searchOf(query), view).toString())
    assert.deepStrictEqual(timeViewOf(search), view)
    assert.deepStrictEqual(queryOf(search), query)
  })

  it("of an address that nobody has made is the usual one", () => {
    const search = new URLSearchParams({ span: "20-10", at: "-1", with: "x".repeat(65) })
    assert.deepStrictEqual(timeViewOf(search), usual)
    assert.deepStrictEqual(timeViewOf(new URLSearchParams({ span: "a".repeat(9999), at: "9".repeat(99) })), usual)
  })
})

const mark = (severity: string, at: number, seq: number) => ({
  severity,
  at,
  until: at,
  seq,
  records: 1,
  count: severity === "error" ? 3 : 1,
  text: `record ${seq}`
})
const span = (phase: string, from: number, to: number) => ({
  phase,
  from,
  to,
  from_seq: undefined,
  to_seq: undefined,
  merged: undefined
})
const lane: Lane = {
  kind: "lun",
  title: "  LUN 1: wal",
  spans: [span("active", 0, 50_000), span("draining", 50_000, 50_010), span("active", 300_000, 400_000)],
  marks: [mark("error", 25_000, 5), mark("note", 26_000, 6), mark("warning", 900_000, 7)]
}
const range = rangeOf(0, 100_000)

describe("a lane", () => {
  it("has a bar for each span in the range, wide enough to be seen, and none outside", () => {
    assert.deepStrictEqual(
      barsOf(lane, range).map(({ from, phase, width }) => [phase, from, width]),
      [
        ["active", 0, 0.5],
        ["draining", 0.5, 0.002]
      ]
    )
  })

  it("draws what is grave over what is not, and leaves out what lies outside", () => {
    assert.deepStrictEqual(
      signsOf(lane, range).map(({ at, severity }) => [severity, at]),
      [
        ["note", 0.26],
        ["error", 0.25]
      ]
    )
    assert.match(signsOf(lane, range)[1]?.title ?? "", /: record 5, and the like: 3 in all$/u)
  })

  it("is told in words", () => {
    assert.isTrue(hasTrouble(lane))
    assert.isFalse(hasTrouble({ ...lane, marks: [] }))
    assert.match(laneText(lane), /^LUN 1: wal: 3 spans, the last there: .*; 2 errors or warnings$/u)
  })

  it("shares a record with other lanes, which is told once, the newest first", () => {
    const seqs = troubleOf([lane, { ...lane, title: "bdev wal" }]).map(({ seq }) => seq)
    assert.deepStrictEqual(seqs, [7, 5])
  })
})
