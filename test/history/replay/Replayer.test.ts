/** The records of a real source, played into a real fork that an initiator is logged in to. */
import { statSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, type Scope } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import { bdevsOf, findTarget, lunsOf, type State, targetsOf } from "../../../src/domain/State.ts"
import { mapState } from "../../../src/history/fork/ForkMapping.ts"
import { fullPace } from "../../../src/history/replay/pace.ts"
import type { StopRequest } from "../../../src/history/replay/Replayer.ts"
import { parseStop } from "../../../src/history/replay/stop-condition.ts"
import { cause, createBdev, lunOf, malloc, startPlane, targetName } from "../../dataplane/plane.ts"
import { cdb, clearUnitAttentions, readBlocks } from "../../support/initiator/commands.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import type { Session } from "../../support/initiator/Session.ts"
import { type ForkPlane, forkAt, loginTo, recordsOfPlane, startFork, stateOf } from "./fork-plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "lunlog-replay-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const file = (path: string) => createBdev("File", { _tag: "Aio", filename: path, blockSize: 512, readOnly: false })

/** A source that has lost a LUN, seen an error, made a disk of a file and started again. */
const source = Effect.gen(function* () {
  const plane = yield* startPlane()
  yield* plane.run(malloc("Malloc0"))
  yield* plane.run(malloc("Malloc1"))
  yield* plane.guide({ 0: "Malloc0" })
  const forkSeq = plane.log.durable().seq
  yield* plane.run(createBdev("EE_Malloc1", { _tag: "Error", base: "Malloc1" }))
  yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "EE_Malloc1", lun: 1 })
  yield* Effect.scoped(plane.open([0, 1]))
  const injection = {
    ioType: "read",
    errorType: "failure",
    count: 1,
    queueDepth: 0,
    corruptOffset: 0,
    corruptValue: 0
  } as const
  yield* plane.run({ _tag: "InjectBdevError", name: "EE_Malloc1", injection })
  const gone = lunOf(plane, 1)
  yield* plane.run({ _tag: "RemoveLun", target: targetName, lun: 1 })
  yield* plane.dataPlane.awaitLunGone(gone.target, gone.lun, gone.incarnation)
  const path = join(yield* directory, "disk.img")
  yield* Effect.promise(() => writeFile(path, Buffer.alloc(64 * 512)))
  yield* plane.run(file(path))
  yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "File", lun: 2 })
  return { plane, forkSeq, records: yield* recordsOfPlane(plane) }
})

const forked = Effect.gen(function* () {
  const { forkSeq, plane, records } = yield* source
  const fork = yield* forkAt(yield* directory, records, forkSeq, plane.port, targetName)
  return { fork, records, forkSeq }
})

const types: ReadonlySet<string> = new Set(["LunRemovalStarted", "LunAdded", "BdevErrorInjected", "SessionOpened"])

const until = (condition: string, isBefore = false): StopRequest => {
  const content = { instanceId: "", from: 0, through: 1000, records: 0 }
  const stop = parseStop(condition, types, content, { nowMillis: 0, zone: "utc" })
  if (Result.isFailure(stop)) throw new Error(stop.failure)
  return { text: condition, condition: stop.success, isBefore, pace: fullPace, withinMillis: 20_000 }
}

const status = (session: Session, lun: number) =>
  Effect.map(
    Effect.promise(() => session.command({ lun, cdb: cdb.testUnitReady() })),
    outcomeText
  )

const passedTypes = (fork: ForkPlane, after: number) =>
  Effect.map(fork.replayer.passed(after, 500), ({ records }) => records.map(({ record }) => record.type))

/** What can be compared of two targets whose seqs differ. */
const shapeOf = (state: State) => ({
  bdevs: bdevsOf(state).map(({ name, phase, spec, uuid }) => ({
    name,
    uuid,
    phase: phase._tag,
    spec: "base" in spec ? spec.base.name : spec
  })),
  targets: targetsOf(state).map((target) => ({
    name: target.name,
    maps: target.pgIgMaps,
    luns: lunsOf(target).map(({ bdev, lun, phase }) => [lun, bdev.name, phase._tag])
  }))
})

describe("a replay", () => {
  live("shows an initiator of the fork what happened, when it is told to", () =>
    Effect.gen(function* () {
      const { fork, forkSeq, records } = yield* forked
      const plane = yield* startFork(fork)
      const session = yield* loginTo(fork)
      yield* Effect.promise(() => clearUnitAttentions(session, 0))
      assert.strictEqual(yield* status(session, 1), "5/25/00")
      assert.isTrue(yield* plane.replayer.until(until("LunAdded")))
      assert.strictEqual(yield* status(session, 0), "6/3f/0e")
      yield* Effect.promise(() => clearUnitAttentions(session, 1))
      assert.strictEqual(yield* status(session, 1), "GOOD")
      const read = { lun: 1, cdb: cdb.read10(0, 1), readBytes: 512 }
      // A fork's memory is empty: the first command that uses it is told.
      assert.strictEqual(outcomeText(yield* Effect.promise(() => session.command(read))), "6/28/00")
      // The error that was armed in the source is armed here: the next read fails, and only it.
      assert.isTrue(yield* plane.replayer.until(until("BdevErrorInjected")))
      assert.notStrictEqual(outcomeText(yield* Effect.promise(() => session.command(read))), "GOOD")
      assert.strictEqual((yield* Effect.promise(() => readBlocks(session, 1, 0, 1))).length, 512)
      assert.isTrue(yield* plane.replayer.until(until("LunRemovalStarted", true)))
      assert.strictEqual((yield* plane.replayer.status).next?.type, "LunRemovalStarted")
      assert.strictEqual(yield* status(session, 1), "GOOD")
      yield* plane.replayer.next(1)
      assert.strictEqual(yield* status(session, 1), "5/25/00")
      // What does not come plays nothing, and so does what is over.
      for (const never of ["LunRemovd", "BdevErrorInjected", "iqn.2016-06.io.spdk:disk7"]) {
        const { position } = yield* plane.replayer.status
        const refused = yield* Effect.flip(plane.replayer.until(until(never)))
        assert.match(refused.message, /has no record to come .* has played nothing/u)
        assert.strictEqual((yield* plane.replayer.status).position, position)
      }
      yield* plane.replayer.run(fullPace)
      yield* plane.replayer.idle
      const { phase, position, replay } = yield* plane.replayer.status
      assert.deepStrictEqual([phase, position, replay?.skippedCount], ["finished", records.at(-1)?.seq, 0])
      assert.deepStrictEqual(
        yield* passedTypes(plane, forkSeq),
        records.filter(({ seq }) => seq > forkSeq).map(({ type }) => type)
      )
      assert.deepStrictEqual(shapeOf(plane.controlPlane.state()), shapeOf(mapState(fork.mapping, stateOf(records))))
      // The disk of a file has one of its own, as long as the source's was.
      const [made] = bdevsOf(plane.controlPlane.state()).flatMap(({ spec }) => (spec._tag === "Aio" ? [spec] : []))
      assert.strictEqual(statSync(made?.filename ?? "").size, 64 * 512)
      yield* Effect.promise(() => clearUnitAttentions(session, 2))
      assert.strictEqual((yield* Effect.promise(() => readBlocks(session, 2, 0, 64))).length, 64 * 512)
    })
  )

  live("goes on with the next record when the fork is started again, and with nothing twice", () =>
    Effect.gen(function* () {
      const { fork, forkSeq, records } = yield* forked
      const before = yield* Effect.scoped(
        Effect.gen(function* () {
          const plane = yield* startFork(fork)
          yield* plane.replayer.next(3)
          return (yield* plane.replayer.status).position
        })
      )
      const timeOf = (wanted: number) => records.find(({ seq }) => seq === wanted)?.at
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { replayer } = yield* startFork(fork)
          const { at, phase, position } = yield* replayer.status
          assert.deepStrictEqual([phase, position, at], ["paused", before, timeOf(before)])
          yield* replayer.run(fullPace)
          yield* replayer.idle
        })
      )
      // Over, it can still be looked at.
      const plane = yield* startFork(fork)
      const { at, phase, position } = yield* plane.replayer.status
      assert.deepStrictEqual([phase, at], ["finished", timeOf(position)])
      assert.strictEqual((yield* plane.replayer.status).replay?.skippedCount, 0)
      assert.deepStrictEqual(shapeOf(plane.controlPlane.state()), shapeOf(mapState(fork.mapping, stateOf(records))))
      assert.strictEqual((yield* passedTypes(plane, forkSeq)).length, records.filter(({ seq }) => seq > forkSeq).length)
    })
  )

  live("skips what an operator's change has left nothing to do for, and says so", () =>
    Effect.gen(function* () {
      const { fork } = yield* forked
      const plane = yield* startFork(fork)
      yield* plane.replayer.until(until("LunAdded"))
      // A fix that somebody tries: another disk at the LUN that is going to be lost.
      const lun = Effect.sync(() => {
        const target = findTarget(plane.controlPlane.state(), fork.targetName)
        return target === undefined ? undefined : lunsOf(target).find((mapping) => mapping.lun === 1)
      })
      const gone = yield* lun
      assert(gone !== undefined)
      const dispatch = (command: Parameters<typeof plane.controlPlane.dispatch>[0]) =>
        plane.controlPlane.dispatch(command, cause)
      yield* dispatch({ _tag: "RemoveLun", target: fork.targetName, lun: 1 })
      const { name } = findTarget(plane.controlPlane.state(), fork.targetName) ?? assert.fail("no target")
      yield* plane.dataPlane.awaitLunGone(name, gone.lun, gone.incarnation)
      yield* dispatch({ _tag: "AddLun", target: fork.targetName, bdev: "Malloc0", lun: 1 })
      yield* plane.replayer.run(fullPace)
      yield* plane.replayer.idle
      const after = yield* lun
      assert.deepStrictEqual([after?.bdev.name, after?.phase._tag], ["Malloc0", "Active"])
      const { records } = yield* plane.replayer.passed(0, 500)
      const noted = records.filter(({ note }) => note !== undefined).map(({ record }) => record.type)
      assert.deepStrictEqual(noted, ["LunRemovalStarted", "LunRemoved"])
      assert.match(records.find(({ note }) => note !== undefined)?.note ?? "", /skipped: LunRemovalStarted: /u)
    })
  )

  live("waits as long as it was, can be paused meanwhile, and refuses what does not fit", () =>
    Effect.gen(function* () {
      const { forkSeq, plane: sourcePlane, records } = yield* source
      const hour = 3_600_000_000
      const late = records.map(
        (record): LogRecord => (record.seq > forkSeq + 1 ? { ...record, at: record.at + hour } : record)
      )
      const fork = yield* forkAt(yield* directory, late, forkSeq, sourcePlane.port, targetName)
      const plane = yield* startFork(fork)
      yield* plane.replayer.run({ speed: 1, maxGapMillis: undefined })
      const busy = yield* Effect.flip(plane.replayer.next(1))
      assert.match(busy.message, /is running; pause it first/u)
      const { pace, phase } = yield* plane.replayer.status
      assert.deepStrictEqual([phase, pace?.speed], ["running", 1])
      yield* plane.replayer.pause
      assert.strictEqual((yield* plane.replayer.status).phase, "paused")
      assert.isBelow((yield* plane.replayer.status).position, records.at(-1)?.seq ?? 0)
      // The hour is cut down only if that is asked for.
      assert.isTrue(
        yield* plane.replayer
          .until({ ...until("HEAD"), pace: { speed: 1, maxGapMillis: 1 } })
          .pipe(Effect.map((met) => !met))
      )
      assert.match((yield* Effect.flip(plane.replayer.next(1))).message, /its last record was played/u)
    })
  )

  live("waits where the log takes no more, says why, and goes on there, with nothing lost and nothing twice", () =>
    Effect.gen(function* () {
      const { fork, forkSeq, records } = yield* forked
      const due = records.filter(({ seq }) => seq > forkSeq)
      let commands = 0
      // Every other command finds the log away.
      const plane = yield* startFork(fork, () => commands++ % 2 === 1)
      let waits = 0
      while ((yield* plane.replayer.status).phase !== "finished") {
        yield* plane.replayer.run(fullPace)
        yield* plane.replayer.idle
        const { phase, problem } = yield* plane.replayer.status
        if (phase === "finished") break
        assert.match(problem ?? "", /takes no appends now \(ENOSPC\)/u)
        assert.isBelow(++waits, due.length)
      }
      assert.isAbove(waits, 1)
      const { replay } = yield* plane.replayer.status
      const changes = due.filter(({ kind }) => kind === "control").length
      assert.deepStrictEqual([replay?.playedCount, replay?.skippedCount], [changes, 0])
      assert.deepStrictEqual(shapeOf(plane.controlPlane.state()), shapeOf(mapState(fork.mapping, stateOf(records))))
    })
  )

  live("that is stopped takes no more, and the fork goes on as a target of its own", () =>
    Effect.gen(function* () {
      const { fork } = yield* forked
      const plane = yield* startFork(fork)
      yield* plane.replayer.until(until("LunRemovalStarted"))
      yield* plane.replayer.stop
      assert.match((yield* Effect.flip(plane.replayer.run(fullPace))).message, /was stopped/u)
      const stopped = yield* plane.controlPlane.awaitState((state) => {
        const target = findTarget(state, fork.targetName)
        return target !== undefined && lunsOf(target).every(({ phase }) => phase._tag === "Active")
      })
      assert.deepStrictEqual(stopped.replay?.ended, "stopped")
    })
  )
})
