/**
 * What holds for any sequence of commands and of events. The seeds are fixed so that a failure repeats;
 * `LUNLOG_TEST_SEED` starts elsewhere.
 */
import { it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import { assert, describe } from "vitest"
import { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import { Event } from "../../src/domain/Event.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { initialState, inPlace, type State } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { guide, startEpoch } from "./examples.ts"
import { assertInvariants, assertSameState, throughSnapshot } from "./invariants.ts"
import { diceOf, randomCommand, randomEvent } from "./random.ts"
import { fold, type History, historyOf } from "./specification.ts"

const firstSeed = Number(process.env["LUNLOG_TEST_SEED"] ?? 1)
const seeds = Array.from({ length: 60 }, (_, index) => firstSeed + index)

const foldAll = (events: ReadonlyArray<Event>, from: State = initialState, seq = 0): State =>
  events.reduce((state, event, index) => evolve(state, event, seq + index + 1), from)

const isEvent = Schema.is(Event)

/** Adds the tags of events and refusals to `seen`. */
const runCommands = (seed: number, seen: Set<string>): void => {
  const dice = diceOf(seed)
  let history: History = historyOf(...guide)
  for (let step = 0; step < 120; step++) {
    const command = randomCommand(dice, history.state, history.seq)
    const decision = decide(history.state, command)
    if (Result.isFailure(decision)) {
      seen.add(decision.failure._tag)
      assert.isAbove(decision.failure.message.length, 20)
      continue
    }
    for (const event of decision.success) {
      seen.add(event._tag)
      assert.isTrue(isEvent(event), `seed ${seed}: ${JSON.stringify(event)}`)
    }
    history = fold(history, decision.success)
    assertInvariants(history.state, history.seq)
    if (step % 10 === 0) assertSameState(history.state, throughSnapshot(history.state))
  }
}

describe("any sequence of commands", () => {
  it("keeps the invariants, and gives events that the log can hold", () => {
    const seen = new Set<string>()
    // Replays: replay.test.ts.
    const replays = ["ReplayStarted", "RecordsReplayed", "ReplayEnded"]
    const elsewhere = ["BdevErrorInjected", "ConfigDesiredPart", ...replays]
    const kinds = Object.keys(Event.cases).filter((tag) => !elsewhere.includes(tag))
    const due = [...kinds, "AlreadyExists", "Busy", "InvalidArgument", "NotFound"]
    const missing = () => due.filter((tag) => !seen.has(tag))
    for (const seed of seeds) runCommands(seed, seen)
    // What is rare may take more. A generator that never gets far would prove nothing.
    const lastSeed = firstSeed + 400
    for (let seed = firstSeed + seeds.length; missing().length > 0 && seed < lastSeed; seed++) runCommands(seed, seen)
    assert.deepStrictEqual(missing(), [])
  })

  it("is decided the same way twice", () => {
    for (const seed of seeds.slice(0, 10)) {
      const run = () => {
        const dice = diceOf(seed)
        let history = historyOf(...guide)
        for (let step = 0; step < 100; step++) {
          const decision = decide(history.state, randomCommand(dice, history.state, history.seq))
          if (Result.isSuccess(decision)) history = fold(history, decision.success)
        }
        return history
      }
      assert.deepStrictEqual(run().events, run().events)
    }
  })
})

describe("any sequence of events", () => {
  it("folds without a throw and to one state, also from every snapshot on the way", () => {
    for (const seed of seeds) {
      const dice = diceOf(seed)
      const events = Array.from({ length: 150 }, (_, index) => randomEvent(dice, index))
      const whole = foldAll(events)
      assertSameState(whole, foldAll(events))
      for (const cut of [0, 1, 40, 75, 149]) {
        const before = throughSnapshot(foldAll(events.slice(0, cut)))
        assertSameState(whole, foldAll(events.slice(cut), before, cut))
      }
    }
  })

  it("leaves older states as they were", () => {
    const dice = diceOf(firstSeed)
    const events = Array.from({ length: 200 }, (_, index) => randomEvent(dice, index))
    const half = foldAll(events.slice(0, 100))
    const bytes = encodeSnapshot(half)
    foldAll(events.slice(100), half, 100)
    assert.deepStrictEqual(encodeSnapshot(half), bytes)
  })

  it("comes to the same state in place, and leaves what it began with as it was", () => {
    for (const seed of seeds.slice(0, 20)) {
      const dice = diceOf(seed)
      const events = Array.from({ length: 150 }, (_, index) => randomEvent(dice, index))
      const [half, whole] = [foldAll(events.slice(0, 75)), foldAll(events)]
      const bytes = encodeSnapshot(half)
      const inTwo = inPlace(
        inPlace(half, (draft) => foldAll(events.slice(75, 100), draft, 75)),
        (draft) => foldAll(events.slice(100), draft, 100)
      )
      assertSameState(inTwo, whole)
      // What comes after it is a fold like any other.
      foldAll(events, inTwo)
      assertSameState(inTwo, whole)
      assert.deepStrictEqual(encodeSnapshot(half), bytes)
    }
  })

  it.effect("folds without a throw if the events are anything that the schema allows", () =>
    Effect.gen(function* () {
      const check = yield* Arbitrary.checkEffect(
        Arbitrary.array(Arbitrary.schema(Event), { maxLength: 40 }),
        (events) => {
          assertSameState(foldAll(events), throughSnapshot(foldAll(events)))
          return true
        },
        { runs: 100, seed: firstSeed }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(check))
    })
  )
})

describe("any command that the schema allows", () => {
  it.effect("is decided without a throw", () =>
    Effect.gen(function* () {
      const { state } = historyOf(startEpoch())
      const check = yield* Arbitrary.checkEffect(
        Arbitrary.schema(Command),
        (command) => {
          const decision = decide(state, command)
          return Result.isFailure(decision) || decision.success.every((event) => isEvent(event))
        },
        { runs: 500, seed: firstSeed }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(check))
    })
  )
})
