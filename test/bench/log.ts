/**
 * What the event log costs: appends per second with one caller and with 64, replay verified and unverified, and
 * start-up over the length of the log. `npm run bench -- log [--long] [--json]`; this file also runs by itself.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { Cause } from "../../eventlog/record.ts"

type Log = EventLog["Service"]

export interface LogBenchOptions {
  /** Also a log of a million records: some minutes and 400 MB. */
  readonly long?: boolean
  readonly json?: boolean
  /** Where the logs are written; default the system's temporary directory, which should be a real disk. */
  readonly directory?: string
}

export interface LogBenchRow {
  readonly what: string
  readonly records: number
  readonly millis: number
  readonly perSecond: number
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
    const millis = performance.now() - start
    return { what, records, millis, perSecond: (records * 1000) / millis }
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

const benches = (directory: string, options: LogBenchOptions) =>
  Effect.gen(function* () {
    const rows: Array<LogBenchRow> = []
    const appendTo = join(directory, "append")
    yield* Effect.scoped(
      Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory: appendTo })
        yield* appends(log, 1, 200)
        rows.push(yield* appends(log, 1, 2000))
        rows.push(yield* appends(log, 64, 64_000))
      })
    )
    for (const length of [1000, 10_000, 100_000, ...(options.long === true ? [1_000_000] : [])]) {
      const at = join(directory, `length-${length}`)
      yield* Effect.scoped(Effect.flatMap(LevelEventLog.make({ directory: at }), (log) => fill(log, length)))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const start = performance.now()
          const log = yield* LevelEventLog.make({ directory: at })
          const millis = performance.now() - start
          rows.push({ what: "open", records: length, millis, perSecond: 0 })
          rows.push(yield* replay(log, false))
          rows.push(yield* replay(log, true))
        })
      )
    }
    return rows
  })

const print = (rows: ReadonlyArray<LogBenchRow>): string =>
  [
    "what                    records         ms    records/s",
    ...rows.map(({ what, records, millis, perSecond }) =>
      [
        what.padEnd(20),
        String(records).padStart(10),
        millis.toFixed(1).padStart(10),
        (perSecond === 0 ? "" : Math.round(perSecond).toString()).padStart(12)
      ].join(" ")
    )
  ].join("\n")

/** Runs it, prints a table or JSON, and gives the rows. */
export const runLogBench = async (options: LogBenchOptions = {}): Promise<ReadonlyArray<LogBenchRow>> => {
  const directory = mkdtempSync(join(options.directory ?? tmpdir(), "lunlog-bench-"))
  try {
    const rows = await Effect.runPromise(benches(directory, options))
    process.stdout.write(`${options.json === true ? JSON.stringify(rows) : print(rows)}\n`)
    return rows
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  await runLogBench({ long: process.argv.includes("--long"), json: process.argv.includes("--json") })
}
