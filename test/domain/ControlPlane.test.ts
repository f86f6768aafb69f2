/** The control plane over the log: what is durable, published and answered agree, whatever fails and whoever leaves. */
import { it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, HashMap, Queue, Scope } from "effect"
import { assert, describe } from "vitest"
import { controlKey, observationKey } from "../../eventlog/key.ts"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import { FOLD_VERSION } from "../../src/domain/evolve.ts"
import { findBdev, findPortalGroup, portalGroupsOf } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { cause, collected, controlOn, harness, memoryLog } from "./control-plane-support.ts"
import { createBdev, createPortalGroup, guide, startEpoch } from "./examples.ts"
import { assertSameState } from "./invariants.ts"

const start = { _tag: "StartPortalGroup", tag: 1 } as const
const waiting = { _tag: "CreatePortalGroup", tag: 1, portals: [], private: false, wait: true } as const

describe("a dispatch", () => {
  it.live("answers with what is durable, published and in the log", () =>
    Effect.gen(function* () {
      const { control, log } = yield* harness
      const { committed, state } = yield* control.changes
      assert.strictEqual(HashMap.size(state.portalGroups), 0)
      const answer = yield* control.dispatch(createPortalGroup(1), cause)
      assert.deepEqual(yield* collected(committed), [answer])
      assert.strictEqual(answer.state, control.state())
      assert.deepEqual(
        answer.records.map(({ seq, type }) => [seq, type]),
        [[1, "PortalGroupCreated"]]
      )
      assert.strictEqual(log.durable().controlSeq, 1)
      assert.strictEqual(findPortalGroup(control.state(), 1)?.incarnation, answer.records[0]?.seq)
    })
  )

  it.live("that is refused appends nothing", () =>
    Effect.gen(function* () {
      const { control, log } = yield* harness
      const refusal = yield* Effect.flip(control.dispatch(start, cause))
      assert.strictEqual(refusal._tag, "NotFound")
      assert.strictEqual(log.tip().seq, 0)
    })
  )

  it.live("shares its fsync with all that come at the same time", () =>
    Effect.gen(function* () {
      const { control, store } = yield* harness
      const tags = Array.from({ length: 64 }, (_, index) => index + 1)
      yield* Effect.forEach(tags, (tag) => control.dispatch(createPortalGroup(tag), cause), { concurrency: 64 })
      assert.isAtMost(store.syncs, 4)
      assert.deepEqual(
        portalGroupsOf(control.state()).map((group) => Number(group.tag)),
        tags
      )
    })
  )

  it.live("is decided on what is still on its way to the disk", () =>
    Effect.gen(function* () {
      const { control } = yield* harness
      const create = control.dispatch(createPortalGroup(1), cause)
      const [first, second] = yield* Effect.all([Effect.exit(create), Effect.exit(create)], { concurrency: 2 })
      assert.isTrue(Exit.isSuccess(first))
      assert.isTrue(Exit.isFailure(second))
      assert.strictEqual(portalGroupsOf(control.state()).length, 1)
    })
  )

  it.live("that its caller has left happens all the same", () =>
    Effect.gen(function* () {
      const { control, log, store } = yield* harness
      const entered = store.hold()
      const caller = yield* Effect.forkChild(control.dispatch(createPortalGroup(1), cause), { startImmediately: true })
      yield* Effect.promise(() => entered)
      yield* Fiber.interrupt(caller)
      store.release()
      yield* control.awaitState((state) => findPortalGroup(state, 1) !== undefined)
      const refusal = yield* Effect.flip(control.dispatch(createPortalGroup(1), cause))
      assert.strictEqual(refusal._tag, "AlreadyExists")
      yield* control.dispatch(createPortalGroup(2), cause)
      assert.deepEqual([log.tip().controlSeq, log.durable().controlSeq], [2, 2])
      assertSameState(control.state(), (yield* controlOn(log)).state())
    })
  )
})

describe("a failed append", () => {
  it.live("fails everything that was decided on top of it, and leaves tip, state and log as they were", () =>
    Effect.gen(function* () {
      const { control, log, store } = yield* harness
      yield* control.dispatch(createPortalGroup(9), cause)
      const { committed } = yield* control.changes
      const entered = store.hold()
      const commands = [waiting, start, start, createPortalGroup(1), createPortalGroup(2)]
      const fibers = yield* Effect.forEach(commands, (command) =>
        Effect.forkChild(Effect.flip(control.dispatch(command, cause)), { startImmediately: true })
      )
      yield* Effect.promise(() => entered)
      store.release({ refuse: true })
      const failures = yield* Effect.forEach(fibers, Fiber.join)
      // The second start had nothing to do, the second creation was refused: both by what never happened.
      assert.deepEqual(
        failures.map(({ _tag }) => _tag),
        commands.map(() => "AppendFailed")
      )
      assert.deepEqual(yield* collected(committed), [])
      assert.strictEqual(log.tip().controlSeq, 1)
      assert.strictEqual(portalGroupsOf(control.state()).length, 1)
      const { records } = yield* control.dispatch(createPortalGroup(1), cause)
      assert.strictEqual(records.length, 1)
    })
  )
})

describe("a lease", () => {
  const leased = Effect.gen(function* () {
    const base = yield* harness
    const counts = { acquired: 0, released: 0 }
    const acquire = Effect.acquireRelease(
      Effect.sync(() => {
        counts.acquired++
        return { id: `lease-${counts.acquired}` }
      }),
      () => Effect.sync(() => void counts.released++)
    )
    return { ...base, counts, acquire, changes: yield* base.control.changes }
  })

  it.live("is handed over once with the events that it was acquired for", () =>
    Effect.gen(function* () {
      const { acquire, changes, control, counts } = yield* leased
      const answer = yield* control.dispatchWithLease(acquire, createPortalGroup(1), cause)
      assert.deepEqual(answer.lease, { id: "lease-1" })
      yield* control.dispatch(createPortalGroup(2), cause)
      assert.deepEqual(
        (yield* collected(changes.committed)).map(({ lease }) => lease),
        [{ id: "lease-1" }, undefined]
      )
      assert.deepEqual(counts, { acquired: 1, released: 0 })
    })
  )

  it.live("is given back if the command is refused, or has nothing to do", () =>
    Effect.gen(function* () {
      const { acquire, changes, control, counts } = yield* leased
      yield* Effect.flip(control.dispatchWithLease(acquire, start, cause))
      assert.deepEqual(counts, { acquired: 1, released: 1 })
      yield* control.dispatch(createPortalGroup(1), cause)
      const { lease, records } = yield* control.dispatchWithLease(acquire, start, cause)
      assert.deepEqual([lease, records.length], [undefined, 0])
      assert.deepEqual(counts, { acquired: 2, released: 2 })
      assert.strictEqual((yield* collected(changes.committed)).length, 1)
    })
  )

  it.live("is given back if the append fails, also when its caller has left", () =>
    Effect.gen(function* () {
      for (const leaves of [false, true]) {
        const { acquire, changes, control, counts, store } = yield* leased
        const entered = store.hold()
        const caller = yield* Effect.forkChild(
          Effect.exit(control.dispatchWithLease(acquire, createPortalGroup(1), cause)),
          { startImmediately: true }
        )
        yield* Effect.promise(() => entered)
        const witness = yield* Effect.forkChild(Effect.exit(control.dispatch(start, cause)), { startImmediately: true })
        if (leaves) yield* Fiber.interrupt(caller)
        store.release({ refuse: true })
        assert.isTrue(Exit.isFailure(yield* Fiber.join(witness)))
        yield* Fiber.await(caller)
        yield* until(() => counts.released === 1)
        assert.deepEqual(yield* collected(changes.committed), [])
      }
    })
  )

  it.live("is handed over although its caller has left while the events were on their way", () =>
    Effect.gen(function* () {
      const { acquire, changes, control, counts, store } = yield* leased
      const entered = store.hold()
      const caller = yield* Effect.forkChild(control.dispatchWithLease(acquire, createPortalGroup(1), cause), {
        startImmediately: true
      })
      yield* Effect.promise(() => entered)
      yield* Fiber.interrupt(caller)
      store.release()
      const { lease } = yield* Queue.take(changes.committed)
      assert.deepEqual(lease, { id: "lease-1" })
      yield* control.dispatch(createPortalGroup(2), cause)
      assert.deepEqual(counts, { acquired: 1, released: 0 })
    })
  )

  it.live("that cannot be had dispatches nothing and gives back what was acquired on the way", () =>
    Effect.gen(function* () {
      const { acquire, control, counts, log } = yield* leased
      const second = Effect.andThen(acquire, Effect.fail("in use" as const))
      assert.strictEqual(yield* Effect.flip(control.dispatchWithLease(second, createPortalGroup(1), cause)), "in use")
      const reached = yield* Deferred.make<void>()
      const hangs = Effect.andThen(acquire, Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const caller = yield* Effect.forkChild(control.dispatchWithLease(hangs, createPortalGroup(1), cause))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(caller)
      assert.deepEqual(counts, { acquired: 2, released: 2 })
      assert.strictEqual(log.tip().seq, 0)
    })
  )
})

describe("a subscriber", () => {
  it.live("gets the state and then every change exactly once, in order", () =>
    Effect.gen(function* () {
      const { control } = yield* harness
      const tags = Array.from({ length: 40 }, (_, index) => index + 1)
      const writer = yield* Effect.forkChild(
        Effect.forEach(tags, (tag) => control.dispatch(createPortalGroup(tag), cause), { concurrency: 7 }),
        { startImmediately: true }
      )
      yield* control.awaitState((state) => HashMap.size(state.portalGroups) >= 5)
      const { committed, state } = yield* control.changes
      yield* Fiber.join(writer)
      const seen = (yield* collected(committed)).flatMap(({ records }) => records.map(({ seq }) => seq))
      const known = HashMap.size(state.portalGroups)
      assert.isAtLeast(known, 5)
      assert.deepEqual(seen, tags.slice(known))
    })
  )

  it.live("gets nothing after it has left", () =>
    Effect.gen(function* () {
      const { control } = yield* harness
      const scope = yield* Scope.make()
      const { committed } = yield* Scope.provide(control.changes, scope)
      yield* Scope.close(scope, Exit.void)
      yield* control.dispatch(createPortalGroup(1), cause)
      assert.strictEqual(yield* Queue.size(committed), 0)
    })
  )

  it.live("that waits for a state gets the first one, the present one included", () =>
    Effect.gen(function* () {
      const { control } = yield* harness
      const waiter = yield* Effect.forkChild(
        control.awaitState((state) => findPortalGroup(state, 2) !== undefined),
        { startImmediately: true }
      )
      const broken = yield* Effect.forkChild(
        Effect.exit(
          control.awaitState((state) => {
            if (HashMap.size(state.portalGroups) > 0) throw new Error("a mistake of the caller's")
            return false
          })
        ),
        { startImmediately: true }
      )
      for (const tag of [1, 2, 3]) yield* control.dispatch(createPortalGroup(tag), cause)
      assert.strictEqual(portalGroupsOf(yield* Fiber.join(waiter)).length, 2)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(broken)))
      assert.strictEqual(portalGroupsOf(yield* control.awaitState(() => true)).length, 3)
    })
  )
})

describe("a start", () => {
  it.live("gives the state that the log says, from a snapshot or from the beginning", () =>
    Effect.gen(function* () {
      const { log } = yield* memoryLog
      const before = yield* Effect.scoped(
        Effect.gen(function* () {
          const control = yield* controlOn(log)
          for (const command of guide) yield* control.dispatch(command, cause)
          return control.state()
        })
      )
      // An orderly end has left a snapshot.
      assert.strictEqual((yield* log.readSnapshot(FOLD_VERSION))?.controlSeq, log.durable().controlSeq)
      assertSameState((yield* controlOn(log)).state(), before)
      const { controlHash, controlNo, controlSeq } = log.durable()
      const damaged = {
        controlHash,
        controlNo,
        controlSeq,
        foldVersion: FOLD_VERSION,
        state: new TextEncoder().encode("{}")
      }
      yield* log.writeSnapshot(damaged)
      const again = yield* controlOn(log)
      assertSameState(again.state(), before)
      yield* again.dispatch(createBdev("more"), cause)
      assert.isDefined(findBdev(again.state(), "more"))
    })
  )

  it.live("finds a snapshot that was written on the way, and folds what came after it", () =>
    Effect.gen(function* () {
      const { log } = yield* memoryLog
      const control = yield* controlOn(log, 5)
      yield* control.dispatch(startEpoch(), cause)
      for (let index = 0; index < 12; index++) yield* control.dispatch(createBdev(), cause)
      const snapshot = yield* log.readSnapshot(FOLD_VERSION)
      assert.isAtLeast(snapshot?.controlSeq ?? 0, 5)
      assertSameState((yield* controlOn(log)).state(), control.state())
    })
  )

  it.live("begins with the state of a genesis, and folds what came after it", () =>
    Effect.gen(function* () {
      const { control, log } = yield* harness
      for (const command of guide) yield* control.dispatch(command, cause)
      const { controlHash, controlNo, controlSeq } = log.durable()
      const at = { controlHash, controlNo, controlSeq, at: 1, madeAt: 2, origin: "forked", archives: [] } as const
      const genesis = { ...at, foldVersion: FOLD_VERSION, state: encodeSnapshot(control.state()) }
      const fork = yield* controlOn(yield* MemoryEventLog.make({ genesis }))
      assertSameState(fork.state(), control.state())
      yield* fork.dispatch(createBdev("more"), cause)
      assert.strictEqual(findBdev(fork.state(), "more")?.incarnation, controlSeq + 1)
      const newer = yield* MemoryEventLog.make({ genesis: { ...genesis, foldVersion: FOLD_VERSION + 1 } })
      const failure = yield* Effect.flip(controlOn(newer))
      assert.match(failure.message, /\(Genesis, version \d+\) cannot be read: it is of fold version/)
    })
  )

  it.live("notices that the record right behind the snapshot is gone", () =>
    Effect.gen(function* () {
      const { log, store } = yield* memoryLog
      const control = yield* controlOn(log, 1_000_000)
      yield* control.dispatch(startEpoch(), cause)
      const { controlHash, controlNo, controlSeq } = log.durable()
      const state = encodeSnapshot(control.state())
      yield* log.writeSnapshot({ controlHash, controlNo, controlSeq, foldVersion: FOLD_VERSION, state })
      yield* control.dispatch(createBdev("lost"), cause)
      yield* control.dispatch(createBdev("kept"), cause)
      yield* Effect.promise(() => store.write([{ type: "del", key: controlKey(controlSeq + 1) }], true))
      const failure = yield* Effect.flip(controlOn(log))
      assert.match(failure.message, /1 control records between 1 and 3 are gone/)
    })
  )

  it.live("reads no observation, whatever has become of them", () =>
    Effect.gen(function* () {
      const { log, store } = yield* memoryLog
      const control = yield* controlOn(log, 1_000_000)
      log.observe({ type: "Seen", v: 1, cause, payload: {} })
      yield* control.dispatch(createPortalGroup(1), cause)
      const key = observationKey(1)
      yield* Effect.promise(() => store.write([{ type: "put", key, value: new Uint8Array(3) }], true))
      assertSameState((yield* controlOn(log)).state(), control.state())
    })
  )

  it.live("fails on a record that it cannot read, and names it", () =>
    Effect.gen(function* () {
      const { log } = yield* memoryLog
      yield* log.append(0, cause, [{ type: "FromTheFuture", v: 1, payload: {} }])
      const failure = yield* Effect.flip(controlOn(log))
      assert.match(failure.message, /record 1 .*FromTheFuture.*version of lunlog that wrote it/)
    })
  )
})

describe("another writer of the same log", () => {
  it.live("is folded and published, and the next command is decided on top", () =>
    Effect.gen(function* () {
      const { control, log } = yield* harness
      const { committed } = yield* control.changes
      yield* control.dispatch(createPortalGroup(1), cause)
      const payload = { tag: 2, portals: [], private: false, wait: false }
      const foreign = yield* Effect.forkChild(
        log.append(log.tip().controlSeq, cause, [{ type: "PortalGroupCreated", v: 1, payload }]),
        { startImmediately: true }
      )
      const refusal = yield* Effect.flip(control.dispatch(createPortalGroup(2), cause))
      assert.strictEqual(refusal._tag, "AlreadyExists")
      yield* Fiber.join(foreign)
      yield* control.dispatch(createPortalGroup(3), cause)
      const seen = (yield* collected(committed)).flatMap(({ records }) => records.map(({ seq }) => seq))
      assert.deepEqual(seen, [1, 2, 3])
    })
  )

  it.live("whose records cannot be read stops all further commands", () =>
    Effect.gen(function* () {
      const { control, log } = yield* harness
      yield* log.append(0, cause, [{ type: "FromTheFuture", v: 1, payload: {} }])
      const exit = yield* Effect.exit(control.dispatch(createPortalGroup(1), cause))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})

/** For what another fiber does right after it was resumed. */
const until = (condition: () => boolean) =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.tapError(() => Effect.yieldNow),
    Effect.eventually,
    Effect.timeout("10 seconds")
  )
