/** What a fork has in place of its source's names, ids, addresses and files: the same by state and by events. */
import { it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import { assert, describe } from "vitest"
import { decide } from "../../../src/domain/decide.ts"
import { Event } from "../../../src/domain/Event.ts"
import { evolve } from "../../../src/domain/evolve.ts"
import { IscsiName, Uuid } from "../../../src/domain/ids.ts"
import { ForkMapping } from "../../../src/domain/replay/Fork.ts"
import { initialState, type State } from "../../../src/domain/State.ts"
import { encodeSnapshot } from "../../../src/domain/snapshot-codec.ts"
import { mapEvent, mapState } from "../../../src/history/fork/ForkMapping.ts"
import { forkFile, forkPortal, forkTargetName, forkUuid } from "../../../src/history/fork/fork-names.ts"
import { guide } from "../../domain/examples.ts"
import { assertSameState } from "../../domain/invariants.ts"
import { diceOf, randomCommand, randomEvent } from "../../domain/random.ts"
import { fold, type History, historyOf } from "../../domain/specification.ts"
import { byOffset, kept, toAddress } from "./mapping-examples.ts"

const foldAll = (events: ReadonlyArray<Event>): State =>
  events.reduce((state, event, index) => evolve(state, event, index + 1), initialState)

const assertCommutes = (mapping: ForkMapping, events: ReadonlyArray<Event>): void => {
  const mapped = mapState(mapping, foldAll(events))
  const folded = foldAll(events.map((event) => mapEvent(mapping, event)))
  assert.deepStrictEqual(encodeSnapshot(mapped), encodeSnapshot(folded))
  assertSameState(mapped, folded)
}

const isEvent = Schema.is(Event)
const isIscsiName = Schema.is(IscsiName)

describe("a mapped state", () => {
  it("is the fold of the mapped events, whatever the events are", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const dice = diceOf(seed)
      const events = Array.from({ length: 120 }, (_, index) => randomEvent(dice, index))
      for (const mapping of [byOffset, toAddress, kept]) assertCommutes(mapping, events)
    }
  })

  it("is so for histories that were decided, and their events are events of the log", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const dice = diceOf(seed)
      let history: History = historyOf(...guide)
      for (let step = 0; step < 120; step++) {
        const decision = decide(history.state, randomCommand(dice, history.state, history.seq))
        if (Result.isSuccess(decision)) history = fold(history, decision.success)
      }
      assertCommutes(byOffset, history.events)
      for (const event of history.events) assert.isTrue(isEvent(mapEvent(byOffset, event)), JSON.stringify(event))
    }
  })

  it.effect("is so for any events and any mapping that the schemas allow", () =>
    Effect.gen(function* () {
      const check = yield* Arbitrary.checkEffect(
        Arbitrary.schema(Schema.Struct({ mapping: ForkMapping, events: Schema.Array(Event) })),
        ({ events, mapping }) => {
          assertCommutes(mapping, events)
          return true
        },
        { runs: 200, seed: 1 }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(check))
    })
  )

  it("with kept identity differs in addresses and files only", () => {
    const { state } = historyOf(...guide)
    const text = new TextDecoder().decode(encodeSnapshot(mapState(kept, state)))
    const source = new TextDecoder().decode(encodeSnapshot(state))
    assert.notStrictEqual(text, source)
    const instance = (all: string) => all.replaceAll(/"instanceId":"[^"]+"/gu, "")
    assert.strictEqual(instance(text.replaceAll(":13260", ":3260").replaceAll("13260", "3260")), instance(source))
  })
})

describe("names of a fork", () => {
  it.each([
    ["iqn.2016-06.io.spdk:disk1", "iqn.2016-06.io.spdk:disk1-fork"],
    ["iqn.2016-06.io.spdk:DISK1", "iqn.2016-06.io.spdk:DISK1-fork"]
  ])("%s is %s", (name, mapped) => {
    assert.strictEqual(forkTargetName(byOffset, IscsiName.make(name)), mapped)
  })

  it("of numbered targets are numbers of the same kind", () => {
    assert.match(forkTargetName(byOffset, IscsiName.make("eui.0011223344556677")), /^eui\.[0-9a-f]{16}$/u)
    assert.match(forkTargetName(byOffset, IscsiName.make("naa.60011223344556677")), /^naa\.3[0-9a-f]{15}$/u)
  })

  it("are valid and different where names are as long as they may be", () => {
    const long = (end: string) => IscsiName.make(`iqn.2016-06.io.spdk:${"é".repeat(100)}${end}`.slice(0, 121))
    const names = ["a", "b"].map((end) => forkTargetName(byOffset, long(end.repeat(9))))
    for (const name of names) {
      assert.isAtMost(new TextEncoder().encode(name).length, 223)
      assert.isTrue(isIscsiName(name))
      assert.match(name, /-fork$/u)
    }
    assert.notStrictEqual(names[0], names[1])
  })

  it("of a fork of a fork go on", () => {
    const once = forkTargetName(byOffset, IscsiName.make("iqn.2016-06.io.spdk:a"))
    assert.strictEqual(forkTargetName(byOffset, once), "iqn.2016-06.io.spdk:a-fork-fork")
  })
})

describe("ids, addresses and files of a fork", () => {
  const uuid = Uuid.make("6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11")

  it("are others, and the same each time", () => {
    const given = { name: "a", uuid, uuidExplicit: true }
    const derived = { ...given, uuidExplicit: false }
    const ids = [forkUuid(byOffset, given), forkUuid(byOffset, derived), forkUuid(kept, given)]
    assert.strictEqual(new Set(ids).size, 3)
    assert.strictEqual(ids[2], uuid)
    assert.deepStrictEqual([forkUuid(byOffset, given), forkUuid(byOffset, derived)], ids.slice(0, 2))
  })

  it("go on at port 1 past the last", () => {
    assert.deepStrictEqual(forkPortal(byOffset, { host: "*", port: 60_000 }), { host: "*", port: 4465 })
    assert.deepStrictEqual(forkPortal(byOffset, { host: "*", port: 55_535 }), { host: "*", port: 65_535 })
  })

  it("are those of the table on one address, for every spelling", () => {
    const at = (host: string, port: number) => forkPortal(toAddress, { host, port })
    assert.deepStrictEqual(at("127.0.0.2", 3260), { host: "127.0.0.9", port: 3261 })
    assert.deepStrictEqual(at("*", 3260), { host: "127.0.0.9", port: 3260 })
  })

  it("never are the source's file, and one for each path", () => {
    const files = ["/srv/a.img", "/other/a.img", "/srv/../srv/a.img", `/srv/${"x".repeat(4000)}`, "/dev/sda"]
    const mapped = files.map((file) => forkFile(byOffset, file))
    assert.strictEqual(new Set(mapped).size, files.length)
    for (const file of mapped) {
      assert.match(file, /^\/var\/lib\/fork\/files\/[A-Za-z0-9._-]+$/u)
      assert.isBelow(file.length, 255)
    }
  })
})
