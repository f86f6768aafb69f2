/** Compaction: the log begins later, its older records are read from archives, and no crash in between loses any. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import { createLogAt } from "../../eventlog/create-log.ts"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { controlKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import type { Snapshot } from "../../eventlog/reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import type { CompactOptions } from "../../eventlog/retain/compaction.ts"
import { startChild } from "../support/child-process.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { verify, verifyLog } from "../support/verify-log.ts"
import { appendOne, cause, entry, FaultyStore, faultPlan, observation, readAll, temporaryDirectory } from "./support.ts"

type Log = EventLog["Service"]
const forEver = Number.MAX_SAFE_INTEGER
const open = (directory: string) => LevelEventLog.make({ directory, ballastBytes: 0 })

/** Appends records in batches, with an observation in front of each batch. */
const fill = (log: Log, batches: number, perBatch = 10) =>
  Effect.forEach(
    Array.from({ length: batches }),
    () => {
      log.observe(observation(0))
      const entries = Array.from({ length: perBatch }, (_, n) => entry(n))
      return log.append(log.tip().controlSeq, cause, entries)
    },
    { discard: true }
  )

/** A snapshot of the control record at this share of the log. */
const snapshotAt = (records: ReadonlyArray<LogRecord>, share: number): Snapshot => {
  const control = records.filter((record) => record.kind === "control")
  const record = control[Math.floor((control.length - 1) * share)]
  if (record === undefined) throw new Error("no control record")
  const state = new TextEncoder().encode(`state at ${record.seq}`)
  return { controlSeq: record.seq, controlNo: record.controlNo, controlHash: record.hash, foldVersion: 5, state }
}

const compactAt = (log: Log, share: number, options?: CompactOptions) =>
  Effect.flatMap(readAll(log, { kind: "control", from: (log.beginning()?.controlSeq ?? 0) + 1 }), (records) =>
    log.compact(snapshotAt(records, share), options)
  )

/** All but what the log itself observed. */
const written = (records: ReadonlyArray<LogRecord>) => records.filter(({ cause }) => cause.source !== "log")
const inDirectory = <A, E>(directory: string, use: (log: Log) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(open(directory), use))

describe("compact", () => {
  it.live("puts old records into an archive, from which they are read as before", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [before, compaction] = yield* inDirectory(directory, (log) =>
        Effect.gen(function* () {
          yield* fill(log, 25, 100)
          const before = yield* readAll(log)
          const dry = yield* compactAt(log, 0.5, { dryRun: true })
          assert.strictEqual(log.beginning(), undefined)
          assert.deepStrictEqual(readdirSync(directory).includes("archive"), false)
          const compaction = yield* compactAt(log, 0.5)
          assert.deepStrictEqual(compaction, dry)
          assert.strictEqual(compaction.records, 1250)
          assert.deepStrictEqual(written(yield* readAll(log)), before)
          const [middle] = yield* readAll(log, { from: 900, to: 900 })
          assert.deepStrictEqual(middle, before[899])
          yield* appendOne(log, 1)
          return [before, compaction] as const
        })
      )
      assert.isTrue(existsSync(compaction.archive ?? ""))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* openForReading(directory)
          assert.isUndefined(log.beginning())
          assert.deepStrictEqual(written(yield* readAll(log)).slice(0, before.length), before)
          assert.strictEqual((yield* log.readSnapshot(5))?.controlSeq, compaction.through)
          assert.isUndefined(yield* log.snapshotAtOrBefore(5, compaction.through - 1))
          const found = yield* Stream.runCollect(Stream.take(log.find({ tags: [], reverse: true, to: 700 }), 3))
          assert.deepStrictEqual(found, [before[699], before[698], before[697]])
        })
      )
      assert.strictEqual((yield* verifyLog(directory)).controlRecords, 2501)
    })
  )

  it.live("can be done again and again, also behind a fork's beginning", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "log")
      const origin = { controlSeq: 500, controlNo: 77, controlHash: "cd".repeat(32), at: 1, foldVersion: 5 }
      yield* createLogAt(directory, { ...origin, state: new Uint8Array(3) })
      const before = yield* inDirectory(directory, (log) =>
        Effect.gen(function* () {
          yield* fill(log, 40)
          const before = yield* readAll(log)
          for (const share of [0.2, 0.5, 1]) {
            yield* compactAt(log, share)
            assert.strictEqual(log.beginning()?.controlSeq, 500)
            assert.deepStrictEqual(written(yield* readAll(log)), before)
          }
          // All control records are in archives now, and the log goes on.
          yield* appendOne(log, 7)
          return before
        })
      )
      assert.strictEqual(readdirSync(join(directory, "archive")).length, 3)
      const report = yield* verifyLog(directory)
      assert.strictEqual(report.controlRecords, before.filter(({ kind }) => kind === "control").length + 1)
      const again = yield* inDirectory(directory, (log) => Effect.map(readAll(log), written))
      assert.deepStrictEqual(again.slice(0, before.length), before)
    })
  )

  it.live("without an archive lets the records go, and says where the log begins", () =>
    Effect.gen(function* () {
      const log = yield* MemoryEventLog.make()
      yield* fill(log, 10)
      const before = yield* readAll(log)
      const { archive, through } = yield* compactAt(log, 0.5, { keepArchive: false })
      assert.isUndefined(archive)
      assert.deepInclude(log.beginning(), { controlSeq: through, origin: "compacted", archives: [] })
      assert.isUndefined(log.missingArchive())
      const left = before.filter(({ kind, seq }) => kind === "observation" || seq > through)
      assert.deepStrictEqual(written(yield* readAll(log)), left)
      yield* verify(log)
      assert.deepStrictEqual(yield* log.compact(snapshotAt(before, 0.2)), { records: 0, bytes: 0, through })
      const foreign = { ...snapshotAt(before, 0.9), controlHash: "another" }
      assert.match(
        (yield* Effect.flip(log.compact(foreign))).message,
        /it has no control record \d+ that could be its new beginning/
      )
    })
  )

  it.live("says which archive is missing or damaged, and reads what is behind it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const paths = yield* inDirectory(directory, (log) =>
        Effect.gen(function* () {
          yield* fill(log, 40)
          const first = yield* compactAt(log, 0.3)
          const second = yield* compactAt(log, 0.5)
          return [first.archive ?? "", second.archive ?? ""] as const
        })
      )
      const readable = Effect.scoped(
        Effect.gen(function* () {
          const log = yield* openForReading(directory)
          const records = yield* readAll(log, { kind: "control" })
          yield* verify(log)
          return { first: records[0]?.seq, beginning: log.beginning()?.controlSeq ?? 0, missing: log.missingArchive() }
        })
      )
      const whole = yield* readable
      assert.deepStrictEqual(whole, { first: 2, beginning: 0, missing: undefined })
      renameSync(paths[0], `${paths[0]}.away`)
      const withoutFirst = yield* readable
      assert.strictEqual(withoutFirst.first, 134)
      assert.match(withoutFirst.missing ?? "", /the archive .*1-\d+ is missing/)
      const bytes = readFileSync(paths[1])
      const cut = bytes.subarray(0, bytes.length - 100)
      writeFileSync(paths[1], cut)
      const withoutBoth = yield* readable
      assert.isAbove(withoutBoth.beginning, withoutFirst.beginning)
      assert.match(withoutBoth.missing ?? "", /the archive .* is damaged: its end is missing/)
      bytes[2000] = (bytes[2000] ?? 0) ^ 1
      writeFileSync(paths[1], bytes)
      const failure = yield* Effect.flip(verifyLog(directory))
      assert.match(failure.message, /the archive .* is damaged at byte \d+: .*put it back from a copy, or move it away/)
      // Who opens a pipe to read waits for somebody who writes.
      rmSync(paths[1])
      execFileSync("mkfifo", [paths[1]])
      assert.match((yield* readable).missing ?? "", /the archive .* is damaged: it is no file/)
    })
  )

  it.live("is refused where records in front are damaged or gone", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      mkdirSync(join(directory, "log"))
      const log = yield* open(join(directory, "log"))
      yield* fill(log, 3)
      // A directory where the archive should come: nothing is lost, nothing is half.
      mkdirSync(join(directory, "log", "archive", "1-33.new"), { recursive: true })
      const failure = yield* Effect.flip(compactAt(log, 1))
      assert.match(failure.message, /^cannot compact the event log in .*: EISDIR/)
      assert.isUndefined(log.beginning())
      yield* appendOne(log, 1)
      yield* verify(log)
    })
  )
})

describe("a compaction that is stopped", () => {
  it.live("at any of its writes leaves a log that reads as before, and can be done again", () =>
    Effect.gen(function* () {
      const faults = [
        [0, "refuse"],
        [0, "fail-after"],
        [1, "refuse"],
        [2, "fail-after"]
      ] as const
      for (const [failing, fault] of faults) {
        const directory = yield* temporaryDirectory
        const plan = faultPlan()
        const wrapStore = (store: ConstructorParameters<typeof FaultyStore>[0]) => new FaultyStore(store, plan)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const log = yield* LevelEventLog.make({ directory, ballastBytes: 0, wrapStore })
            yield* fill(log, 2, 1250)
            const before = yield* readAll(log)
            const from = plan.writes
            plan.next = () => {
              if (plan.writes - 1 !== from + failing) return "none"
              plan.next = () => "none"
              return fault
            }
            const stopped = yield* Effect.result(compactAt(log, 0.9))
            assert.isTrue(Result.isFailure(stopped))
            yield* Effect.eventually(appendOne(log, 1))
            assert.deepStrictEqual(written(yield* readAll(log)).slice(0, before.length), before)
            yield* compactAt(log, 0.95)
            assert.deepStrictEqual(written(yield* readAll(log)).slice(0, before.length), before)
            yield* verify(log)
          })
        )
        assert.strictEqual((yield* verifyLog(directory)).controlRecords, 2501)
        yield* Effect.promise(async () => {
          const store = await openLevelStore(join(directory, "db"), false)
          const control = await store.range({ gte: controlKey(0), lte: controlKey(forEver), limit: 5000 })
          await store.close()
          assert.isBelow(control.length, 300, "records that were compacted are still there")
        })
      }
    })
  )

  it.live("lets a failed write be got over when its archive is gone", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const plan = faultPlan()
      const wrapStore = (store: ConstructorParameters<typeof FaultyStore>[0]) => new FaultyStore(store, plan)
      const log = yield* LevelEventLog.make({ directory, ballastBytes: 0, wrapStore })
      yield* fill(log, 2)
      yield* compactAt(log, 1)
      renameSync(join(directory, "archive"), join(directory, "elsewhere"))
      plan.next = () => {
        plan.next = () => "none"
        return "refuse"
      }
      assert.isTrue(Result.isFailure(yield* Effect.result(appendOne(log, 1))))
      assert.lengthOf(yield* Effect.timeout(Effect.eventually(appendOne(log, 1)), "20 seconds"), 1)
    }).pipe(Effect.scoped)
  )

  it.live("leaves no half archive for ever", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* inDirectory(directory, (log) =>
        Effect.gen(function* () {
          yield* fill(log, 2)
          mkdirSync(join(directory, "archive"))
          for (const name of ["1-5.new", "notes.new"]) writeFileSync(join(directory, "archive", name), "half")
          const { through } = yield* compactAt(log, 0.5)
          assert.deepStrictEqual(readdirSync(join(directory, "archive")).sort(), [`1-${through}`, "notes.new"])
        })
      )
    })
  )

  it.live("by SIGKILL loses nothing", () =>
    Effect.gen(function* () {
      const random = makeRandom(runSeed(11))
      const directory = yield* temporaryDirectory
      const file = join(import.meta.dirname, "child.ts")
      let confirmed = 0
      for (let round = 0; round < 2; round++) {
        const child = yield* Effect.promise(() =>
          startChild({ command: process.execPath, args: [file, "compact", directory] })
        )
        const said = () => [...child.stdout().matchAll(/^(compacting|compacted|acked) (\d+)$/gm)]
        const wanted = random.between(2, 30)
        while (said().length < wanted && child.exitStatus() === undefined) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
        child.signal("SIGKILL")
        yield* Effect.promise(() => child.exited)
        confirmed = Math.max(confirmed, ...said().flatMap(([, what, n]) => (what === "acked" ? [Number(n)] : [])))
        const report = yield* verifyLog(directory)
        assert.isAtLeast(report.tail.controlNo, confirmed, child.stderr())
        assert.strictEqual(report.controlRecords, report.tail.controlNo)
      }
    })
  )
})
