/** Events and states through the log's own encoding. */
import { it } from "@effect/vitest"
import { Arbitrary, Effect, Result } from "effect"
import { assert, describe } from "vitest"
import { pack, unpack } from "../../eventlog/record-codec.ts"
import { Event } from "../../src/domain/Event.ts"
import { decodeRecord, encodeEvent } from "../../src/domain/event-codec.ts"
import { initialState } from "../../src/domain/State.ts"
import { decodeSnapshot, encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { guide } from "./examples.ts"
import { assertSameState } from "./invariants.ts"
import { historyOf } from "./specification.ts"

/** Half a surrogate pair is in no text that a command can bring in: `decide` refuses it, UTF-8 has no place for it. */
const isText = (event: Event): boolean => !/\\ud[89a-f]/iu.test(JSON.stringify(event))

const throughLog = (event: Event) => {
  const { payload, type, v } = encodeEvent(event)
  return decodeRecord({ seq: 1, type, v, payload: unpack(pack(payload)) })
}

describe("an event", () => {
  it.effect("comes back from the log exactly as it was", () =>
    Effect.gen(function* () {
      const check = yield* Arbitrary.checkEffect(
        Arbitrary.filter(Arbitrary.schema(Event), isText),
        (event) => {
          const back = throughLog(event)
          assert.isTrue(Result.isSuccess(back))
          if (Result.isSuccess(back)) assert.deepStrictEqual(back.success, event)
          return true
        },
        { runs: 1000, seed: 1 }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(check))
    })
  )

  it("has its type beside its payload, not in it", () => {
    for (const event of historyOf(...guide).events) {
      const entry = encodeEvent(event)
      assert.strictEqual(entry.type, event._tag)
      assert.notProperty(entry.payload, "_tag")
    }
  })

  it.each([
    ["of an unknown type", { type: "TargetPainted", v: 1, payload: {} }, /no such event is known/],
    ["of a name that every object has", { type: "toString", v: 1, payload: {} }, /no such event is known/],
    ["of a later version", { type: "LunAdded", v: 2, payload: {} }, /versions 1 to 1 are known/],
    ["of version 0", { type: "LunAdded", v: 0, payload: {} }, /versions 1 to 1 are known/],
    ["without a payload", { type: "LunAdded", v: 1, payload: null }, /not a map/],
    ["with a list as payload", { type: "LunAdded", v: 1, payload: [] }, /not a map/],
    ["with a member too many", { type: "PortalGroupStarted", v: 1, payload: { tag: 1, extra: 2 } }, /extra/],
    ["with a value out of range", { type: "PortalGroupStarted", v: 1, payload: { tag: 0 } }, /tag/]
  ])("%s is refused with its place and its reason", (_what, record, message) => {
    const event = decodeRecord({ seq: 42, ...record })
    assert.isTrue(Result.isFailure(event))
    if (Result.isFailure(event)) {
      assert.match(event.failure.message, message)
      assert.include(event.failure.message, "record 42")
    }
  })
})

describe("a snapshot", () => {
  const { state } = historyOf(...guide)

  it("gives the state back, indexes included", () => {
    const back = decodeSnapshot(encodeSnapshot(state))
    assert.isTrue(Result.isSuccess(back))
    if (Result.isSuccess(back)) assertSameState(back.success, state)
    assert.isTrue(Result.isSuccess(decodeSnapshot(encodeSnapshot(initialState))))
  })

  it("that is cut or of another shape is refused with a reason", () => {
    for (const bytes of [new Uint8Array(0), encodeSnapshot(state).slice(0, 50), new TextEncoder().encode("{}")]) {
      const back = decodeSnapshot(bytes)
      assert.isTrue(Result.isFailure(back) && back.failure.length > 0)
    }
  })
})
