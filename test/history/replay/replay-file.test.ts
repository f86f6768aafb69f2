/** The file of records, the steps that it is played in, and where to stop: at their edges, and damaged. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, type Scope, Stream } from "effect"
import type { Cause, LogRecord } from "../../../eventlog/record.ts"
import { ReplayFile, writeReplayFile } from "../../../src/cli/replay/ReplayFile.ts"
import { gapMillis, parseSpeed } from "../../../src/history/replay/pace.ts"
import { ReplaySteps } from "../../../src/history/replay/ReplaySteps.ts"
import { parseStop } from "../../../src/history/replay/stop-condition.ts"
import { diceOf } from "../../domain/random.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const filePath = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "lunlog-replay-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  ),
  (directory) => join(directory, "replay", "records.ndjson")
)

const asked: Cause = { source: "rpc", actor: "local", method: "bdev_null_create" }

const view = (seq: number, payload: unknown = { name: `b${seq}`, text: "ä".repeat(seq % 300) }) => ({
  seq,
  at: seq * 1000,
  kind: "observation",
  type: "Seen",
  v: 1,
  cause: asked,
  payload,
  segment: 1
})

const from = 10
const write = (path: string, views: ReadonlyArray<unknown>) =>
  writeReplayFile(path, { instanceId: "i", from }, Stream.fromIterable([views.slice(0, 7), views.slice(7)]))

describe("a file of records", () => {
  live("gives every record back, from any seq on, also where seqs are missing and lines are long", () =>
    Effect.gen(function* () {
      const path = yield* filePath
      const { roll } = diceOf(7)
      let seq = from
      const views = Array.from({ length: 3000 }, (_, index) => {
        seq += 1 + roll(3)
        return index === 1500 ? view(seq, "x".repeat(900_000)) : view(seq)
      })
      const content = yield* write(path, views)
      assert.deepStrictEqual(content, { instanceId: "i", from, through: seq, records: 3000 })
      const file = yield* ReplayFile.open(path)
      assert.deepStrictEqual(file.content, content)
      const long = views[1500]?.seq ?? 0
      for (const after of [
        0,
        from,
        long - 1,
        long,
        seq - 1,
        seq,
        seq + 5,
        ...Array.from({ length: 60 }, () => roll(seq))
      ]) {
        const { records } = yield* file.read(yield* file.seek(after), 2)
        const due = views.filter((one) => one.seq > after).slice(0, 2)
        assert.deepStrictEqual(
          records.map((record) => [record.seq, record.payload]),
          due.map((one) => [one.seq, one.payload]),
          `after ${after}`
        )
      }
      const all: Array<LogRecord> = []
      for (let at = yield* file.seek(0); ; ) {
        const { next, records } = yield* file.read(at, 500)
        if (records.length === 0) break
        all.push(...records)
        at = next
      }
      assert.deepStrictEqual(
        all.map((record) => record.seq),
        views.map((one) => one.seq)
      )
    })
  )

  live("that has no record is whole, too", () =>
    Effect.gen(function* () {
      const path = yield* filePath
      yield* write(path, [])
      const file = yield* ReplayFile.open(path)
      assert.strictEqual(file.content.through, from)
      assert.deepStrictEqual((yield* file.read(yield* file.seek(from), 5)).records, [])
    })
  )

  live("is not there at all if the source's records are out of order, or are none", () =>
    Effect.gen(function* () {
      const path = yield* filePath
      const late = yield* Effect.flip(write(path, [view(12), view(11)]))
      assert.match(late.message, /record 11 of the source comes after 12/u)
      const wrong = yield* Effect.flip(write(path, [{ seq: 11 }]))
      assert.match(wrong.message, /a record of the source: /u)
      assert.match((yield* Effect.flip(ReplayFile.open(path))).message, /ENOENT/u)
    })
  )

  live("that is cut at any byte, or damaged in any line, is told and never played wrong", () =>
    Effect.gen(function* () {
      const path = yield* filePath
      yield* write(
        path,
        [11, 12, 13].map((seq) => view(seq, {}))
      )
      const whole = yield* Effect.promise(() => readFile(path))
      for (let length = 0; length < whole.length - 1; length += 7) {
        yield* Effect.promise(() => writeFile(path, whole.subarray(0, length)))
        assert.match((yield* Effect.flip(Effect.scoped(ReplayFile.open(path)))).message, /cut off|no such file/u)
      }
      const text = whole.toString()
      yield* Effect.promise(() => writeFile(path, text.replace('"seq":12,"at"', '"seq":12,"ät"')))
      const file = yield* ReplayFile.open(path)
      const damaged = yield* Effect.flip(file.read(yield* file.seek(from), 5))
      assert.match(damaged.message, /the line at byte \d+ is damaged .* make the fork again/u)
    })
  )
})

const control = (seq: number, at: number, changes: Partial<LogRecord> = {}): LogRecord => ({
  seq,
  at,
  type: "BdevRemoved",
  v: 1,
  cause: asked,
  payload: { name: "b", incarnation: 1 },
  ...changes,
  kind: "control",
  controlNo: seq,
  prevControl: "",
  hash: ""
})

const seen = (seq: number, at: number): LogRecord => ({
  ...view(seq),
  at,
  cause: asked,
  kind: "observation",
  segmentNo: 1,
  prevObservation: "",
  anchor: "",
  hash: ""
})

/** Seqs of the steps. */
const stepsOf = (records: ReadonlyArray<LogRecord>, page: number): ReadonlyArray<ReadonlyArray<number>> => {
  const steps = new ReplaySteps()
  const found: Array<ReadonlyArray<number>> = []
  const waiting = [...records]
  for (;;) {
    const step = steps.next(waiting.length === 0)
    if (step !== undefined) {
      found.push(step.records.map(({ seq }) => seq))
      steps.take(step)
    } else if (waiting.length === 0) return found
    else steps.add(waiting.splice(0, page))
  }
}

describe("steps", () => {
  const records = [
    control(11, 5),
    control(12, 5),
    seen(13, 5),
    control(14, 5),
    control(15, 6),
    control(16, 6, { cause: { source: "boot", actor: "local" } }),
    control(17, 7, { type: "LunAdded", payload: { bdev: { name: "b", incarnation: 11 } } }),
    control(18, 7, { type: "LunAdded", payload: { bdev: { name: "b", incarnation: 17 } } }),
    control(19, 7, { type: "EpochStarted" }),
    control(20, 7),
    control(22, 7)
  ]
  const expected = [[11, 12], [13], [14], [15], [16], [17], [18], [19, 20], [22]]

  it("are what was written at once, however the records come", () => {
    for (let page = 1; page <= records.length; page++) assert.deepStrictEqual(stepsOf(records, page), expected)
  })
})

describe("the pace", () => {
  it("is that of the record, or faster, and pauses are shortened only if that is asked for", () => {
    const hour = 3_600_000_000
    assert.strictEqual(gapMillis({ speed: 1, maxGapMillis: undefined }, 0, hour), 3_600_000)
    assert.strictEqual(gapMillis({ speed: 10, maxGapMillis: undefined }, 0, hour), 360_000)
    assert.strictEqual(gapMillis({ speed: 1, maxGapMillis: 5000 }, 0, hour), 5000)
    assert.strictEqual(gapMillis({ speed: undefined, maxGapMillis: undefined }, 0, hour), 0)
    assert.strictEqual(gapMillis({ speed: 1, maxGapMillis: undefined }, hour, 0), 0)
  })

  it("is written as a factor", () => {
    for (const [text, speed] of [
      ["max", undefined],
      ["1", 1],
      ["0.5", 0.5],
      ["100", 100]
    ] as const) {
      assert.deepStrictEqual(parseSpeed(text), Result.succeed(speed))
    }
    for (const text of ["", "0", "-1", "fast", "1e3", "0.0001", "99999999", "Infinity"]) {
      assert.isTrue(Result.isFailure(parseSpeed(text)), text)
    }
  })
})

describe("where to stop", () => {
  const types: ReadonlySet<string> = new Set(["LunAdded", "SessionOpened"])
  const content = { instanceId: "i", from, through: 40, records: 30 }
  const added = control(20, 5_000_000, {
    type: "LunAdded",
    payload: { target: "iqn.2016-06.io.spdk:disk1", lun: 3, bdev: { name: "Malloc0", incarnation: 1 } }
  })
  const stopAt = (text: string) => {
    const stop = parseStop(text, types, content, { nowMillis: 10_000, zone: "utc" })
    return Result.isSuccess(stop) ? stop.success : assert.fail(stop.failure)
  }
  const step = (record: LogRecord) =>
    record.kind === "control"
      ? ({ _tag: "Change", records: [record] } as const)
      : ({ _tag: "Observation", records: [record] } as const)

  it.each([
    ["LunAdded", true],
    ["Lun*", true],
    ["SessionOpened", false],
    ["Session*", false],
    ["Malloc0", true],
    ["Malloc", false],
    ["iqn.2016-06.io.spdk:disk1", true],
    ["IQN.2016-06.io.spdk:DISK1", true],
    ["disk1", true],
    ["disk2", false],
    ["disk1:3", true],
    ["iqn.2016-06.io.spdk:disk1/3", true],
    ["disk1:4", false],
    ["bdev:Malloc0", true],
    ["source:rpc", true],
    ["portal-group:1", false]
  ])("%s is %s of a LUN that is added", (text, isMet) => {
    const stop = stopAt(text)
    assert(stop._tag === "Match")
    assert.strictEqual(stop.matches(added), isMet)
  })

  it.each([
    ["19", true, true],
    ["20", false, true],
    ["21", false, false],
    ["HEAD", false, false],
    ["HEAD-20", false, true],
    ["HEAD-21", true, true],
    ["1970-01-01T00:00:04Z", true, true],
    ["1970-01-01T00:00:05Z", false, true],
    ["1970-01-01T00:00:06Z", false, false]
  ])("%s is behind record 20: %s; or is it: %s", (text, isBehind, isBeforeMet) => {
    const stop = stopAt(text)
    assert(stop._tag === "Place")
    assert.deepStrictEqual(
      [stop.isBeyond(step(added), false), stop.isBeyond(step(added), true)],
      [isBehind, isBeforeMet]
    )
  })

  it("is nowhere if nothing is said, or too much", () => {
    for (const text of ["", " ", "x".repeat(601)]) {
      assert.isTrue(Result.isFailure(parseStop(text, types, content, { nowMillis: 0, zone: "utc" })))
    }
  })
})
