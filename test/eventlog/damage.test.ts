/**
 * One damaged byte, or a cut, anywhere in any file of a closed log: either it is the log that was written, record by
 * record, or a typed error says what is wrong. Never silently fewer, or other, records. `npm run test:long` tries every
 * byte (`test/long/log-damage.test.ts`).
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { runSeed } from "../support/initiator/random.ts"
import { verify, verifyLog } from "../support/verify-log.ts"
import { damagesOf, inflict, makeCompactedTemplate, makeTemplate, tryDamages, withCopyOf } from "./damage.ts"
import { appendOne, cause, entry, readAll } from "./support.ts"

/** Places tried per file. */
const placesPerFile = 14

let template: string
let original: ReadonlyArray<LogRecord>
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), "lunlog-template-"))
  original = await makeTemplate(template)
})
afterAll(() => rmSync(template, { recursive: true, force: true }))

const withCopy = <A>(body: (directory: string) => Promise<A>): Promise<A> => withCopyOf(template, body)

const journalOf = (directory: string): string => {
  const journal = readdirSync(join(directory, "db")).find((name) => name.endsWith(".log"))
  return journal === undefined ? assert.fail("the template has no journal") : join("db", journal)
}

describe("a damaged log", () => {
  it("is whole or says what is wrong, wherever the damage is", { timeout: 300_000 }, () =>
    tryDamages(template, original, damagesOf(template, placesPerFile, runSeed(1)))
  )

  it("is so when it was compacted, too, with its genesis and its archives", { timeout: 300_000 }, async () => {
    const compacted = mkdtempSync(join(tmpdir(), "lunlog-template-"))
    try {
      const records = await makeCompactedTemplate(compacted)
      await tryDamages(compacted, records, damagesOf(compacted, 3, runSeed(6)))
    } finally {
      rmSync(compacted, { recursive: true, force: true })
    }
  })

  it("says how many confirmed records are gone when its end is lost without a gap", () =>
    withCopy(async (directory) => {
      const file = journalOf(directory)
      inflict(directory, { file, offset: readFileSync(join(directory, file)).length - 200, bits: 1 })
      const failure = await Effect.runPromise(Effect.flip(Effect.scoped(LevelEventLog.make({ directory }))))
      assert.strictEqual(failure._tag, "LogDamaged")
      assert.match(failure.message, /control records \d+ to 30 were confirmed and are gone/)
    }))

  it("in the middle of its journal costs the batch that is damaged and none behind it", () =>
    withCopy(async (directory) => {
      const file = journalOf(directory)
      inflict(directory, { file, offset: 20, bits: 1 })
      const before = readFileSync(join(directory, file))
      const failure = await Effect.runPromise(Effect.flip(Effect.scoped(LevelEventLog.make({ directory }))))
      assert.match(failure.message, /\.log does not match its checksum at byte 0, in front of confirmed records/)
      // LevelDB has not seen it: it would have passed over all of it, and deleted it.
      assert.isTrue(before.equals(readFileSync(join(directory, file))))
      const accepted = Effect.flatMap(LevelEventLog.make({ directory, acceptLoss: true }), (log) => readAll(log))
      const records = await Effect.runPromise(Effect.scoped(accepted))
      const known = new Set(original.map(({ hash }) => hash))
      assert.isAtLeast(records.filter(({ hash }) => known.has(hash)).length, original.length - 3)
    }))

  it("is kept as it was found, when that shows only after LevelDB has opened it", () =>
    withCopy(async (directory) => {
      const file = journalOf(directory)
      inflict(directory, { file, offset: readFileSync(join(directory, file)).length - 10, bits: 1 })
      const before = readFileSync(join(directory, file))
      const failure = await Effect.runPromise(Effect.flip(Effect.scoped(LevelEventLog.make({ directory }))))
      if (failure._tag !== "LogDamaged" || failure.kept === undefined) return assert.fail("nothing was kept")
      assert.include(failure.message, failure.kept)
      assert.isTrue(before.equals(readFileSync(join(failure.kept, file.slice("db/".length)))))
      // Only the first starts keep it: a service manager may try for days.
      for (let n = 0; n < 8; n++) await Effect.runPromise(Effect.flip(Effect.scoped(LevelEventLog.make({ directory }))))
      assert.isAtMost(readdirSync(directory).filter((name) => name.startsWith("damaged-")).length, 4)
    }))

  it("goes on without what is gone when that is accepted, and says so for ever", () =>
    withCopy(async (directory) => {
      const file = journalOf(directory)
      inflict(directory, { file, offset: readFileSync(join(directory, file)).length - 200, bits: 1 })
      const accepted = Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory, acceptLoss: true })
        yield* appendOne(log, 777)
        return yield* readAll(log)
      })
      const records = await Effect.runPromise(Effect.scoped(accepted))
      assert.deepInclude(records.at(-2), { type: "LossAccepted" })
      assert.deepStrictEqual(records.slice(0, -2), original.slice(0, records.length - 2))
      const again = await Effect.runPromise(verifyLog(directory))
      assert.strictEqual(again.records, records.length)
    }))

  it("reads over a hole in the middle once that is accepted, and over no other", () =>
    withCopy(async (directory) => {
      const tables = readdirSync(join(directory, "db")).filter((name) => name.endsWith(".ldb"))
      inflict(directory, { file: `db/${tables.sort().at(-1)}`, offset: 100, bits: 4 })
      const opened = await Effect.runPromise(
        Effect.scoped(Effect.flatMap(LevelEventLog.make({ directory, acceptLoss: true }), (log) => verify(log)))
      )
      assert.isAtLeast(opened.acceptedLosses, 1)
      const report = await Effect.runPromise(verifyLog(directory))
      assert.isAbove(report.controlRecords, 0)
      assert.isBelow(report.controlRecords, 30)
    }))
})

describe("a large damaged table", () => {
  it("costs the records of its damaged block and no others", async () => {
    const directory = mkdtempSync(join(tmpdir(), "lunlog-damage-"))
    try {
      const open = LevelEventLog.make({ directory, ballastBytes: 0 })
      const total = 2000
      const fill = Effect.flatMap(open, (log) =>
        log.append(
          0,
          cause,
          Array.from({ length: total }, (_, n) => entry(n))
        )
      )
      await Effect.runPromise(Effect.scoped(fill))
      await Effect.runPromise(Effect.scoped(open))
      const table = readdirSync(join(directory, "db")).find((name) => name.endsWith(".ldb"))
      inflict(directory, { file: `db/${table}`, offset: 100_000, bits: 0xff })
      const failure = await Effect.runPromise(Effect.flip(Effect.scoped(open)))
      assert.match(failure.message, /\.ldb does not match its checksum in the block at byte \d+/)
      const accepted = Effect.flatMap(LevelEventLog.make({ directory, acceptLoss: true }), (log) => verify(log))
      const report = await Effect.runPromise(Effect.scoped(accepted))
      assert.isBelow(report.controlRecords, total)
      assert.isAbove(report.controlRecords, total - 50)
      assert.strictEqual(report.acceptedLosses, 1)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

describe("HEAD", () => {
  it("is missed when it is gone, and made again when that is accepted", () =>
    withCopy(async (directory) => {
      rmSync(join(directory, "HEAD"))
      const failure = await Effect.runPromise(Effect.flip(Effect.scoped(LevelEventLog.make({ directory }))))
      assert.include(failure.message, "HEAD is gone")
      await Effect.runPromise(Effect.scoped(LevelEventLog.make({ directory, acceptLoss: true })))
      assert.isTrue(existsSync(join(directory, "HEAD")))
      const report = await Effect.runPromise(verifyLog(directory))
      assert.strictEqual(report.controlRecords, original.filter(({ kind }) => kind === "control").length)
    }))

  it("is not missed in a log without control records, as a killed first start leaves it", () =>
    withCopy(async (base) => {
      const directory = join(base, "fresh")
      const open = LevelEventLog.make({ directory, ballastBytes: 0 })
      await Effect.runPromise(Effect.scoped(open))
      writeFileSync(join(directory, "HEAD"), "")
      await Effect.runPromise(Effect.scoped(Effect.flatMap(open, (log) => appendOne(log, 1))))
      assert.strictEqual((await Effect.runPromise(verifyLog(directory))).controlRecords, 1)
    }))

  it("finds the database exchanged for an older copy of itself", () =>
    withCopy(async (directory) => {
      const old = join(directory, "old")
      cpSync(join(directory, "db"), old, { recursive: true })
      await Effect.runPromise(
        Effect.scoped(Effect.flatMap(LevelEventLog.make({ directory }), (log) => appendOne(log, 1)))
      )
      rmSync(join(directory, "db"), { recursive: true })
      cpSync(old, join(directory, "db"), { recursive: true })
      const failure = await Effect.runPromise(Effect.flip(Effect.scoped(LevelEventLog.make({ directory }))))
      assert.include(failure.message, "control records 31 to 31 were confirmed and are gone")
    }))
})

describe("verify", () => {
  it("finds a record that was exchanged for another with a right digest", () =>
    withCopy(async (directory) => {
      const other = mkdtempSync(join(tmpdir(), "lunlog-other-"))
      try {
        await makeTemplate(other)
        // The same history at other times: every record is sound by itself.
        const [table] = readdirSync(join(other, "db"))
          .filter((name) => name.endsWith(".ldb"))
          .sort()
        if (table === undefined) return assert.fail("no table")
        writeFileSync(join(directory, "db", table), readFileSync(join(other, "db", table)))
        const result = await Effect.runPromise(Effect.result(verifyLog(directory)))
        if (Result.isSuccess(result)) return assert.fail("the exchange was not noticed")
        assert.include(["LogReadFailed", "LogDamaged"], result.failure._tag)
      } finally {
        rmSync(other, { recursive: true, force: true })
      }
    }))
})
