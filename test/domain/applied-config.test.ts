/** Recording a configuration file: in parts that fit into records, folded only when they are complete. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { pack } from "../../eventlog/record-codec.ts"
import type { CommandOf } from "../../src/domain/Command.ts"
import {
  DESIRED_ENTRIES_MAX,
  DESIRED_PART_LENGTH_MAX,
  type DesiredEntry
} from "../../src/domain/config/AppliedConfig.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Event } from "../../src/domain/Event.ts"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { initialState, type State } from "../../src/domain/State.ts"
import { assertSameState, throughSnapshot } from "./invariants.ts"

const hash = (letter: string) => letter.repeat(64)
const entries = (count: number, length = 20): ReadonlyArray<DesiredEntry> =>
  Array.from({ length: count }, (_, index) => ({ type: "LunAdded", v: 1, payload: String(index).padEnd(length, "é") }))

const command = (desired: ReadonlyArray<DesiredEntry>, fileHash = hash("a")): CommandOf<"RecordConfigApplied"> => ({
  _tag: "RecordConfigApplied",
  name: "disks.yaml",
  fileHash,
  desired
})

const fold = (events: ReadonlyArray<Event>, from: State = initialState): State =>
  events.reduce((state, event, index) => evolve(state, event, index + 1), from)

const eventsOf = (state: State, asked: CommandOf<"RecordConfigApplied" | "RecordConfigTakenDown">) =>
  Result.getOrThrow(decide(state, asked))

describe("a configuration that was applied", () => {
  it("of 12,000 objects is recorded in records of less than 1 MiB, and read as one", () => {
    const desired = entries(12_000, 300)
    const events = eventsOf(initialState, command(desired))
    assert.isAbove(events.length, 10)
    for (const event of events) assert.isBelow(pack(encodeEvent(event).payload).length, 1024 * 1024)
    const state = fold(events)
    assert.deepStrictEqual(state.appliedConfig, {
      name: "disks.yaml",
      fileHash: hash("a"),
      desired,
      seq: events.length
    })
    assertSameState(state, throughSnapshot(state))
  })

  it("is not recorded again, and is by another content, or after it has changed something", () => {
    const state = fold(eventsOf(initialState, command(entries(1))))
    assert.deepStrictEqual(eventsOf(state, command(entries(1))), [])
    assert.lengthOf(eventsOf(state, { ...command(entries(1)), hasChanged: true }), 1)
    assert.lengthOf(eventsOf(state, command(entries(2), hash("b"))), 1)
  })

  it("counts only with its end, and a part that follows none is not a part of it", () => {
    const events = eventsOf(initialState, command(entries(9000)))
    assert.lengthOf(events, 3)
    const open = fold(events.slice(0, 2))
    assert.isUndefined(open.appliedConfig)
    assertSameState(open, throughSnapshot(open))
    const torn = fold([...events.slice(0, 1), ...events.slice(2)])
    assert.isUndefined(torn.appliedConfig)
    assert.lengthOf(torn.configParts, 0)
    // What was begun and left is forgotten by the next.
    const next = eventsOf(torn, command(entries(5000), hash("b")))
    assert.lengthOf(fold([...events.slice(0, 2), ...next]).appliedConfig?.desired ?? [], 5000)
  })

  it("remembers what is down, in parts too, until all is up again", () => {
    const takenDown = entries(9000)
    const begun = eventsOf(initialState, { _tag: "RecordConfigTakenDown", name: "disks.yaml", takenDown })
    assert.lengthOf(begun, 3)
    const down = fold(begun)
    assert.deepStrictEqual(down.configTakenDown, takenDown)
    assertSameState(down, throughSnapshot(down))
    assert.deepStrictEqual(eventsOf(down, { _tag: "RecordConfigTakenDown", name: "disks.yaml", takenDown }), [])
    // What is out of the scope of an application stays down.
    const half = fold(eventsOf(down, { ...command(entries(1)), takenDown: entries(10) }), down)
    assert.lengthOf(half.configTakenDown, 10)
    assert.deepStrictEqual(eventsOf(half, { ...command(entries(1)), takenDown: entries(10) }), [])
    // The same file is recorded once, but that all is up is.
    const ended = eventsOf(half, command(entries(1)))
    assert.deepStrictEqual(ended, [{ _tag: "ConfigTakenDown", parts: 0, desired: [] }])
    assert.lengthOf(fold(ended, half).configTakenDown, 0)
  })

  it.each([
    ["a hash that is none", command([], "x"), /has the hash "x"/],
    ["a name with half a character", { ...command([]), name: "\ud800" }, /name that cannot be used/],
    ["text with half a character", command([{ type: "A", v: 1, payload: "\udc00" }]), /half a character/],
    ["an entry that no record holds", command(entries(1, DESIRED_PART_LENGTH_MAX + 1)), /the longest of/],
    ["too many entries", command(entries(DESIRED_ENTRIES_MAX + 1, 1)), /has 100001 entries/]
  ])("with %s is refused", (_, asked, expected) => {
    const decision = decide(initialState, asked)
    assert.isTrue(Result.isFailure(decision))
    if (Result.isFailure(decision)) assert.match(decision.failure.message, expected)
  })
})
