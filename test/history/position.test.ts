/** Places in the log as people write them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import {
  type Position,
  type PositionContext,
  parsePosition,
  positionText,
  resolvePosition,
  resolveStart,
  timeText
} from "../../src/history/position.ts"

const now = Date.UTC(2026, 10, 22, 15, 0, 30)
const utc: PositionContext = { nowMillis: now, zone: "utc" }

const parsed = (text: string, context = utc): Position | string => Result.merge(parsePosition(text, context))

/** The time that `text` means. */
const time = (text: string, context = utc): string => {
  const found = parsed(text, context)
  return typeof found === "string" || found._tag !== "Time"
    ? `no time: ${JSON.stringify(found)}`
    : timeText(found.micros)
}

describe("a position", () => {
  it.each<readonly [string, Position]>([
    ["4711", { _tag: "Seq", seq: 4711 }],
    ["#4711", { _tag: "Seq", seq: 4711 }],
    ["0", { _tag: "Seq", seq: 0 }],
    ["HEAD", { _tag: "Back", count: 0 }],
    ["-5", { _tag: "Back", count: 5 }],
    ["HEAD-5", { _tag: "Back", count: 5 }],
    ["head~5", { _tag: "Back", count: 5 }]
  ])("%s is a place", (text, place) => {
    assert.deepStrictEqual(parsed(text), place)
  })

  it.each([
    ["14:03", "2026-11-22T14:03:00.000000Z"],
    ["14:03:05.123456", "2026-11-22T14:03:05.123456Z"],
    // Later than now: it can only have been yesterday.
    ["15:01", "2026-11-21T15:01:00.000000Z"],
    ["today 15:01", "2026-11-22T15:01:00.000000Z"],
    ["yesterday 14:03", "2026-11-21T14:03:00.000000Z"],
    ["yesterday", "2026-11-21T00:00:00.000000Z"],
    ["2026-11-20", "2026-11-20T00:00:00.000000Z"],
    ["2026-11-20 14:03", "2026-11-20T14:03:00.000000Z"],
    ["2026-11-20T14:03:05Z", "2026-11-20T14:03:05.000000Z"],
    ["2026-11-20t14:03+02:00", "2026-11-20T12:03:00.000000Z"],
    ["2026-11-20 00:30 -0130", "2026-11-20T02:00:00.000000Z"],
    ["10 minutes ago", "2026-11-22T14:50:30.000000Z"],
    ["1.5 h ago", "2026-11-22T13:30:30.000000Z"],
    ["90s ago", "2026-11-22T14:59:00.000000Z"],
    ["an hour ago", "2026-11-22T14:00:30.000000Z"],
    ["2 Days Ago", "2026-11-20T15:00:30.000000Z"],
    ["now", "2026-11-22T15:00:30.000000Z"],
    ["@1795356185.5", "2026-11-22T14:03:05.500000Z"]
  ])("%s is %s", (text, expected) => {
    assert.strictEqual(time(text), expected)
  })

  it("of another zone is reckoned there: it may be another day", () => {
    // At 15:00 UTC it is 03:00 of the next day at +12:00.
    assert.strictEqual(time("yesterday 12:00 +12:00"), "2026-11-22T00:00:00.000000Z")
    assert.strictEqual(time("02:00 +12:00"), "2026-11-22T14:00:00.000000Z")
  })

  it("without a zone is in that of whoever asks, summer time included", () => {
    const before = process.env["TZ"]
    process.env["TZ"] = "Europe/Berlin"
    try {
      const local: PositionContext = { nowMillis: now, zone: "local" }
      assert.strictEqual(time("14:03", local), "2026-11-22T13:03:00.000000Z")
      assert.strictEqual(time("2026-07-01 14:03", local), "2026-07-01T12:03:00.000000Z")
      assert.strictEqual(time("2026-07-01T14:03Z", local), "2026-07-01T14:03:00.000000Z")
      const afterTheChange: PositionContext = { nowMillis: Date.UTC(2026, 9, 25, 12), zone: "local" }
      assert.strictEqual(time("yesterday 12:00", afterTheChange), "2026-10-24T10:00:00.000000Z")
    } finally {
      if (before === undefined) delete process.env["TZ"]
      else process.env["TZ"] = before
    }
  })

  it.each([
    "",
    "  ",
    "yesterdays",
    "25:00",
    "14:60",
    "2026-02-30",
    "5 fortnights ago",
    "ten minutes ago",
    "-",
    "--5",
    "1e3"
  ])("is not %j", (text) => {
    assert.match(String(parsed(text)), /is no place in the log; write a number, HEAD, -5/)
  })

  it.each(["99999999999999999", `-${"9".repeat(16)}`, "999999999999 weeks ago", "1969-12-31", "9".repeat(80)])(
    "is not %s, which no log can hold",
    (text) => {
      assert.isString(parsed(text))
    }
  )

  const AnyPosition = Schema.Union([
    Schema.TaggedStruct("Seq", { seq: Schema.Natural }),
    Schema.TaggedStruct("Back", { count: Schema.Natural }),
    Schema.TaggedStruct("Time", { micros: Schema.Natural })
  ])

  it.prop("reads its own text, whenever and wherever", [AnyPosition], ([position]) => {
    assert.deepStrictEqual(parsed(positionText(position)), position)
  })

  it.prop("never throws", [Schema.String], ([text]) => {
    parsed(text)
  })
})

describe("where a position is", () => {
  /** Records 1 to 10, one each second from second 100 on. */
  const log = {
    durable: () => ({ seq: 10, controlSeq: 10, controlNo: 10, controlHash: "" }),
    seqAt: (micros: number) => Effect.succeed(Math.max(0, Math.min(10, Math.floor(micros / 1_000_000) - 99)))
  }
  const seconds = (count: number): Position => ({ _tag: "Time", micros: count * 1_000_000 })

  it.effect.each<readonly [Position, number, number]>([
    [{ _tag: "Seq", seq: 4 }, 4, 4],
    [{ _tag: "Seq", seq: 40 }, 10, 40],
    [{ _tag: "Seq", seq: 0 }, 0, 1],
    [{ _tag: "Back", count: 0 }, 10, 10],
    [{ _tag: "Back", count: 3 }, 7, 7],
    [{ _tag: "Back", count: 30 }, 0, 1],
    [seconds(103), 4, 4],
    [seconds(103.5), 4, 5],
    [seconds(50), 0, 1],
    [seconds(500), 10, 11]
  ])("%j: at or before it, at or after it", ([position, last, first]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* resolvePosition(log, position), last)
      assert.strictEqual(yield* resolveStart(log, position), first)
    })
  )
})
