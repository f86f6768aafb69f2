/**
 * What the event log costs: appends per second with one caller and with 64, replay verified and unverified, and
 * opening over the length of the log. `npm run bench -- log [--longest=1000000]`.
 */
import { tmpdir } from "node:os"
import { Effect } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { Cause } from "../../eventlog/record.ts"
import { makeBenchFolder } from "./support/BenchFolder.ts"
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { rowOf } from "./support/samples.ts"

type Log = EventLog["Service"]

interface LogBenchRow {
  readonly what: string
  readonly records: number
  readonly millis: number
}

const cause: Cause = { source: "rpc", actor: "local", method: "iscsi_target_node_add_lun", requestId: "1" }

/** As large as a typical event of the control plane: about 400 stored bytes. */
const entry = (n: number) => ({
  type: "LunAdded",
  v: 1,
  payload: { target: "iqn.2016-06.io.spdk:disk1", lun: n % 256, bdev: `Malloc${n}`, incarnation: n }
})

const timed = <E>(what: string, records: number, effect: Effect.Effect<unknown, E>): Effect.Effect<LogBenchRow, E> =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* effect
    return { what, records, millis: performance.now() - start }
  })

/** `callers` append one record each, again and again. */
const appends = (log: Log, callers: number, total: number) =>
  timed(
    `append, ${callers} caller${callers === 1 ? "" : "s"}`,
    total,
    Effect.forEach(
      Array.from({ length: callers }),
      () =>
        Effect.gen(function* () {
          for (let n = 0; n < total / callers; n++) yield* log.append(log.tip().controlSeq, cause, [entry(n)])
        }),
      { concurrency: "unbounded" }
    )
  )

/** Fills a log up to `length` records, many at a time. */
const fill = (log: Log, length: number) =>
  Effect.gen(function* () {
    while (log.tip().seq < length) {
      const count = Math.min(500, length - log.tip().seq)
      const entries = Array.from({ length: count }, (_, i) => entry(log.tip().seq + i))
      yield* log.append(log.tip().controlSeq, cause, entries)
    }
  })

/** The cheapest fold there is: what remains is the log's own cost. */
const replay = (log: Log, verify: boolean) =>
  timed(
    `replay, ${verify ? "verified" : "unverified"}`,
    log.durable().seq,
    log.fold({ kind: "control", verify }, 0, (sum, { seq }) => sum + seq)
  )

/** Appends to a new log, after some that warm it up. */
const benchAppends = (directory: string, records: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* LevelEventLog.make({ directory })
      yield* appends(log, 1, Math.ceil(records / 10))
      return [yield* appends(log, 1, records), yield* appends(log, 64, 32 * records)]
    })
  )

/** Opens and replays a log of this length, with no snapshot to help. */
const benchLength = (directory: string, length: number) =>
  Effect.gen(function* () {
    yield* Effect.scoped(Effect.flatMap(LevelEventLog.make({ directory }), (log) => fill(log, length)))
    return yield* Effect.scoped(
      Effect.gen(function* () {
        const start = performance.now()
        const log = yield* LevelEventLog.make({ directory })
        const open = { what: "open", records: length, millis: performance.now() - start }
        return [open, yield* replay(log, false), yield* replay(log, true)]
      })
    )
  })

const lengths = [1000, 10_000, 100_000, 1_000_000] as const

const inDirectory = async <A>(run: (directory: string) => Promise<A>): Promise<A> => {
  using folder = makeBenchFolder(tmpdir())
  return await run(folder.path)
}

const perSecond = ({ millis, records }: LogBenchRow): number => (records * 1000) / millis

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const rounds = Array.from({ length: context.number("rounds") })
  const appended: Array<ReadonlyArray<LogBenchRow>> = []
  const records = context.number("records")
  for (const _ of rounds) appended.push(await inDirectory((at) => Effect.runPromise(benchAppends(at, records))))
  const [first = []] = appended
  const rates = first.map(({ what }, index) =>
    rowOf(
      { name: what.replaceAll(/[ ,]+/g, "-"), title: what },
      { lunlog: appended.flatMap((each) => each.slice(index, index + 1).map(perSecond)) }
    )
  )
  const opened: Array<Row> = []
  const replayed: Array<Row> = []
  for (const length of lengths.filter((each) => each <= context.number("longest"))) {
    const taken: Array<ReadonlyArray<LogBenchRow>> = []
    for (const _ of rounds) taken.push(await inDirectory((at) => Effect.runPromise(benchLength(at, length))))
    const all = (what: string) => taken.flatMap((each) => each.filter((row) => row.what === what))
    const row = { name: `records-${length}`, title: length.toLocaleString("en"), at: length }
    opened.push(rowOf(row, { open: all("open").map(({ millis }) => millis) }))
    const [unverified, verified] = [all("replay, unverified").map(perSecond), all("replay, verified").map(perSecond)]
    replayed.push(rowOf(row, { unverified, verified }, [{ over: "verified", under: "unverified" }]))
  }
  const heading = "records in the log"
  return [
    {
      name: "append",
      title: "Appends",
      unit: "records per second",
      contenders: ["lunlog"],
      heading: "what",
      rows: rates
    },
    { name: "open", title: "Opening", unit: "milliseconds", contenders: ["open"], heading, rows: opened },
    {
      name: "replay",
      title: "Replay",
      unit: "records per second",
      contenders: ["unverified", "verified"],
      heading,
      rows: replayed
    }
  ]
}

/** See the head of this file. */
export const logBenchmark: Benchmark = {
  name: "log",
  about: "what the event log costs",
  options: {
    rounds: { about: "how often everything is done", default: "3", smoke: "1" },
    records: { about: "appended by one caller; 64 callers append 32 times as many", default: "2000", smoke: "20" },
    longest: { about: "length of the longest log, up to 1000000", default: "100000", smoke: "1000" }
  },
  run
}

if (import.meta.main) await runBenchmark(logBenchmark)
