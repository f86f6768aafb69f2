/** Every record in words, whatever it holds. */
import { it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { assert, describe } from "vitest"
import type { LogRecord } from "../../eventlog/record.ts"
import { Event } from "../../src/domain/Event.ts"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import { Observation } from "../../src/domain/observation/Observation.ts"
import { describeRecord } from "../../src/history/describe/describe-record.ts"
import { describedObservations } from "../../src/history/describe/observation-sentence.ts"
import { spanText } from "../../src/history/describe/words.ts"
import { tagsOf } from "../../src/history/record-tags.ts"
import { printJson } from "../../src/rpc/json-print.ts"
import { recordInWords } from "../../src/rpc/methods/eventlog/record-view.ts"

const cause = { source: "rpc", actor: "local" } as const
const chain = { hash: "", controlNo: 1, prevControl: "" } as const
const base = { seq: 7, at: 0, v: 1, cause } as const

const recordOf = (event: Event): LogRecord => ({ ...base, ...chain, kind: "control", ...encodeEvent(event) })

const observed = (type: string, payload: unknown): LogRecord => ({
  ...base,
  kind: "observation",
  segment: 1,
  segmentNo: 1,
  prevObservation: "",
  anchor: "",
  hash: "",
  type,
  payload
})

describe("a record in words", () => {
  it.effect("is a sentence for every event", () =>
    Effect.gen(function* () {
      const check = yield* Arbitrary.checkEffect(
        Arbitrary.schema(Event),
        (event) => {
          const text = describeRecord(recordOf(event))
          assert.isAbove(text.length, 10)
          assert.isAtMost(text.length, 400)
          assert.notMatch(text, /undefined|\[object|NaN/u, JSON.stringify(event))
          assert.isAbove(tagsOf(recordOf(event)).length, 2)
          return true
        },
        { runs: 500, seed: 1 }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(check))
    })
  )

  it.effect("is a sentence for every observation, and never the bare fields", () =>
    Effect.gen(function* () {
      const check = yield* Arbitrary.checkEffect(
        Arbitrary.schema(Observation),
        ({ _tag, ...payload }) => {
          const text = describeRecord(observed(_tag, payload))
          assert.notMatch(text, /undefined|\[object|NaN/u, JSON.stringify(payload))
          assert.isTrue(describedObservations.includes(_tag), `${_tag} has no sentence`)
          return true
        },
        { runs: 500, seed: 2 }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(check))
      assert.deepStrictEqual(
        Object.keys(Observation.cases).filter((type) => !describedObservations.includes(type)),
        []
      )
    })
  )

  it("counts one thing as one", () => {
    const compacted = (records: number) => describeRecord(observed("LogCompacted", { records, bytes: 9, through: 6 }))
    assert.strictEqual(compacted(1), "1 control record, up to record 6, was deleted for good")
    assert.strictEqual(compacted(2), "2 control records, up to record 6, were deleted for good")
  })

  it.prop(
    "is something for whatever an old or newer version may have written",
    [Schema.Record(Schema.String, Schema.Unknown)],
    ([payload]) => {
      for (const type of [...describedObservations, "FromTheFuture"]) {
        assert.isNotEmpty(describeRecord(observed(type, payload)))
        assert.include(tagsOf(observed(type, payload)), `type:${type}`)
      }
      assert.isNotEmpty(describeRecord({ ...base, ...chain, kind: "control", type: "LunAdded", v: 99, payload }))
    }
  )

  it.each([
    ["cannot be made text", { toString: 5, valueOf: 5 }],
    ["holds such a thing", [{ name: { toString: 5, valueOf: 5 } }]],
    ["is nested without end", Array.from({ length: 5000 }).reduce((inner) => [inner], 1)],
    ["is nested without end, by name", Array.from({ length: 5000 }).reduce((inner) => ({ _tag: inner }), {})],
    ["is too large for a number", 2n ** 64n]
  ])("is something for fields of a copied log whose value %s", (_, value) => {
    const fields = ["status", "reason", "ending", "kind", "aborted", "late", "cut", "cause", "initiatorName", "sense"]
    const others = ["targetName", "lun", "bdev", "repeated", "firstAt", "byType", "operation", "name", "host", "detail"]
    const payload = Object.fromEntries([...fields, ...others].map((name) => [name, value]))
    const types = [...Object.keys(Event.cases), ...describedObservations, "FromTheFuture"]
    for (const type of types) {
      for (const record of [observed(type, payload), observed(type, { byType: payload }), observed(type, value)]) {
        assert.isAtMost(describeRecord(record).length, 400)
        assert.include(tagsOf(record), `type:${type}`)
        assert.isString(printJson(recordInWords(record)))
      }
    }
  })

  it("says who is withheld what: no secret is in it", () => {
    const secret = { sealed: "c2VhbGVk", fingerprint: "00ff" }
    const payload = { tag: 1, secrets: [{ user: "anna", secret }] }
    const text = describeRecord({ ...base, ...chain, kind: "control", type: "AuthGroupCreated", payload })
    assert.strictEqual(text, "auth group 1 was created: secrets of anna")
  })

  it("says of the first start that it is, and of a later one what it went on with", () => {
    const textOf = (epoch: number, mode: "resume" | "empty") =>
      describeRecord({ ...base, ...chain, kind: "control", type: "EpochStarted", payload: start(epoch, mode) })
    const start = (epoch: number, mode: string) => ({ epoch, mode, instanceId, version: "1.2.3" })
    const instanceId = "cd411f62-9e78-4a57-9ae5-09ddc59ea3c4"
    assert.strictEqual(textOf(1, "resume"), "lunlog 1.2.3 started for the first time (epoch 1)")
    assert.strictEqual(textOf(2, "resume"), "lunlog 1.2.3 started (epoch 2) with the state of before")
    assert.strictEqual(textOf(2, "empty"), "lunlog 1.2.3 started (epoch 2) empty")
  })

  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [2500, "2.5 s"],
    [180_000, "3 min"],
    [185_000, "3 min 5 s"],
    [7_500_000, "2 h 5 min"],
    [3 * 86_400_000 + 4 * 3_600_000, "3 d 4 h"],
    [30 * 86_400_000, "30 d"]
  ])("says %d ms as %s", (millis, text) => {
    assert.strictEqual(spanText(millis), text)
  })
})

it("tells refused logins together by the reason of the last one", () => {
  const refusal = { initiatorName: "iqn.a", initiatorAddress: "10.0.0.1", status: 0x0201, reason: "wrong" }
  const text = (repeated: number): string => describeRecord(observed("LoginRefused", { ...refusal, repeated }))
  assert.match(text(1), /was refused: wrong$/)
  assert.match(text(5), /was refused: wrong \(the last of 5 refusals\)$/)
})
