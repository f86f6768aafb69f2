/** What records that are played into a fork do to its initiators, and which facts of its own it then reports. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Event } from "../../src/domain/Event.ts"
import { BdevName, Uuid } from "../../src/domain/ids.ts"
import { findBdev, findLun, findTarget } from "../../src/domain/State.ts"
import { cdb, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import {
  attempt,
  cause,
  createBdev,
  createTarget,
  hang,
  lunOf,
  malloc,
  type Plane,
  recordsOf,
  startPlane,
  targetName,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const instanceId = Uuid.make("9b2c1f34-6a55-4d0e-8f0f-0123456789ab")

/** A fork of itself, so to say, with a replay of 100 records before it. */
const withReplay = (
  luns: Readonly<Record<number, string>> = { 0: "Malloc0", 1: "Malloc1" },
  reactor: "main" | "worker" = "main"
) =>
  Effect.gen(function* () {
    const plane = yield* startPlane({ settings: { reactor } })
    for (const name of ["Malloc0", "Malloc1"]) yield* plane.run(malloc(name))
    yield* plane.guide(luns)
    const from = plane.log.durable().controlSeq
    const mapping = {
      instanceId,
      identity: { _tag: "Kept" as const },
      portals: { _tag: "Offset" as const, by: 0 },
      redirects: [],
      fileDirectory: "/tmp"
    }
    const origin = { sourceInstanceId: instanceId, sourceSeq: from, sourceControlHash: "", sourceAt: 0 }
    yield* plane.run({ _tag: "RecordForked", ...origin, mapping, data: "empty" })
    yield* plane.run({ _tag: "StartReplay", through: from + 100 })
    let through = from
    const play = (...events: ReadonlyArray<Event>) =>
      Effect.gen(function* () {
        const records = events.map((event) => ({ seq: ++through, event }))
        const command = { _tag: "ReplayRecords" as const, through, records }
        const committed = yield* plane.controlPlane.dispatch(command, { ...cause, source: "replay" })
        yield* plane.dataPlane.awaitApplied(committed.records.at(-1)?.seq ?? 0)
      })
    return { plane, play }
  })

const status = (session: Session, lun: number) =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: cdb.testUnitReady() })),
    outcomeText
  )

const removalOf = (plane: Plane, lun: number): Event => ({
  _tag: "LunRemovalStarted",
  ...lunOf(plane, lun),
  cause: "requested"
})

const removed = (ref: ReturnType<typeof lunOf>): Event => ({
  _tag: "LunRemoved",
  ...ref,
  cause: "requested",
  drained: 7,
  aborted: 1,
  durationMillis: 99
})

const isDraining = (plane: Plane, lun: number): boolean => {
  const target = findTarget(plane.controlPlane.state(), targetName)
  return target !== undefined && findLun(target, lun)?.phase._tag === "Draining"
}

const idle = (plane: Plane) => Effect.map(plane.dataPlane.lunDrains, (drains) => drains.length === 0)

describe("a removal in the record", () => {
  live("drains here too, and ends when the record says so, with what the record says", () =>
    Effect.gen(function* () {
      const { plane, play } = yield* withReplay()
      const session = yield* plane.open([0, 1])
      const ref = lunOf(plane, 1)
      yield* play(removalOf(plane, 1))
      assert.strictEqual(yield* status(session, 1), "5/25/00")
      yield* until(idle(plane))
      // A command in between, decided on top of whatever was reported.
      yield* plane.run(malloc("Other"))
      assert.isTrue(isDraining(plane, 1))
      yield* play(removed(ref))
      yield* plane.dataPlane.awaitLunGone(ref.target, ref.lun, ref.incarnation)
      const ends = yield* recordsOf(plane, "LunRemoved")
      assert.deepStrictEqual(
        ends.map(({ payload }) => payload),
        [{ ...ref, cause: "requested", drained: 7, aborted: 1, durationMillis: 99 }]
      )
      assert.strictEqual(yield* status(session, 0), "6/3f/0e")
    })
  )

  live("whose end is never played ends with the replay, and drains for ever in no case", () =>
    Effect.gen(function* () {
      const { plane, play } = yield* withReplay()
      const ref = lunOf(plane, 1)
      yield* play(removalOf(plane, 1))
      yield* until(idle(plane))
      assert.isTrue(isDraining(plane, 1))
      yield* plane.run({ _tag: "StopReplay" })
      yield* plane.dataPlane.awaitLunGone(ref.target, ref.lun, ref.incarnation)
      assert.isFalse(isDraining(plane, 1))
    })
  )

  live("of a target ends with its sessions and LUNs in the record, and its name is free at once", () =>
    Effect.gen(function* () {
      const { plane, play } = yield* withReplay({ 0: "Malloc0" })
      const { incarnation, name } = findTarget(plane.controlPlane.state(), targetName) ?? assert.fail("no target")
      const target = { target: name, incarnation }
      const lun = lunOf(plane, 0)
      yield* play(
        { _tag: "TargetNodeDeletionStarted", ...target },
        { _tag: "LunRemovalStarted", ...lun, cause: "target-deleted" }
      )
      yield* until(idle(plane))
      // Without a session the fork knows at once; the record says it later.
      assert.isDefined(findTarget(plane.controlPlane.state(), targetName))
      yield* play({ _tag: "TargetNodeSessionsClosed", ...target, closed: 3, cut: 1 })
      yield* play(
        { _tag: "LunRemoved", ...lun, cause: "target-deleted", drained: 0, aborted: 0, durationMillis: 0 },
        { _tag: "TargetNodeDeleted", ...target }
      )
      yield* plane.dataPlane.awaitTargetGone(name, incarnation)
      const closed = yield* recordsOf(plane, "TargetNodeSessionsClosed")
      assert.deepStrictEqual(
        closed.map(({ payload }) => payload),
        [{ ...target, closed: 3, cut: 1 }]
      )
      yield* plane.run(createTarget({ 0: "Malloc1" }))
      assert.strictEqual(yield* status(yield* plane.open([0]), 0), "GOOD")
    })
  )

  live("that somebody began here while the replay waits is nobody's but the fork's", () =>
    Effect.gen(function* () {
      const { plane } = yield* withReplay()
      const ref = lunOf(plane, 1)
      yield* plane.run({ _tag: "RemoveLun", target: targetName, lun: 1 })
      yield* plane.dataPlane.awaitLunGone(ref.target, ref.lun, ref.incarnation)
      assert.isFalse(isDraining(plane, 1))
    })
  )
})

describe("a restart in the record", () => {
  const epoch = (mode: "resume" | "empty"): Event => ({
    _tag: "EpochStarted",
    epoch: 9,
    mode,
    instanceId,
    version: "0.1.0"
  })

  it.live.each(["main", "worker"] as const)(
    "cuts connections, empties memory, and has all there again (%s)",
    (reactor) =>
      Effect.gen(function* () {
        const { plane, play } = yield* withReplay({ 0: "Malloc0" }, reactor)
        yield* plane.run(createBdev("EE_Malloc1", { _tag: "Error", base: "Malloc1" }))
        yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "EE_Malloc1", lun: 1 })
        const before = yield* plane.open([0, 1])
        yield* attempt(() => writeBlocks(before, 0, 0, Buffer.alloc(512, 0xaa)))
        yield* hang(plane, "EE_Malloc1")
        const hung = before.command({ lun: 1, cdb: cdb.read10(0, 1), readBytes: 512 }).then(outcomeText, () => "cut")
        yield* play(epoch("resume"))
        assert.strictEqual(yield* Effect.promise(() => hung), "cut")
        yield* until(Effect.map(plane.dataPlane.connections, (connections) => connections.length === 0))
        const after = yield* plane.open([0, 1])
        // The first command at the medium is told that it is another one.
        const told = yield* attempt(() => after.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 }))
        assert.strictEqual(outcomeText(told), "6/28/00")
        const content = yield* attempt(() => readBlocks(after, 0, 0, 1))
        assert.isTrue(content.every((byte) => byte === 0))
        const stacked = { lun: 1, cdb: cdb.read10(0, 1), readBytes: 512 }
        const outcomes = [yield* attempt(() => after.command(stacked)), yield* attempt(() => after.command(stacked))]
        assert.deepStrictEqual(outcomes.map(outcomeText), ["6/28/00", "GOOD"], "of a disk on one that was emptied")
        assert.isTrue(findBdev(plane.controlPlane.state(), "Malloc0")?.contentLost)
      })
  )

  live("that empties the state leaves nobody anything to log in to", () =>
    Effect.gen(function* () {
      const { plane, play } = yield* withReplay()
      const session = yield* plane.open([0])
      yield* play(epoch("empty"))
      assert.strictEqual(yield* Effect.map(Effect.exit(status(session, 0)), ({ _tag }) => _tag), "Failure")
      const { bdevs, portals } = yield* plane.dataPlane.status
      assert.deepStrictEqual([bdevs, portals], [[], []])
      // The replay goes on: what comes later is made of nothing.
      const bdev: Event = {
        _tag: "BdevCreated",
        name: BdevName.make("late"),
        uuid: instanceId,
        uuidExplicit: true,
        spec: { _tag: "Null", blockCount: 8, blockSize: 512, physicalBlockSize: 512 }
      }
      yield* play(bdev)
      assert.deepStrictEqual(
        (yield* plane.dataPlane.status).bdevs.map(({ name, state }) => [name, state]),
        [["late", "up"]]
      )
    })
  )
})
