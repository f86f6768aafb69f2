/** Exported logs come back byte for byte, and nothing else is taken for one. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result, Schema, type Scope, Stream } from "effect"
import { type Imported, ImportRefused, importLog } from "../../eventlog/import-log.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { LogArchive, type LogArchiveShape } from "../../eventlog/LogArchive.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { secretsFrom } from "../../src/cli/serve/secret-key.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { stateAt } from "../../src/history/state-at.ts"
import { LogFileReader } from "../../src/history/transfer/LogFileReader.ts"
import { genesisOfFile } from "../../src/history/transfer/log-file.ts"
import { callHere } from "../../src/rpc/call-here.ts"
import { archiveMethods } from "../../src/rpc/methods/eventlog/archive-methods.ts"
import { cause, temporaryDirectory } from "../eventlog/support.ts"
import { failure, runningTarget } from "../rpc/target-support.ts"
import { makeRandom, type Random, runSeed } from "../support/initiator/random.ts"
import { sessionLog } from "../support/session-log.ts"
import { verify } from "../support/verify-log.ts"

const Begun = Schema.Struct({ header: Schema.String, from: Schema.Number, to: Schema.Number })
const Page = Schema.Struct({
  lines: Schema.Array(Schema.String),
  control_hash: Schema.optional(Schema.String),
  next: Schema.optional(Schema.Number)
})

/** The lines of an export, asked for as the command line asks. */
const exported = (log: LogArchiveShape, places: { readonly from?: number; readonly to?: number } = {}) => {
  const services = Layer.mergeAll(
    Layer.succeed(LogArchive, log),
    Layer.succeed(Secrets, secretsFrom(Buffer.alloc(32, 7)))
  )
  const call = (method: string, params: unknown) => callHere(archiveMethods, method, params, { actor: "local" })
  return Effect.gen(function* () {
    const begun = yield* Schema.decodeUnknownEffect(Begun)(yield* call("eventlog_export_begin", places))
    const lines = [begun.header]
    let hash: string = JSON.parse(begun.header).genesis?.controlHash ?? ""
    for (let next: number | undefined = begun.from; next !== undefined; ) {
      const answer = yield* call("eventlog_export_lines", { from: next, to: begun.to })
      const page: typeof Page.Type = yield* Schema.decodeUnknownEffect(Page)(answer)
      lines.push(...page.lines)
      hash = page.control_hash ?? hash
      next = page.next
    }
    return [...lines, JSON.stringify({ end: { records: lines.length - 1, control_hash: hash } })]
  }).pipe(Effect.provide(services), Effect.orDie)
}

const imported = (lines: ReadonlyArray<string>, directory: string): Effect.Effect<Imported, ImportRefused> =>
  Effect.gen(function* () {
    const reader = new LogFileReader()
    const header = reader.header(lines[0] ?? "")
    if (header instanceof ImportRefused) return yield* header
    const { expired, genesis, losses } = header
    const origin = {
      losses,
      ...(genesis === undefined ? {} : { genesis: genesisOfFile(genesis) }),
      ...(expired === undefined ? {} : { expired })
    }
    const records = Stream.fromIterable(lines.slice(1)).pipe(
      Stream.map((line) => reader.next(line)),
      Stream.filter((item) => item !== undefined),
      Stream.mapEffect((item) => (item instanceof ImportRefused ? Effect.fail(item) : Effect.succeed(item)))
    )
    const found = yield* importLog(directory, origin, records).pipe(
      Effect.catchTags({
        LogOpenFailed: Effect.die,
        LogLocked: Effect.die,
        LogDamaged: Effect.die,
        LogTooNew: Effect.die
      })
    )
    const refused = reader.finish(found)
    return refused === undefined ? found : yield* refused
  })

const bytesOf = (log: LogArchiveShape, from: number, to: number) =>
  Effect.forEach(
    Array.from({ length: to - from + 1 }, (_, index) => from + index),
    (seq) =>
      Effect.map(log.stored(seq), (bytes) => (bytes === undefined ? undefined : Buffer.from(bytes).toString("hex")))
  )

const newDirectory = Effect.map(temporaryDirectory, (directory) => join(directory, "log"))

const odd = (random: Random, n: number): unknown =>
  random.pick<unknown>([
    { n, text: "\ud800".repeat(n % 90), bytes: random.bytes(n) },
    [Number.NaN, -1n, undefined, { $bytes: n, "": null }],
    { big: 2n ** 63n, deep: [[[[n]]]], "é😀": "\u0000" },
    n / 7
  ])

/** A log of anything: control records and observations, over two runs. */
const oddLog = (random: Random): Effect.Effect<string, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* newDirectory
    for (let run = 0; run < 2; run++) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* LevelEventLog.make({ directory, ballastBytes: 0 })
          for (let n = 0; n < 20; n++) {
            log.observe({ type: "Seen", v: 1, cause, payload: odd(random, n) })
            yield* log.append(log.tip().controlSeq, cause, [{ type: "Odd", v: 1, payload: odd(random, n) }])
          }
        })
      )
    }
    return directory
  })

describe("an exported log", () => {
  it.live("of anything has the same stored bytes when it is imported", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* oddLog(makeRandom(runSeed(31)))
        const log = yield* openForReading(directory)
        const copy = yield* newDirectory
        const lines = yield* exported(log)
        yield* imported(lines, copy)
        const again = yield* openForReading(copy)
        assert.deepStrictEqual(again.durable(), log.durable())
        assert.deepStrictEqual(yield* bytesOf(again, 1, 80), yield* bytesOf(log, 1, 80))
        assert.strictEqual((yield* verify(again)).records, 80)
      })
    )
  )

  it.live("may begin and end anywhere: state, chains and seqs go on from there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        using source = yield* Effect.promise(() => sessionLog("whole"))
        const log = yield* openForReading(source.logDirectory)
        const last = log.durable().seq
        for (const [from, to] of [
          [1, last],
          [1, 20],
          [17, last],
          [30, 31],
          [last, last]
        ] as const) {
          const copy = yield* newDirectory
          yield* imported(yield* exported(log, { from, to }), copy)
          const again = yield* openForReading(copy)
          assert.deepStrictEqual(yield* bytesOf(again, from, to), yield* bytesOf(log, from, to))
          assert.strictEqual((yield* verify(again)).records, to - from + 1)
        }
      })
    )
  )

  it.live("is refused with its line when anything in it is another, is gone, or is there twice", () =>
    Effect.scoped(
      Effect.gen(function* () {
        using source = yield* Effect.promise(() => sessionLog("whole"))
        const lines = yield* exported(yield* openForReading(source.logDirectory), { from: 12 })
        const random = makeRandom(runSeed(77))
        const text = (index: number) => lines[index] ?? ""
        const changed: ReadonlyArray<(at: number) => ReadonlyArray<string>> = [
          (at) => lines.toSpliced(at, 1),
          (at) => lines.toSpliced(at, 0, text(at)),
          (at) => lines.toSpliced(at, 2, text(at + 1), text(at)),
          (at) => lines.slice(0, at),
          (at) => lines.toSpliced(at, 1, text(at).slice(0, random.below(text(at).length))),
          (at) => {
            const cut = random.below(text(at).length)
            const other = text(at)[cut] === "1" ? "2" : "1"
            return lines.toSpliced(at, 1, text(at).slice(0, cut) + other + text(at).slice(cut + 1))
          }
        ]
        for (let i = 0; i < 36; i++) {
          const kind = i % changed.length
          const at = 1 + random.below(lines.length - 2)
          const directory = yield* newDirectory
          const result = yield* Effect.result(imported(changed[kind]?.(at) ?? [], directory))
          assert(Result.isFailure(result), `change ${kind} at line ${at + 1} was not noticed`)
          assert.match(result.failure.message, /^line \d+: /)
        }
      })
    )
  )

  it.live("of a log with a loss that was accepted has it, too, and its states are folded over it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        using source = yield* Effect.promise(() => sessionLog("whole"))
        const lines = yield* exported(yield* openForReading(source.logDirectory))
        const lost = source.record("BdevCreated", 2).seq
        const hashOf = (seq: number): string => JSON.parse(lines[seq] ?? "{}").hash
        const header = {
          ...JSON.parse(lines[0] ?? "{}"),
          losses: [{ afterHash: hashOf(lost - 1), nextHash: hashOf(lost + 1) }]
        }
        const { end } = JSON.parse(lines.at(-1) ?? "{}")
        const last = JSON.stringify({ end: { ...end, records: end.records - 1 } })
        const kept = [JSON.stringify(header), ...lines.slice(1, -1).toSpliced(lost - 1, 1), last]
        const copy = yield* newDirectory
        yield* imported(kept, copy)
        const again = yield* openForReading(copy)
        assert.strictEqual((yield* verify(again)).acceptedLosses, 1)
        const { state } = yield* stateAt(again, again.durable().seq)
        assert.include(Buffer.from(encodeSnapshot(state)).toString(), source.names.disk1)
        assert.deepStrictEqual((yield* exported(again)).slice(1), kept.slice(1))
      })
    )
  )

  it("is told from other files by its first line", () => {
    const refused = (line: string) => {
      const found = new LogFileReader().header(line)
      assert.instanceOf(found, ImportRefused)
      return String(found instanceof ImportRefused ? found.message : "")
    }
    assert.match(refused(""), /line 1: the line is empty/)
    assert.match(refused("{"), /line 1: the line is no JSON/)
    assert.match(refused("[]"), /is no exported log/)
    assert.match(refused('{"format":"lunlog-log","version":9}'), /has version 9, this lunlog reads 1/)
    assert.match(refused('{"format":"lunlog-log","version":{"toString":1,"valueOf":1}}'), /has version none/)
    assert.match(refused('{"format":"lunlog-log","version":1,"from":-1}'), /is not what it should be/)
    const long = JSON.stringify({ format: "lunlog-log", version: 1, exported_at: "x".repeat(100_000) })
    assert.isBelow(refused(long).length, 1000)
  })

  it.live("holds secrets in clear only if they are asked for, and of nobody but the owner of the key", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      const user = { user: "anna", secret: "a secret of anna", muser: "target", msecret: "the target's secret" }
      yield* client.call("iscsi_create_auth_group", { tag: 3, secrets: [user] })
      const range = { from: 1, to: 100 }
      const sealed = JSON.stringify(yield* client.call("eventlog_export_lines", range))
      assert.notInclude(sealed, "a secret of anna")
      const open = yield* client.call("eventlog_export_lines", { ...range, with_secrets: true })
      const { lines } = yield* Schema.decodeUnknownEffect(Page)(open)
      const line = lines.find((text) => text.includes("AuthGroupCreated")) ?? "{}"
      assert.deepStrictEqual(JSON.parse(line).secrets, [{ group: 3, ...user }])
      const begun = yield* client.call("eventlog_export_begin", { from: 100 }).pipe(failure)
      assert.match(JSON.stringify(begun.data), /there is no record from 100/)
    })
  )

  it.live("is not written over a log that is there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        using source = yield* Effect.promise(() => sessionLog("whole"))
        const open = Effect.scoped(importLog(source.logDirectory, { losses: [] }, Stream.empty))
        assert.match((yield* Effect.flip(open)).message, /File exists/)
        assert.isTrue(existsSync(join(source.logDirectory, "HEAD")))
      })
    )
  )
})
