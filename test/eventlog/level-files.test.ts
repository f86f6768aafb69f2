/** Our reading of LevelDB's files against what LevelDB itself wrote, and against anything else. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { damagedJournals, salvageJournals } from "../../eventlog/level/level-journal.ts"
import { readLevelLog } from "../../eventlog/level/level-log.ts"
import { readManifest } from "../../eventlog/level/level-manifest.ts"
import { damagedTables, salvageTable, tableDamage } from "../../eventlog/level/level-table.ts"
import { decodeRecord } from "../../eventlog/record-codec.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { cause, entry, numbersOf } from "./support.ts"

/** Enough for several blocks of the journal, and for many of a table. */
const recordsPerStart = 1500

/** Its padding is the one place where a byte does not matter. */
const footerBytes = 48

let directory: string
let database: string
const startOnce = (first: number) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory, ballastBytes: 0 })
        const entries = Array.from({ length: recordsPerStart }, (_, n) => entry(first + n))
        for (let n = 0; n < entries.length; n += 100) {
          yield* log.append(log.tip().controlSeq, cause, entries.slice(n, n + 100))
        }
      })
    )
  )

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "lunlog-level-"))
  database = join(directory, "db")
  await startOnce(0)
  await startOnce(recordsPerStart)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const filesLike = (pattern: RegExp): ReadonlyArray<string> =>
  readdirSync(database)
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(database, name))

const numbersIn = (entries: ReadonlyArray<readonly [string, Uint8Array]>): ReadonlyArray<unknown> =>
  entries
    .filter(([key]) => key.startsWith("c"))
    .map(([, value]) => decodeRecord(value, true))
    .flatMap((record) => (typeof record === "string" ? [record] : numbersOf([record])))

describe("LevelDB's files", () => {
  it("are named by the MANIFEST with their sizes", async () => {
    const manifest = await readManifest(database)
    const tables = filesLike(/\.ldb$/)
    assert.isNotEmpty(tables)
    assert.deepStrictEqual(
      [...(manifest?.tables.values() ?? [])],
      tables.map((path) => statSync(path).size)
    )
    const [journal] = filesLike(/\.log$/)
    assert.strictEqual(Number.parseInt(journal?.split("/").at(-1) ?? "", 10), manifest?.logNumber)
  })

  it("are whole, and give back every record: tables of the first start, the journal of the second", async () => {
    assert.deepStrictEqual(await damagedTables(database, Number.POSITIVE_INFINITY), [])
    assert.deepStrictEqual(await damagedJournals(database, Number.MAX_SAFE_INTEGER), [])
    const tabled = numbersIn(filesLike(/\.ldb$/).flatMap((path) => salvageTable(readFileSync(path))))
    const journaled = numbersIn(await salvageJournals(database))
    assert.deepStrictEqual(
      tabled,
      Array.from({ length: recordsPerStart }, (_, n) => n)
    )
    assert.deepStrictEqual(
      journaled,
      Array.from({ length: recordsPerStart }, (_, n) => recordsPerStart + n)
    )
  })

  it("are told from others by any changed byte in a table's blocks", () => {
    const random = makeRandom(runSeed(23))
    const [path = ""] = filesLike(/\.ldb$/)
    const table = readFileSync(path)
    for (let round = 0; round < 300; round++) {
      const at = random.below(table.length - footerBytes)
      table[at] = (table[at] ?? 0) ^ 0x40
      assert.isDefined(tableDamage(table), `byte ${at}`)
      table[at] = (table[at] ?? 0) ^ 0x40
    }
    assert.isUndefined(tableDamage(table))
  })

  it("may hold anything: reading them never throws, and never takes long", () => {
    const random = makeRandom(runSeed(29))
    const originals = filesLike(/\.(ldb|log)$|^MANIFEST/).map((path) => readFileSync(path))
    for (let round = 0; round < 150; round++) {
      const original = originals[random.below(originals.length)] ?? Buffer.alloc(0)
      const bytes = Buffer.from(original.subarray(0, random.between(0, original.length)))
      for (let n = 0; n < 20 && bytes.length > 0; n++) bytes[random.below(bytes.length)] = random.below(256)
      tableDamage(bytes)
      salvageTable(bytes)
      readLevelLog(bytes)
      const noise = random.bytes(random.below(2000))
      tableDamage(noise)
      salvageTable(noise)
      assert.isEmpty(readLevelLog(noise).records)
    }
  })
})
