/** Rates and the page of `lunlog top`, from made-up counters, on a terminal that only notes what it is given. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Queue, Terminal } from "effect"
import { TestClock } from "effect/testing"
import { CliFailure } from "../../src/cli/CliFailure.ts"
import { type TopOutput, watchRates } from "../../src/cli/top/top-command.ts"
import { remembered, type TopRates, type TopSample, topRates } from "../../src/cli/top/top-rates.ts"
import { quitKey, takeScreen } from "../../src/cli/top/top-screen.ts"
import { topText } from "../../src/cli/top/top-text.ts"

type Lun = TopSample["luns"][number]
type Session = TopSample["sessions"][number]

const nothing = {
  reads: 0,
  writes: 0,
  flushes: 0,
  bytes_read: 0,
  bytes_written: 0,
  read_latency_nanos: 0,
  write_latency_nanos: 0,
  errors: 0,
  in_flight: 0
}

const lun = (lun_id: number, changes: Partial<Lun> = {}): Lun => ({
  target: "iqn.2016-06.io.spdk:disk1",
  lun_id,
  incarnation: 5,
  bdev_name: `Malloc${lun_id}`,
  ...nothing,
  ...changes
})

const session = (id: number, changes: Partial<Session> = {}): Session => ({
  id,
  initiator: "iqn.1994-05.com.redhat:host",
  initiator_addr: "10.0.0.9",
  target: "iqn.2016-06.io.spdk:disk1",
  commands: 0,
  ...nothing,
  ...changes
})

const sample = (seconds: number, luns: TopSample["luns"], sessions: TopSample["sessions"] = []): TopSample => ({
  at_nanos: seconds * 1e9,
  lun_count: luns.length,
  luns,
  sessions
})

describe("the rates of two samples", () => {
  it("are per second, with the average latencies of the interval", () => {
    const before = { reads: 100, bytes_read: 1000, read_latency_nanos: 5000, writes: 7, errors: 1 }
    const now = {
      reads: 140,
      bytes_read: 41_000,
      read_latency_nanos: 85_000,
      writes: 9,
      bytes_written: 8192,
      write_latency_nanos: 3_000_000,
      errors: 2,
      in_flight: 3
    }
    const [rates] = topRates(sample(10, [lun(0, before)]), sample(12, [lun(0, now)])).luns
    assert.deepStrictEqual(rates, {
      target: "iqn.2016-06.io.spdk:disk1",
      lun_id: 0,
      bdev_name: "Malloc0",
      reads_per_second: 20,
      writes_per_second: 1,
      flushes_per_second: 0,
      bytes_read_per_second: 20_000,
      bytes_written_per_second: 4096,
      read_latency_micros: 2,
      write_latency_micros: 1500,
      errors_per_second: 0.5,
      in_flight: 3
    })
  })

  it("are right beyond what a number holds exactly", () => {
    const at = (seconds: bigint, read_latency_nanos: bigint, reads: bigint): TopSample => ({
      at_nanos: seconds * 1_000_000_000n,
      lun_count: 1,
      luns: [lun(0, { reads, read_latency_nanos })],
      sessions: []
    })
    const { luns, seconds } = topRates(at(20_000_000n, 2n ** 60n, 10n), at(20_000_002n, 2n ** 60n + 2n ** 20n, 12n))
    assert.strictEqual(seconds, 2)
    assert.deepInclude(luns[0], { reads_per_second: 1, read_latency_micros: 524.29 })
  })

  it("begin at 0 for a LUN that has come in between, also in the place of another", () => {
    const before = sample(1, [lun(0, { reads: 50 })], [session(1, { commands: 90, reads: 70 })])
    const now = sample(
      2,
      [lun(0, { incarnation: 9, reads: 4 }), lun(1, { reads: 6 })],
      [session(2, { commands: 5, reads: 3 })]
    )
    const { luns, sessions } = topRates(before, now)
    assert.deepStrictEqual(
      luns.map(({ lun_id, reads_per_second }) => [lun_id, reads_per_second]),
      [
        [1, 6],
        [0, 4]
      ]
    )
    assert.deepInclude(sessions[0], { id: 2, commands_per_second: 5, reads_per_second: 3 })
  })

  it("go on from where a LUN was before it was idle, and left out", () => {
    const first = sample(1, [lun(0, { reads: 10 }), lun(1, { reads: 500 }), lun(2)])
    const second = { ...sample(2, [lun(0, { reads: 20 })]), lun_count: 3 }
    const third = { ...sample(3, [lun(1, { reads: 503 })]), lun_count: 3 }
    const { lun_count, luns } = topRates(remembered(first, second), third)
    assert.deepStrictEqual([lun_count, luns.map(({ reads_per_second }) => reads_per_second)], [3, [3]])
    assert.strictEqual(remembered(second, first), first)
  })

  it("put first what has the most IO, and then the most bytes", () => {
    const now = sample(2, [
      lun(0, { reads: 10 }),
      lun(1, { writes: 20 }),
      lun(2, { reads: 10, bytes_read: 9 }),
      lun(3),
      lun(4, { flushes: 30 })
    ])
    const { luns } = topRates(sample(1, []), now)
    assert.deepStrictEqual(
      luns.map(({ lun_id }) => lun_id),
      [4, 1, 2, 0, 3]
    )
  })
})

const busy = (count: number): TopRates =>
  topRates(
    sample(1, []),
    sample(
      2,
      Array.from({ length: count }, (_, id) =>
        lun(id, { reads: 1000 - id, bytes_read: 4_096_000, read_latency_nanos: 1_500_000 })
      ),
      Array.from({ length: count }, (_, id) => session(id, { writes: 3, write_latency_nanos: 36_000_000, errors: 1 }))
    )
  )

describe("the page", () => {
  it("says what each LUN and each session does, numbers flush right", () => {
    assert.deepStrictEqual(topText(busy(1), { rows: 24, columns: 200 }), [
      "1000 IO/s, 4.1 MB/s read, 0 MB/s written, 1 LUN, 1 session, in 1 s",
      "",
      "TARGET                     LUN  BDEV     READ/s  WRITE/s  RD MB/s  WR MB/s  RD LAT  WR LAT  QUEUE  ERR/s",
      "iqn.2016-06.io.spdk:disk1  0    Malloc0    1000        0      4.1        0   1.5us       -      0      0",
      "",
      "INITIATOR                    ADDRESS   TARGET                     READ/s  WRITE/s  RD MB/s  WR MB/s  RD LAT" +
        "  WR LAT  QUEUE  ERR/s",
      "iqn.1994-05.com.redhat:host  10.0.0.9  iqn.2016-06.io.spdk:disk1       0      3.0        0        0       -" +
        "  12.0ms      0    1.0"
    ])
  })

  it("says that there is nothing", () => {
    const lines = topText({ seconds: 1, lun_count: 0, luns: [], sessions: [] }, { rows: 24, columns: 80 })
    assert.includeMembers([...lines], ["TARGET: no LUN with IO", "INITIATOR: no session"])
  })

  it("fits into the window: names are shortened from the front, rows are left out", () => {
    for (const rows of [11, 16, 24, 60]) {
      const lines = topText(busy(50), { rows, columns: 100 })
      assert.isAtMost(lines.length, rows)
      assert.isAbove(lines.length, rows - 3)
      assert.isTrue(lines.every((line) => line.length <= 100))
      assert.isTrue(lines.some((line) => line.startsWith("…") && line.includes(":disk1  0 ")))
      assert.isTrue(lines.some((line) => /^\.\.\. and \d+ more with less$/.test(line)))
    }
  })

  it("has nothing in it that could play with a terminal", () => {
    const wild = session(1, { initiator: "iqn.a\u001b[2J\u0007" })
    const lines = topText(topRates(sample(1, []), sample(2, [], [wild])), { rows: 24, columns: 200 })
    assert.isTrue(lines.some((line) => line.startsWith("iqn.a?[2J?")))
  })
})

/** A terminal of 20 columns and 3 lines. */
const fakeTerminal = Effect.gen(function* () {
  const keys = yield* Queue.make<Terminal.UserInput>()
  const written: Array<string> = []
  const terminal = Terminal.make({
    columns: Effect.succeed(20),
    rows: Effect.succeed(3),
    size: Effect.die("unused"),
    readInput: Effect.succeed(keys),
    readLine: Effect.die("unused"),
    display: (text) => Effect.sync(() => void written.push(text))
  })
  const press = (name: string) =>
    Queue.offer(keys, { input: Option.some(name), key: { name, ctrl: false, meta: false, shift: false } })
  return { terminal, written, press }
})

describe("the screen", () => {
  it.effect("is another one as long as pages are shown, each in one write that fits the window", () =>
    Effect.gen(function* () {
      const { terminal, written } = yield* fakeTerminal
      yield* Effect.scoped(
        Effect.gen(function* () {
          const screen = yield* takeScreen(terminal)
          yield* screen.show(["a".repeat(30), "b", "c", "d"])
        })
      )
      assert.deepStrictEqual(written, [
        "\u001b[?1049h\u001b[?25l",
        `\u001b[H${"a".repeat(20)}\u001b[K\r\nb\u001b[K\r\nc\u001b[K\u001b[J`,
        "\u001b[?25h\u001b[?1049l"
      ])
    })
  )

  it.effect("is left with q and no other letter", () =>
    Effect.gen(function* () {
      const { press, terminal } = yield* fakeTerminal
      for (const key of ["x", "up", "q", "y"]) yield* press(key)
      yield* quitKey(terminal)
    })
  )
})

describe("watching", () => {
  const noted = () => {
    const lines: Array<string> = []
    const output: TopOutput = {
      rates: ({ luns }) => Effect.sync(() => void lines.push(`${luns[0]?.reads_per_second} reads/s`)),
      away: (reason) => Effect.sync(() => void lines.push(reason))
    }
    return { lines, output }
  }

  it.effect("goes on when the target has restarted, with the counters of the new one", () =>
    Effect.gen(function* () {
      const { lines, output } = noted()
      const gone = new CliFailure({ message: "gone" })
      // Reads at second 1, 2, then two failures, then a process whose counters begin anew.
      const answers = [sample(1, [lun(0, { reads: 10 })]), sample(2, [lun(0, { reads: 30 })])]
      const after = [sample(1, [lun(0, { reads: 1 })]), sample(2, [lun(0, { reads: 6 })])]
      let opened = 0
      const open = Effect.suspend(() => {
        opened++
        if (opened === 2) return Effect.fail(gone)
        const left = opened === 1 ? answers : after
        return Effect.succeed(() => {
          const next = left.shift()
          return next === undefined ? Effect.fail(gone) : Effect.succeed(next)
        })
      })
      const watching = yield* Effect.forkChild(watchRates(open, output, { count: 2, intervalMillis: 1000 }))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(watching)
      assert.deepStrictEqual(lines, ["20 reads/s", "gone", "5 reads/s"])
    })
  )

  it.effect("fails at once where there never was a target", () =>
    Effect.gen(function* () {
      const { lines, output } = noted()
      const open = Effect.fail(new CliFailure({ message: "nobody is there" }))
      const failure = yield* Effect.flip(watchRates(open, output, { count: 1, intervalMillis: 1 }))
      assert.strictEqual(failure.message, "nobody is there")
      assert.deepStrictEqual(lines, [])
    })
  )
})
