/** Targets and LUNs follow the state, and what the data plane finds out comes back as facts, once, to the right one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { findBdev, findTarget } from "../../src/domain/State.ts"
import { cdb, readBlocks, reportLuns } from "../support/initiator/commands.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import {
  attempt,
  createBdev,
  createTarget,
  hang,
  lunOf,
  malloc,
  type Plane,
  type PlaneOptions,
  recordsOf,
  startPlane,
  targetName,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

/** LUN 0 is a RAM disk, LUN 1 an error bdev that holds every IO; a session is ready at both. */
const withHangingLun = (options: PlaneOptions = {}) =>
  Effect.gen(function* () {
    const plane = yield* startPlane(options)
    yield* plane.run(malloc("Malloc0"))
    yield* plane.run(malloc("Base"))
    yield* plane.run(createBdev("EE_Base", { _tag: "Error", base: "Base" }))
    yield* plane.guide({ 0: "Malloc0", 1: "EE_Base" })
    const session = yield* plane.open([0, 1])
    yield* hang(plane, "EE_Base")
    return { plane, session }
  })

/** Reads at LUN 1 that are at the bdev when this ends. */
const readsInFlight = (session: Session, count: number) =>
  Effect.gen(function* () {
    const reads = Array.from({ length: count }, () =>
      session.command({ lun: 1, cdb: cdb.read10(0, 8), readBytes: 4096 }).then(outcomeText, String)
    )
    yield* attempt(() => session.nop())
    return Effect.promise(() => Promise.all(reads))
  })

const resume = (plane: Plane, name: string) => {
  const bdev = findBdev(plane.controlPlane.state(), name)
  assert(bdev !== undefined)
  return plane.dataPlane.resumePendingBdevIo(bdev.name, bdev.incarnation)
}

const payloads = (plane: Plane, type: string) =>
  Effect.map(recordsOf(plane, type), (records) => records.map(({ payload }) => payload))

const status = (session: Session, lun: number) =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: cdb.testUnitReady() })),
    outcomeText
  )

describe("a LUN", () => {
  live("is there for running sessions when it is added, and gone when it is removed", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0"))
      yield* plane.run(malloc("Malloc1"))
      yield* plane.guide({ 0: "Malloc0" })
      const session = yield* plane.open()
      for (let round = 0; round < 10; round++) {
        yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "Malloc1", lun: 1 })
        assert.strictEqual(yield* status(session, 0), "6/3f/0e")
        assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [0, 1])
        assert.strictEqual(yield* status(session, 1), "6/29/00")
        const { incarnation, lun, target } = lunOf(plane, 1)
        yield* plane.run({ _tag: "RemoveLun", target: targetName, lun: 1 })
        yield* plane.dataPlane.awaitLunGone(target, lun, incarnation)
        assert.strictEqual(yield* status(session, 0), "6/3f/0e")
        assert.strictEqual(yield* status(session, 1), "5/25/00")
      }
      assert.deepStrictEqual(session.violations, [])
    })
  )

  live("that drains is shown, and its removal is recorded with what ended", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withHangingLun()
      const ended = yield* readsInFlight(session, 3)
      const removed = lunOf(plane, 1)
      const started = yield* plane.run({ _tag: "RemoveLun", target: targetName, lun: 1 })
      const gone = yield* Effect.forkChild(
        plane.dataPlane.awaitLunGone(removed.target, removed.lun, removed.incarnation),
        { startImmediately: true }
      )
      const [drain] = yield* plane.dataPlane.lunDrains
      assert.deepInclude(drain, { ...removed, commandsLeft: 3 })
      assert.approximately(drain?.deadlineAt ?? 0, performance.timeOrigin + performance.now() + 20_000, 5000)
      const busy = yield* Effect.flip(plane.run({ _tag: "AddLun", target: targetName, bdev: "Malloc0", lun: 1 }))
      assert.strictEqual(busy._tag, "Busy")
      yield* resume(plane, "EE_Base")
      yield* Fiber.join(gone)
      assert.deepStrictEqual(yield* ended, ["GOOD", "GOOD", "GOOD"])
      const [record, ...more] = yield* recordsOf(plane, "LunRemoved")
      assert.lengthOf(more, 0)
      assert.deepInclude(record?.payload, { lun: 1, cause: "requested", drained: 3, aborted: 0 })
      assert.strictEqual(record?.cause.source, "dataplane")
      assert.strictEqual(record?.cause.correlationId, started.records[0]?.seq)
      assert.deepStrictEqual(yield* plane.dataPlane.lunDrains, [])
    })
  )

  live("that does not drain in time is gone all the same, and its id and bdev are free", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withHangingLun({ settings: { removalDeadlineMillis: 50 } })
      const ended = yield* readsInFlight(session, 2)
      const removed = lunOf(plane, 1)
      yield* plane.run({ _tag: "DeleteBdev", name: "Base" })
      yield* plane.dataPlane.awaitLunGone(removed.target, removed.lun, removed.incarnation)
      assert.deepStrictEqual(yield* ended, ["b/00/00", "b/00/00"])
      assert.deepInclude((yield* payloads(plane, "LunRemoved"))[0], { cause: "bdev-deleted", drained: 0, aborted: 2 })
      yield* until(Effect.sync(() => findBdev(plane.controlPlane.state(), "Base") === undefined))
      yield* plane.run(malloc("Base"))
      yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "Base", lun: 1 })
      assert.strictEqual(yield* status(session, 1), "6/29/00")
      const blocks = yield* attempt(() => readBlocks(session, 1, 0, 8))
      assert.isTrue(blocks.every((byte) => byte === 0))
    })
  )

  live("that has drained while the log was away is reported when it is back", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withHangingLun()
      const ended = yield* readsInFlight(session, 1)
      const removed = lunOf(plane, 1)
      yield* plane.run({ _tag: "RemoveLun", target: targetName, lun: 1 })
      let refusals = 0
      plane.faults.next = (sync) => {
        if (sync) refusals++
        return sync && refusals <= 2 ? "refuse" : "none"
      }
      yield* resume(plane, "EE_Base")
      assert.deepStrictEqual(yield* ended, ["GOOD"])
      yield* plane.dataPlane.awaitLunGone(removed.target, removed.lun, removed.incarnation)
      assert.isAtLeast(refusals, 2)
      assert.deepInclude((yield* payloads(plane, "LunRemoved"))[0], { drained: 1, aborted: 0 })
    })
  )
})

describe("a target that is deleted", () => {
  const gone = (plane: Plane) => {
    const target = findTarget(plane.controlPlane.state(), targetName)
    assert(target !== undefined)
    return plane.dataPlane.awaitTargetGone(target.name, target.incarnation)
  }

  live("asks its sessions to log out, drains its LUNs, and is gone when both are done", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withHangingLun()
      const ended = yield* readsInFlight(session, 2)
      const waiting = yield* Effect.forkChild(gone(plane), { startImmediately: true })
      yield* plane.run({ _tag: "DeleteTargetNode", target: targetName })
      while (session.asyncMessages.length === 0) yield* attempt(() => session.nop())
      assert.strictEqual(yield* status(session, 0), "5/25/00")
      yield* resume(plane, "EE_Base")
      assert.deepStrictEqual(yield* ended, ["GOOD", "GOOD"])
      assert.strictEqual(yield* attempt(() => session.logout()), 0)
      yield* Fiber.join(waiting)
      assert.isUndefined(findTarget(plane.controlPlane.state(), targetName))
      assert.deepInclude((yield* payloads(plane, "TargetNodeSessionsClosed"))[0], { closed: 1, cut: 0 })
      const removals = yield* payloads(plane, "LunRemoved")
      assert.lengthOf(removals, 2)
      assert.deepInclude(removals[1], { cause: "target-deleted", drained: 2, aborted: 0 })
      // The disks stay.
      assert.lengthOf((yield* plane.dataPlane.status).bdevs, 3)
    })
  )

  live("and created again has sessions of its own", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0"))
      yield* plane.guide({ 0: "Malloc0" })
      for (let round = 0; round < 5; round++) {
        const session = yield* plane.open()
        const waiting = yield* Effect.forkChild(gone(plane), { startImmediately: true })
        yield* plane.run({ _tag: "DeleteTargetNode", target: targetName })
        const refused = yield* Effect.flip(plane.open([]))
        assert.match(String(refused), /0204h|0203h/)
        assert.strictEqual((yield* Effect.flip(plane.run(createTarget({ 0: "Malloc0" }))))._tag, "Busy")
        session.drop()
        yield* Fiber.join(waiting)
        yield* plane.run(createTarget({ 0: "Malloc0" }))
      }
      yield* plane.open()
      assert.strictEqual((yield* plane.dataPlane.status).sessionCount, 1)
    })
  )

  live("without sessions is gone at once", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0"))
      yield* plane.guide({ 0: "Malloc0" })
      const waiting = yield* Effect.forkChild(gone(plane), { startImmediately: true })
      yield* plane.run({ _tag: "DeleteTargetNode", target: targetName })
      yield* Fiber.join(waiting)
      assert.match(String(yield* Effect.flip(plane.open([]))), /0203h/)
    })
  )
})

describe("access", () => {
  live("follows maps and groups for those that log in, not for those that have", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0"))
      yield* plane.guide({ 0: "Malloc0" })
      const session = yield* plane.open()
      const maps = [{ portalGroup: 1, initiatorGroup: 1 }]
      yield* plane.run({ _tag: "RemovePgIgMaps", target: targetName, maps })
      assert.match(String(yield* Effect.flip(plane.open([]))), /0202h/)
      yield* plane.run({ _tag: "AddPgIgMaps", target: targetName, maps })
      yield* plane.open([])
      const members = { tag: 1, initiators: ["ANY"], netmasks: [] }
      yield* plane.run({ _tag: "RemoveInitiatorGroupMembers", ...members })
      assert.match(String(yield* Effect.flip(plane.open([]))), /0202h/)
      yield* plane.run({ _tag: "AddInitiatorGroupMembers", ...members })
      yield* plane.open([])
      assert.strictEqual(yield* status(session, 0), "GOOD")
    })
  )
})

describe("what initiators do", () => {
  live("is shown while they are there, and remembered in the log", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0"))
      yield* plane.guide({ 0: "Malloc0" })
      const session = yield* plane.open()
      const [connection] = yield* plane.dataPlane.connections
      assert.deepInclude(connection, {
        state: "running",
        loginPhase: "full_feature_phase",
        targetName,
        tsih: session.login.tsih,
        initiatorAddress: "127.0.0.1"
      })
      yield* Effect.flip(plane.open([], { targetName: "iqn.2016-06.io.spdk:none" }))
      yield* attempt(() => session.logout())
      yield* until(Effect.map(recordsOf(plane, "SessionClosed"), (records) => records.length === 1))
      const [opened] = yield* recordsOf(plane, "SessionOpened")
      assert.deepInclude(opened?.payload, { targetName, tsih: session.login.tsih })
      assert.deepStrictEqual(opened?.cause, { source: "initiator", actor: "127.0.0.1" })
      const [refused] = yield* payloads(plane, "LoginRefused")
      assert.deepInclude(refused, { status: 0x0203, statusName: "NotFound", targetName: "iqn.2016-06.io.spdk:none" })
      assert.deepInclude((yield* payloads(plane, "SessionClosed"))[0], { reason: "logout" })
      assert.deepStrictEqual(yield* plane.dataPlane.connections, [])
    })
  )
})

describe("in a worker", () => {
  live("all this is the same", () =>
    Effect.gen(function* () {
      const { plane, session } = yield* withHangingLun({ settings: { reactor: "worker" } })
      const ended = yield* readsInFlight(session, 3)
      const removed = lunOf(plane, 1)
      yield* plane.run({ _tag: "RemoveLun", target: targetName, lun: 1 })
      assert.deepInclude((yield* plane.dataPlane.lunDrains)[0], { ...removed, commandsLeft: 3 })
      yield* resume(plane, "EE_Base")
      yield* plane.dataPlane.awaitLunGone(removed.target, removed.lun, removed.incarnation)
      assert.deepStrictEqual(yield* ended, ["GOOD", "GOOD", "GOOD"])
      assert.deepInclude((yield* payloads(plane, "LunRemoved"))[0], { drained: 3, aborted: 0 })
      assert.strictEqual(yield* status(session, 0), "6/3f/0e")
    })
  )
})
