/**
 * Reading a directory changes nothing in it, whatever state it is in, and gives of a damaged log what can be read: no
 * record that was not written, and none less than was written without saying so.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { runCommand } from "../support/child-process.ts"
import { runSeed } from "../support/initiator/random.ts"
import { verify } from "../support/verify-log.ts"
import { type Damage, damagesOf, filesOf, inflict, makeTemplate, withCopyOf } from "./damage.ts"
import { mountRefusal, readAll } from "./support.ts"

const placesPerFile = 4
const childFile = join(import.meta.dirname, "child.ts")
const waitMillis = 90_000

let template: string
let original: ReadonlyArray<LogRecord>
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), "lunlog-template-"))
  original = await makeTemplate(template)
})
afterAll(() => rmSync(template, { recursive: true, force: true }))

const withCopy = <A>(body: (directory: string) => Promise<A>): Promise<A> => withCopyOf(template, body)

const contentOf = (directory: string) =>
  filesOf(directory).map(({ file }) => [file, readFileSync(join(directory, file)).toString("base64")])

const read = (directory: string) =>
  Effect.runPromise(
    Effect.result(
      Effect.scoped(
        Effect.gen(function* () {
          const log = yield* openForReading(directory)
          return { records: yield* readAll(log), damage: log.damage() }
        })
      )
    )
  )

const tryDamage = (damage: Damage): Promise<string> =>
  withCopy(async (directory) => {
    inflict(directory, damage)
    const before = contentOf(directory)
    const result = await read(directory)
    const where = JSON.stringify(damage)
    assert.deepStrictEqual(contentOf(directory), before, where)
    if (Result.isFailure(result)) {
      assert.include(["LogDamaged", "LogTooNew", "LogReadFailed"], result.failure._tag, where)
      return result.failure._tag
    }
    const known = new Map(original.map((record) => [record.seq, record]))
    for (const record of result.success.records) assert.deepStrictEqual(record, known.get(record.seq), where)
    if (result.success.damage !== undefined) return "part"
    assert.deepStrictEqual(result.success.records, original, where)
    return "whole"
  })

describe("a directory that is read", () => {
  it("stays what it was, and gives what is readable, wherever it is damaged", async () => {
    const outcomes: Array<string> = []
    for (const damage of damagesOf(template, placesPerFile, runSeed(2))) outcomes.push(await tryDamage(damage))
    assert.includeMembers(outcomes, ["whole", "part"])
    // What is refused altogether is a file that says what the rest is.
    const refused = outcomes.filter((outcome) => outcome !== "whole" && outcome !== "part")
    assert.isBelow(refused.length, outcomes.length / 5, refused.join())
  })

  it("can be read twice, and opened afterwards", () =>
    withCopy(async (directory) => {
      const before = contentOf(directory)
      for (let n = 0; n < 2; n++)
        assert.deepStrictEqual(Result.getOrThrow(await read(directory)).records, [...original])
      assert.deepStrictEqual(contentOf(directory), before)
      await Effect.runPromise(Effect.scoped(Effect.flatMap(LevelEventLog.make({ directory }), (log) => verify(log))))
    }))

  it("may be on a read-only file system", (context) =>
    withCopy(async (directory) => {
      const refusal = await mountRefusal()
      if (refusal !== undefined) return context.skip(refusal)
      const script = `mount --bind ${directory} ${directory} && mount -o remount,ro,bind ${directory} && exec "$@"`
      const args = ["-Urm", "sh", "-c", script, "sh", process.execPath, childFile, "read", directory]
      const { stderr, stdout } = await runCommand({ command: "unshare", args }, waitMillis)
      assert.strictEqual(stdout.trim(), JSON.stringify({ records: original.length }), stderr)
    }))

  it("may be a running log's copy, but not the log itself", () =>
    withCopy(async (directory) => {
      const args = [childFile, "read", directory]
      const held = Effect.scoped(
        Effect.andThen(
          LevelEventLog.make({ directory, ballastBytes: 0 }),
          Effect.promise(() => runCommand({ command: process.execPath, args }, waitMillis))
        )
      )
      const { stdout } = await Effect.runPromise(held)
      assert.include(stdout, `"LogLocked"`)
      assert.include(stdout, `"holderPid":${process.pid}`)
    }))
})
