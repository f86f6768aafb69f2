/** Places on a line of time, and times as people read and write them. */
import { assert, describe, it } from "vitest"
import { momentOf, moved, partOf, rangeOf, ticksOf, zoomed } from "../../src/console/time/model/TimeScale.ts"
import {
  clockText,
  lengthText,
  localText,
  offsetMicros,
  placeOfTyped,
  tickText,
  utcText
} from "../../src/console/time/model/time-text.ts"

const at = Date.UTC(2026, 10, 22, 14, 3, 5, 123) * 1000 + 456
const bounds = rangeOf(0, 1_000_000)

describe("a scale of time", () => {
  it("finds the moment of a place, and the place of a moment", () => {
    const range = rangeOf(100_000, 300_000)
    assert.strictEqual(partOf(range, 150_000), 0.25)
    assert.strictEqual(momentOf(range, 0.25), 150_000)
    assert.deepStrictEqual([momentOf(range, -1), momentOf(range, 2)], [100_000, 300_000])
    assert.deepStrictEqual(rangeOf(5, 5), { from: 5, to: 1005 })
  })

  it("zooms around a moment that stays where it is, within what there is", () => {
    assert.deepStrictEqual(zoomed(bounds, 250_000, 0.5, bounds), { from: 125_000, to: 625_000 })
    assert.deepStrictEqual(zoomed(rangeOf(0, 200_000), 0, 10, bounds), bounds)
    assert.deepStrictEqual(zoomed(rangeOf(800_000, 1_000_000), 1_000_000, 2, bounds), { from: 600_000, to: 1_000_000 })
    assert.deepStrictEqual(zoomed(bounds, 0, 1e-9, bounds), { from: 0, to: 1000 })
  })

  it("moves without leaving what there is, and keeps its length", () => {
    assert.deepStrictEqual(moved(rangeOf(400_000, 600_000), -0.5, bounds), { from: 300_000, to: 500_000 })
    assert.deepStrictEqual(moved(rangeOf(100_000, 300_000), -1, bounds), { from: 0, to: 200_000 })
    assert.deepStrictEqual(moved(rangeOf(700_000, 900_000), 5, bounds), { from: 800_000, to: 1_000_000 })
  })

  it("has its labels at whole steps of the clock on the wall, as many as find room", () => {
    const hour = 3_600_000_000
    const day = rangeOf(at, at + 24 * hour)
    const half = hour / 2
    const { at: found, detail } = ticksOf(day, 8, half)
    assert.isTrue(found.length > 3 && found.length <= 8)
    assert.isTrue(found.every((tick) => (tick + half) % (3 * hour) === 0 && tick >= day.from && tick < day.to))
    assert.strictEqual(detail, "minute")
    assert.strictEqual(ticksOf(rangeOf(at, at + 50_000), 8, 0).detail, "millisecond")
  })
})

describe("a time", () => {
  it("is told here and in UTC", () => {
    assert.strictEqual(utcText(at), "2026-11-22T14:03:05.123456Z")
    const date = new Date(at / 1000)
    assert.strictEqual(clockText(at).slice(0, 2), String(date.getHours()).padStart(2, "0"))
    assert.match(localText(at), /^\d{4}-\d\d-\d\d \d\d:\d\d:05\.123$/u)
    assert.strictEqual(tickText(at, "second"), clockText(at).slice(0, 8))
    assert.strictEqual(offsetMicros(at), -date.getTimezoneOffset() * 60_000_000)
  })

  it("that is typed without a zone is one of here, and goes to the target as UTC", () => {
    const now = new Date(2026, 10, 22, 12, 0).getTime()
    assert.strictEqual(placeOfTyped("11:30", now), new Date(2026, 10, 22, 11, 30).toISOString())
    assert.strictEqual(placeOfTyped("12:30", now), new Date(2026, 10, 21, 12, 30).toISOString())
    assert.strictEqual(placeOfTyped("2026-01-02 03:04:05.6", now), new Date(2026, 0, 2, 3, 4, 5, 600).toISOString())
    assert.strictEqual(placeOfTyped("2026-01-02", now), new Date(2026, 0, 2).toISOString())
    for (const text of ["4711", "HEAD-5", "10 minutes ago", "2026-11-22T14:03Z", "25:00", "", "tomorrow"]) {
      assert.strictEqual(placeOfTyped(` ${text}`, now), text)
    }
  })

  it("has a length in two or three figures", () => {
    assert.deepStrictEqual([500, 45_000_000, 5_400_000_000].map(lengthText), ["500 µs", "45 s", "1.5 h"])
  })
})
