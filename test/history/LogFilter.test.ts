/** The filter language, on a log that real sessions have written. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, type Scope, Stream } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { findMatching, type LogConditions, logFilter } from "../../src/history/LogFilter.ts"
import { type LogObject, objectText, parseObject } from "../../src/history/LogObject.ts"
import { recordTagging } from "../../src/history/record-tags.ts"
import { resolveObject } from "../../src/history/resolve-object.ts"
import { type SessionLog, sessionLog } from "../support/session-log.ts"

const onLog = (
  name: string,
  run: (log: LogArchiveShape, played: SessionLog) => Effect.Effect<void, unknown, Scope.Scope>
): void =>
  it.live(
    name,
    () =>
      Effect.gen(function* () {
        const played = yield* Effect.acquireRelease(
          Effect.promise(() => sessionLog("whole")),
          (open) => Effect.sync(() => open[Symbol.dispose]())
        )
        yield* run(yield* openForReading(played.logDirectory, { tagging: recordTagging }), played)
      }),
    120_000
  )

const found = (log: LogArchiveShape, wanted: LogConditions): Effect.Effect<ReadonlyArray<LogRecord>, unknown> =>
  Effect.flatMap(logFilter(log, wanted), (filter) => Stream.runCollect(findMatching(log, filter, {})))

const typesOf = (records: ReadonlyArray<LogRecord>): ReadonlyArray<string> => [
  ...new Set(records.map(({ type }) => type))
]

describe("a filter", () => {
  onLog("lets everything through if nothing is asked", (log) =>
    Effect.gen(function* () {
      assert.lengthOf(yield* found(log, {}), log.durable().seq)
    })
  )

  onLog("of types takes patterns in any case", (log) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(typesOf(yield* found(log, { types: ["lunadd?d"] })), ["LunAdded"])
      const both = typesOf(yield* found(log, { types: ["Lun*", "EpochStarted"] }))
      assert.includeMembers([...both], ["LunAdded", "LunRemoved", "EpochStarted"])
      assert.isTrue(both.every((type) => type.startsWith("Lun") || type === "EpochStarted"))
      const refused = yield* Effect.flip(logFilter(log, { types: ["LunAddd"] }))
      assert.include(refused.message, 'did you mean "LunAdded"?')
    })
  )

  onLog("of an object has all that happened to it, also by its short name", (log, { names }) =>
    Effect.gen(function* () {
      const pulled = yield* found(log, { objects: [`lun:${names.disk1}:2`] })
      assert.includeMembers([...typesOf(pulled)], ["LunAdded", "LunRemovalStarted", "LunRemoved"])
      assert.deepStrictEqual(yield* found(log, { objects: ["disk1:2"] }), pulled)
      assert.deepStrictEqual(yield* found(log, { objects: [`${names.disk1.toUpperCase()}:2`] }), pulled)
      const both = yield* found(log, { objects: ["disk1:2", "bdev:spare"] })
      assert.isAbove(both.length, pulled.length)
      assert.deepStrictEqual(yield* found(log, { objects: ["disk1:2"], types: ["Bdev*"] }), [])
    })
  )

  onLog("of an initiator has its sessions, and the groups that name it", (log, { names }) =>
    Effect.gen(function* () {
      const types = typesOf(yield* found(log, { initiators: [names.hostB] }))
      assert.includeMembers([...types], ["InitiatorGroupCreated", "SessionOpened", "SessionClosed"])
      const byAddress = yield* found(log, { initiators: ["127.0.0.1"], types: ["LoginRefused"] })
      assert.lengthOf(byAddress, 2)
      assert.instanceOf(yield* Effect.flip(logFilter(log, { initiators: ["nobody"] })), Error)
    })
  )

  onLog("of a cause has the method, the source, or what a record has led to", (log, played) =>
    Effect.gen(function* () {
      const byMethod = yield* found(log, { causes: ["bdev_malloc_delete"] })
      assert.includeMembers([...typesOf(byMethod)], ["BdevRemovalStarted", "LunRemovalStarted"])
      const started = played.record("LunRemovalStarted").seq
      const led = yield* found(log, { causes: [`#${started}`] })
      assert.isTrue(led.every(({ cause }) => cause.correlationId === started))
      assert.includeMembers([...typesOf(led)], ["LunRemoved"])
      const local = yield* found(log, { causes: ["local"] })
      assert.isTrue(local.length > 0 && local.every(({ cause }) => cause.actor === "local"))
    })
  )

  onLog("of errors has what went wrong and nothing that was meant to be", (log) =>
    Effect.gen(function* () {
      const types = typesOf(yield* found(log, { errors: true }))
      assert.includeMembers([...types], ["LoginRefused", "LunRemoved", "ProcessStarted"])
      assert.notIncludeMembers([...types], ["LunAdded", "SessionOpened", "BdevRemoved"])
    })
  )

  onLog("of words has the records that say so, in any case", (log) =>
    Effect.gen(function* () {
      const said = yield* found(log, { words: ["BEGAN TO drain"] })
      assert.deepStrictEqual(typesOf(said), ["LunRemovalStarted"])
      const either = yield* found(log, { words: ["began to drain", "was refused"], kind: "control" })
      assert.deepStrictEqual(either, said)
      assert.deepStrictEqual(yield* found(log, { words: ["nothing says this"] }), [])
    })
  )

  onLog("of a kind has only that", (log) =>
    Effect.gen(function* () {
      const control = yield* found(log, { kind: "control" })
      const observed = yield* found(log, { kind: "observation" })
      assert.isTrue(control.every(({ kind }) => kind === "control"))
      assert.strictEqual(control.length + observed.length, log.durable().seq)
    })
  )
})

const objects: ReadonlyArray<LogObject> = [
  { _tag: "Target", name: "iqn.2016-06.io.spdk:disk1" },
  { _tag: "Lun", target: "iqn.2016-06.io.spdk:disk1", lun: 2 },
  { _tag: "Bdev", name: "Malloc0" },
  { _tag: "PortalGroup", tag: 1 },
  { _tag: "InitiatorGroup", tag: 2 },
  { _tag: "AuthGroup", tag: 3 },
  { _tag: "Initiator", name: "iqn.2020-01.org.example:host" },
  { _tag: "Address", host: "fe80::1" },
  { _tag: "Session", tsih: 4 },
  { _tag: "Config", name: "disks.yaml" }
]

describe("an object", () => {
  it.each(objects)("reads its own text: %j", (object) => {
    assert.deepStrictEqual(parseObject(objectText(object)), object)
  })

  it.each(["", "iqn.2016-06.io.spdk:disk1", "bdev:", "session:x", "constructor:x", "portal-group:-1"])(
    "is not typed in %j",
    (text) => {
      assert.isUndefined(parseObject(text))
    }
  )

  onLog("is completed if only one is called so, and suggested else", (log, { names }) =>
    Effect.gen(function* () {
      const resolved = (text: string) => Effect.map(Effect.result(resolveObject(log, text)), Result.merge)
      assert.deepStrictEqual(yield* resolved("pull"), [{ _tag: "Bdev", name: "pulled" }])
      assert.deepStrictEqual(yield* resolved("disk3"), [{ _tag: "Target", name: names.disk3 }])
      assert.deepStrictEqual(yield* resolved("target:disk3"), [{ _tag: "Target", name: names.disk3 }])
      assert.match(String(yield* resolved("disk")), /it may be .*:disk3, .*:disk2/u)
      assert.match(String(yield* resolved("puled")), /did you mean "pulled"\?/u)
      assert.match(String(yield* resolved("bdev:disk3")), /knows no "bdev:disk3"/u)
      assert.match(String(yield* resolved("target:host")), /knows no "target:host"; known are [^,]*disk/u)
      assert.match(String(yield* resolved("portal-group:99")), /knows no "portal-group:99"; write/u)
      assert.match(String(yield* resolved("disk1:77")), /knows no "disk1:77": it has no LUN 77 of iqn\.\S+:disk1;/u)
      assert.match(String(yield* resolved("x".repeat(10_000))), /knows no/u)
    })
  )
})
