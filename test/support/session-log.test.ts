/** The logs that other tests read are what they say. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { assert, describe, it } from "vitest"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { type SessionLogVariant, sessionLog } from "./session-log.ts"
import { verify } from "./verify-log.ts"

const tailOf = (directory: string) =>
  Effect.runPromise(
    Effect.result(
      Effect.scoped(
        Effect.gen(function* () {
          const archive = yield* openForReading(directory)
          return (yield* verify(archive)).tail
        })
      )
    )
  )

const beginningOf = (directory: string) =>
  Effect.runPromise(Effect.scoped(Effect.map(openForReading(directory), (archive) => archive.beginning())))

/** Whether reading it all finds something wrong. */
const isDamaged = (directory: string) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const archive = yield* openForReading(directory)
        const verified = yield* Effect.result(verify(archive))
        return archive.damage() !== undefined || Result.isFailure(verified)
      })
    )
  )

describe("a log of real sessions", () => {
  it("is whole, and has what the play is made of", async () => {
    using log = await sessionLog()
    const tail = Result.getOrThrow(await tailOf(log.logDirectory))
    assert.isAtLeast(tail.seq, log.records.length)
    assert.deepStrictEqual(
      log.records.map(({ seq }) => seq),
      log.records.map(({ seq }) => seq).toSorted((a, b) => a - b)
    )
    const types = new Set(log.records.map(({ type }) => type))
    const due = ["LunRemoved", "BdevRemoved", "BdevErrorInjected", "ConfigApplied", "SessionLogoutRequested"]
    assert.includeMembers([...types], [...due, "SessionOpened", "SessionClosed", "LoginRefused"])
    assert.deepInclude(log.record("LunRemoved", 2).payload, { cause: "bdev-deleted" })
    assert.deepInclude(log.record("LunRemoved", 3).payload, { cause: "boot", lun: 1 })
    assert.strictEqual(log.record("EpochStarted", 3).payload["epoch"], 3)
  })

  it("is cut with a removal under way", async () => {
    using log = await sessionLog("cut")
    const tail = Result.getOrThrow(await tailOf(log.logDirectory))
    assert.isBelow(tail.seq, log.record("EpochStarted", 3).seq)
    assert.strictEqual(tail.controlSeq, log.record("LunRemovalStarted", 3).seq)
  })

  it("is compacted, and read from an archive", async () => {
    using log = await sessionLog("compacted")
    assert.lengthOf(readdirSync(join(log.logDirectory, "archive")), 1)
    const tail = Result.getOrThrow(await tailOf(log.logDirectory))
    assert.isAtLeast(tail.seq, log.records.at(-1)?.seq ?? 0)
    assert.isUndefined(await beginningOf(log.logDirectory))
  })

  it("is shortened: it begins with the second run", async () => {
    using log = await sessionLog("shortened")
    Result.getOrThrow(await tailOf(log.logDirectory))
    assert.deepInclude(await beginningOf(log.logDirectory), {
      origin: "compacted",
      controlSeq: log.record("ConfigApplied").seq
    })
  })

  it("is forked from the moment before a removal", async () => {
    using log = await sessionLog("forked")
    Result.getOrThrow(await tailOf(log.logDirectory))
    const genesis = await beginningOf(log.logDirectory)
    assert.strictEqual(genesis?.origin, "forked")
    assert.isBelow(genesis?.controlSeq ?? 0, log.record("LunRemovalStarted").seq)
    assert.isAtLeast(genesis?.controlSeq ?? 0, log.record("BdevErrorInjected").seq)
  })

  it.each<SessionLogVariant>(["torn", "damaged"])("is %s", async (variant) => {
    const harmed: Array<boolean> = []
    for (const seed of [1, 20, 900]) {
      using log = await sessionLog(variant, seed)
      assert.isDefined(log.wound)
      harmed.push(await isDamaged(log.logDirectory))
    }
    // What was not synced may be gone after a kill: only what is torn further in front is a loss.
    assert.include(harmed, true)
    if (variant === "damaged") assert.notInclude(harmed, false)
  })
})
