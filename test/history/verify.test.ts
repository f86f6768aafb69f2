/** `eventlog_verify` and `lunlog log verify`: clean logs are, and of a damaged one everything that is wrong is told. */
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { controlKey, observationKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { LogArchive } from "../../eventlog/LogArchive.ts"
import type { LogStore } from "../../eventlog/LogStore.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import { FOLD_VERSION } from "../../src/domain/evolve.ts"
import { initialState } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { Verification, type VerificationReport } from "../../src/history/verify/Verification.ts"
import { callHere } from "../../src/rpc/call-here.ts"
import { verifyMethods } from "../../src/rpc/methods/eventlog/verify.ts"
import { lunlogHere } from "../cli/in-process.ts"
import { cause } from "../domain/control-plane-support.ts"
import { observation } from "../eventlog/support.ts"
import { type SessionLog, sessionLog } from "../support/session-log.ts"

const run = async (log: SessionLog): Promise<{ readonly text: string; readonly failure: string | undefined }> => {
  const { failure, stdout } = await lunlogHere("log", "verify", "--state", log.stateDirectory)
  return { text: stdout, failure }
}

/** What is found in a log in memory that `use` has written. */
const verifying = (
  use: (log: Parameters<typeof LogArchive.of>[0] & MemoryLog, store: LogStore) => Effect.Effect<unknown, unknown>
): Promise<VerificationReport> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const store = new MemoryStore()
        const log = yield* MemoryEventLog.make({ store })
        yield* Effect.orDie(use(log, store))
        const verification = new Verification(log)
        while (!verification.report.finished) yield* verification.step
        return verification.report
      })
    )
  )
type MemoryLog = Effect.Success<ReturnType<typeof MemoryEventLog.make>>

/** Control records that are events, with an observation behind each. */
const fill = (log: MemoryLog, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, n) => n + 1),
    (tag) => {
      const payload = { tag, initiators: ["ANY"], netmasks: ["ANY"] }
      const appended = log.append(log.tip().controlSeq, cause, [{ type: "InitiatorGroupCreated", v: 1, payload }])
      return Effect.tap(appended, () => Effect.sync(() => log.observe(observation(tag))))
    },
    { discard: true }
  )

const put = (store: LogStore, key: string, value = new Uint8Array(50)) =>
  Effect.promise(() => store.write([{ type: "put", key, value }], true))
const remove = (store: LogStore, key: string) => Effect.promise(() => store.write([{ type: "del", key }], true))
const wheres = ({ findings }: VerificationReport) =>
  findings.map(({ lastGood, where }) => [where.split(" (")[0], lastGood])

describe("verify", () => {
  it("calls a log clean that real sessions have written, with its snapshots", { timeout: 120_000 }, async () => {
    using log = await sessionLog("whole")
    const { failure, text } = await run(log)
    assert.isUndefined(failure)
    assert.match(text, /^clean: [1-9]\d* control records and [1-9]\d* observations, up to record \d+;/)
    assert.match(text, /they fold to what (a snapshot says|[1-9]\d* snapshots say)/)
    using cut = await sessionLog("cut")
    assert.isUndefined((await run(cut)).failure)
  })

  it("names the file that is damaged, and what to do", { timeout: 120_000 }, async () => {
    using log = await sessionLog("damaged")
    const { failure, text } = await run(log)
    assert.match(failure ?? "", /^the event log is damaged: \d+ findings?$/)
    assert.include(text, log.wound?.file.replace(/^log\//, "") ?? "")
    assert.match(text, /^ {2}what to do: .*--accept-log-loss$/m)
  })

  it("finds all that is wrong, each with its place and the last record that is right", async () => {
    const report = await verifying((log, store) =>
      Effect.gen(function* () {
        yield* fill(log, 30)
        yield* put(store, controlKey(5))
        yield* remove(store, controlKey(11))
        yield* remove(store, controlKey(13))
        yield* put(store, observationKey(20))
        yield* remove(store, observationKey(40))
      })
    )
    assert.isTrue(report.finished)
    assert.isFalse(report.clean)
    assert.deepStrictEqual(wheres(report), [
      ["record 5", 3],
      ["record 15", 9],
      ["record 20", 18],
      ["record 42", 38]
    ])
    assert.match(report.findings[1]?.detail ?? "", /^2 control records between 9 and 15 are gone$/)
  })

  it("ends after 20 findings, and says that there are more", async () => {
    const report = await verifying((log, store) =>
      Effect.gen(function* () {
        yield* fill(log, 60)
        for (let seq = 1; seq < 100; seq += 4) yield* put(store, controlKey(seq))
      })
    )
    assert.deepInclude(report, { truncated: true, clean: false, finished: true })
    assert.strictEqual(report.findings.length, 20)
  })

  it("finds a record that is no event, and a snapshot that is not what the records fold to", async () => {
    const report = await verifying((log) =>
      Effect.gen(function* () {
        yield* fill(log, 3)
        const wrong = { ...log.durable(), foldVersion: FOLD_VERSION, state: encodeSnapshot(initialState) }
        yield* log.writeSnapshot(wrong)
        yield* fill(log, 1)
        yield* log.append(log.tip().controlSeq, cause, [{ type: "Unheard", v: 1, payload: {} }])
      })
    )
    assert.deepStrictEqual(wheres(report), [
      ["the snapshot of record 5", 5],
      ["record 9", 7]
    ])
    assert.match(report.findings[0]?.detail ?? "", /is not the state that the records up to there fold to/)
    assert.match(report.findings[1]?.detail ?? "", /Unheard/)
  })

  it("only warns of a snapshot that is not used, and of an archive that was taken away", async () => {
    using log = await sessionLog("cut")
    await lunlogHere("log", "compact", "--before=10", "--state", log.stateDirectory)
    rmSync(join(log.logDirectory, "archive"), { recursive: true })
    const store = await openLevelStore(join(log.logDirectory, "db"), false)
    await store.write([{ type: "put", key: "s00000000000020", value: new Uint8Array(9) }], true)
    await store.close()
    const { failure, text } = await run(log)
    assert.isUndefined(failure)
    assert.match(text, /^warning: the log's beginning: the archive .* is missing$/m)
    assert.match(text, /^warning: the snapshot under s00000000000020: /m)
    assert.match(text, /^clean: /m)
  })

  it("checks archives, and goes on behind one that is damaged", async () => {
    using log = await sessionLog("whole")
    const { stdout } = await lunlogHere("log", "compact", "--before=25", "--json", "--state", log.stateDirectory)
    const { archive }: { readonly archive: string } = JSON.parse(stdout)
    assert.isUndefined((await run(log)).failure)
    const bytes = await import("node:fs").then(({ readFileSync }) => readFileSync(archive))
    bytes[300] = (bytes[300] ?? 0) ^ 1
    writeFileSync(archive, bytes)
    const { failure, text } = await run(log)
    assert.strictEqual(failure, "the event log is damaged: 1 finding", text)
    assert.match(text, /^damage: the archive of records up to \d+: the archive .* is damaged at byte \d+/m)
    assert.match(text, /move it away: the log can then be read from behind it on$/m)
  })

  it("goes on where it was, and a forgotten one gives way", async () => {
    const asked = Effect.gen(function* () {
      const log = yield* LevelEventLog.make({ directory: join(base.stateDirectory, "other"), ballastBytes: 0 })
      yield* fill(log, 20)
      const call = (params: unknown) =>
        callHere(verifyMethods, "eventlog_verify", params, { actor: "local" }).pipe(
          Effect.provideService(LogArchive, log)
        )
      const first = yield* call({ millis: 0 })
      assert.deepInclude(first, { finished: false, job: 1 })
      let answer = first
      for (let n = 0; n < 10 && !JSON.stringify(answer).includes(`"finished":true`); n++) {
        answer = yield* call({ millis: 0, job: 1 })
      }
      assert.deepInclude(answer, { finished: true, clean: true, control: 20 })
      const gone = yield* Effect.flip(call({ job: 1 }))
      assert.match(JSON.stringify(gone.data), /there is no verification 1 any more/)
      for (let n = 0; n < 5; n++) yield* call({ millis: 0 })
      assert.strictEqual((yield* Effect.flip(call({ job: 2 }))).code, -19)
      assert.deepInclude(yield* call({ job: 6 }), { finished: true })
    })
    using base = await sessionLog("whole")
    await Effect.runPromise(Effect.scoped(asked))
  })
})
