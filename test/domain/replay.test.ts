/** Records of a source played into a fork: the rules, on histories that rules have made. */
import { HashMap, Result } from "effect"
import { assert, describe, it } from "vitest"
import { pack, recordBytesMax } from "../../eventlog/record-codec.ts"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Event } from "../../src/domain/Event.ts"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { REPLAY_RECORDS_MAX, type Replay } from "../../src/domain/replay/Replay.ts"
import { bdevsOf, findBdev, findTarget, lunsOf, type State, targetsOf } from "../../src/domain/State.ts"
import { mapState } from "../../src/history/fork/ForkMapping.ts"
import { byOffset, toAddress } from "../history/fork/mapping-examples.ts"
import { createBdev, disk1, guide, startEpoch } from "./examples.ts"
import { assertInvariants, throughSnapshot } from "./invariants.ts"
import { diceOf, randomCommand } from "./random.ts"
import { comparable, forkAfter, forked, nothingElse, randomSource, recordsOf } from "./replay-source.ts"
import { fold, followedBy, type History, historyOf } from "./specification.ts"

const liveThings = (state: State): number =>
  bdevsOf(state).length +
  targetsOf(state).length +
  targetsOf(state).flatMap(lunsOf).length +
  HashMap.size(state.portalGroups) +
  HashMap.size(state.initiatorGroups) +
  HashMap.size(state.authGroups) +
  HashMap.size(state.nvme.controllers)

/** Another fork it is not, and an address that is taken shows as a portal that has failed: not in the state. */
const isElsewhere = ({ _tag }: Command): boolean => _tag === "RecordForked" || _tag === "CreatePortalGroup"

const replayOf = ({ replay }: State): Replay => replay ?? assert.fail("no replay")

const seeds = Array.from({ length: 40 }, (_, index) => Number(process.env["LUNLOG_TEST_SEED"] ?? 1) + index)

describe("a replay", () => {
  const mappings = [nothingElse, byOffset, toAddress]
  it.each(seeds)("of the rest of history %i comes to the state of the whole, mapped, with every record", (seed) => {
    const mapping = mappings[seed % mappings.length] ?? nothingElse
    const { batches, end } = randomSource(seed, 100)
    const cut = 1 + diceOf(seed).roll(batches.length - 1)
    let source = batches.slice(0, cut).reduce((history, { events }) => fold(history, events), historyOf())
    let fork = forkAfter(batches, cut, end.seq, mapping)
    for (const batch of batches.slice(cut)) {
      fork = followedBy(fork, recordsOf(batch, mapping))
      source = fold(source, batch.events)
      const after = replayOf(fork.state)
      assert.strictEqual(after.skippedCount, 0, JSON.stringify(fork.events.at(-1)))
      assert.strictEqual(after.position, batch.first + batch.events.length - 1)
      if (after.ended === undefined) {
        assert.strictEqual(comparable(fork.state, after), comparable(mapState(mapping, source.state)))
        assert.isAtMost(HashMap.size(after.things.toFork), liveThings(fork.state))
        assert.strictEqual(HashMap.size(after.things.toFork), HashMap.size(after.things.toSource))
      }
      assert.deepStrictEqual(throughSnapshot(fork.state).replay, fork.state.replay)
    }
    assert.strictEqual(replayOf(fork.state).ended, "finished")
  })

  it("meets whatever was changed in the fork meanwhile: some records are skipped, and nothing dangles", () => {
    let skipped = 0
    for (const seed of seeds) {
      const { batches, end } = randomSource(seed, 80)
      const dice = diceOf(seed + 1000)
      const cut = Math.min(batches.length - 1, 6)
      let fork = forkAfter(batches, cut, end.seq)
      for (const batch of batches.slice(cut)) {
        for (let tries = dice.roll(6); tries > 0; tries--) {
          const command = randomCommand(dice, fork.state, fork.seq)
          const own = decide(fork.state, command)
          if (Result.isSuccess(own) && !isElsewhere(command)) fork = fold(fork, own.success)
        }
        fork = followedBy(fork, recordsOf(batch))
        assertInvariants(fork.state, fork.seq)
      }
      const { ended, playedCount, position, skippedCount } = replayOf(fork.state)
      assert.deepStrictEqual([ended, position], ["finished", end.seq])
      assert.isAbove(playedCount, 0)
      skipped += skippedCount
    }
    assert.isAbove(skipped, 20)
  })

  const source = historyOf(...guide)
  const started = (through: number) => followedBy(forked(source, nothingElse), { _tag: "StartReplay", through })
  const record = (history: History, event: Event, seq: number): History =>
    followedBy(history, { _tag: "ReplayRecords", through: seq, records: [{ seq, event }] })

  it("takes no record twice, none beyond its end, and none when it is over", () => {
    const event: Event = {
      _tag: "PortalGroupStarted",
      tag: [...HashMap.values(source.state.portalGroups)][0]?.tag ?? assert.fail()
    }
    const seq = source.seq + 1
    const once = record(started(seq + 1), event, seq)
    const again = decide(once.state, { _tag: "ReplayRecords", through: seq, records: [{ seq, event }] })
    assert.deepStrictEqual(again, Result.succeed([]))
    for (const [through, records] of [
      [seq + 2, []],
      [seq + 1, Array.from({ length: REPLAY_RECORDS_MAX + 1 }, () => ({ seq: seq + 1, event }))]
    ] as const) {
      const beyond = decide(once.state, { _tag: "ReplayRecords", through, records })
      assert.isTrue(Result.isFailure(beyond) && beyond.failure._tag === "InvalidArgument")
    }
    // Several on their way at once: one that is missing takes those behind it with it.
    const gap = decide(once.state, { _tag: "ReplayRecords", after: seq - 1, through: seq + 1, records: [] })
    assert.isTrue(Result.isFailure(gap) && gap.failure._tag === "WrongState", "it is elsewhere")
    const next = decide(once.state, { _tag: "ReplayRecords", after: seq, through: seq + 1, records: [] })
    assert.isTrue(Result.isSuccess(next))
    const over = followedBy(once, { _tag: "StopReplay" })
    assert.strictEqual(replayOf(over.state).ended, "stopped")
    const late = decide(over.state, { _tag: "ReplayRecords", through: seq + 1, records: [] })
    assert.isTrue(Result.isFailure(late) && /is over/u.test(late.failure.message))
    assert.deepStrictEqual(decide(over.state, { _tag: "StopReplay" }), Result.succeed([]))
    assert.isTrue(Result.isFailure(decide(over.state, { _tag: "StartReplay", through: seq + 9 })))
  })

  it("takes a LUN with it that was added here to a bdev that goes", () => {
    const bdev = findTarget(source.state, disk1) === undefined ? undefined : bdevsOf(source.state)[0]
    if (bdev === undefined) return assert.fail("the guide has a bdev")
    const ref = { name: bdev.name, incarnation: bdev.incarnation }
    const own = followedBy(started(source.seq + 5), { _tag: "AddLun", target: disk1, bdev: bdev.name, lun: 7 })
    const removal: Event = { _tag: "BdevRemovalStarted", ...ref, cause: "requested" }
    const going = record(own, removal, source.seq + 1)
    const users = (state: State) =>
      lunsOf(findTarget(state, disk1) ?? assert.fail()).filter((mapping) => mapping.bdev.name === bdev.name)
    assert.isTrue(users(going.state).length > 0 && users(going.state).every(({ phase }) => phase._tag === "Draining"))
    // The record says that it is gone; here a LUN still drains.
    const held = record(going, { _tag: "BdevRemoved", ...ref }, source.seq + 2)
    assert.strictEqual(replayOf(held.state).skippedCount, 1)
    assert.isDefined(findBdev(held.state, bdev.name))
    const drained = users(held.state).reduce((history, { incarnation, lun }) => {
      const outcome = { drained: 0, aborted: 0, durationMillis: 0 }
      return followedBy(history, { _tag: "RecordLunDrained", target: disk1, lun, incarnation, ...outcome })
    }, held)
    assert.isUndefined(findBdev(drained.state, bdev.name))
  })

  it("takes as many records at once as one record of the log can tell of", () => {
    const records = Array.from({ length: REPLAY_RECORDS_MAX }, (_, index) => index + source.seq + 1)
    const created = records.map((record, back) => ({ source: record + 2 ** 32, back: back + 2 ** 16 }))
    const counts = { playedCount: records.length, skippedCount: 0, skipped: [] }
    const gone = records.map((record) => record + 2 ** 32)
    const event: Event = { _tag: "RecordsReplayed", through: 2 ** 40, ...counts, created, gone }
    assert.isBelow(pack(encodeEvent(event).payload).length, recordBytesMax - 4096)
  })

  it("is forgotten by nothing but its own end: an epoch that empties the rest keeps it", () => {
    const begun = started(source.seq + 9)
    const made: Event = decideOne(begun, createBdev("late"))
    const later = record(begun, made, source.seq + 1)
    assert.strictEqual(HashMap.size(replayOf(later.state).things.toFork), 1)
    const empty = evolve(later.state, { ...epochStarted, mode: "empty" }, later.seq + 1)
    assert.strictEqual(replayOf(empty).position, source.seq + 1)
    assert.strictEqual(HashMap.size(replayOf(empty).things.toFork), 0)
    const resumed = evolve(later.state, { ...epochStarted, mode: "resume" }, later.seq + 1)
    assert.strictEqual(HashMap.size(replayOf(resumed).things.toFork), 1)
  })
})

const decideOne = (history: History, command: Command): Event => {
  const decision = decide(history.state, command)
  if (Result.isFailure(decision)) throw new Error(decision.failure.message)
  return decision.success[0] ?? assert.fail("no event")
}

const epochStarted: Extract<Event, { readonly _tag: "EpochStarted" }> = (() => {
  const event = decideOne(historyOf(), startEpoch())
  return event._tag === "EpochStarted" ? event : assert.fail("no epoch")
})()
