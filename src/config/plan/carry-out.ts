/**
 * Carries out the commands of a plan, level by level: those of one level are submitted together, in their order, so
 * that they share the log's fsyncs. What drains is waited for before anything takes its place.
 */
import { Deferred, Effect, type Scope } from "effect"
import type { Cause } from "../../../eventlog/record.ts"
import { isSizedByDevice } from "../../domain/bdev/BdevSpec.ts"
import type { Command } from "../../domain/Command.ts"
import { type Committed, ControlPlane, type DispatchError } from "../../domain/ControlPlane.ts"
import { DataPlane, type Lease } from "../../domain/DataPlane.ts"
import type { BdevUnavailable, PortalUnavailable } from "../../domain/data-plane-errors.ts"
import type { Event } from "../../domain/Event.ts"
import { portalGroupsOf, type State } from "../../domain/State.ts"
import { traced } from "../../domain/tracing.ts"
import { ConfigRefused } from "../ConfigRefused.ts"
import type { NativeFile } from "../native/NativeFile.ts"
import { mayDrain, type Work } from "./stages.ts"

/** Commands of one level that are on their way at a time. */
const concurrentMax = 128
/** For the data plane to follow one level; in milliseconds. */
const appliedWithinMillis = 15_000

/** How one run of commands is done. */
export interface CarryOut {
  readonly file: NativeFile
  readonly cause: Cause
  /** For what drains to be gone. */
  readonly removalsWithinMillis: number
  /** Told after each command. */
  readonly onDone: (work: Work) => void
}

type StepError = DispatchError | PortalUnavailable | BdevUnavailable

const problemOf = (file: NativeFile, { path }: Work, error: StepError): string =>
  error._tag === "LogUnavailable" || error._tag === "AppendFailed" ? error.message : file.problem(path, error.message)

const leaseFor = (
  dataPlane: DataPlane["Service"],
  command: Command
): Effect.Effect<Lease, PortalUnavailable | BdevUnavailable, Scope.Scope> | undefined => {
  if (command._tag === "CreatePortalGroup") return dataPlane.acquirePortals(command.portals)
  if (command._tag === "CreateBdev") return dataPlane.acquireBdev(command.name ?? "", command.bdev)
  return undefined
}

/** What running groups listen on, whatever the address: it may be about to be closed. */
const portsInUse = (state: State): ReadonlySet<number> =>
  new Set(portalGroupsOf(state).flatMap(({ portals }) => portals.map(({ port }) => port)))

/**
 * Opens and closes what the commands are going to open, as far as nothing that runs can be in its way: an address of
 * somebody else or a file that is not there must be known before anything is taken down for it.
 */
export const tryLeases = (
  file: NativeFile,
  works: ReadonlyArray<Work>
): Effect.Effect<void, ConfigRefused, ControlPlane | DataPlane> =>
  Effect.gen(function* () {
    if (!works.some(mayDrain)) return
    const dataPlane = yield* DataPlane
    const inUse = portsInUse((yield* ControlPlane).state())
    const problems: Array<string> = []
    for (const work of works) {
      const { command } = work
      const isTried =
        command._tag === "CreatePortalGroup"
          ? !command.portals.some(({ port }) => inUse.has(port))
          : command._tag === "CreateBdev" && isSizedByDevice(command.bdev)
      const acquire = isTried ? leaseFor(dataPlane, command) : undefined
      if (acquire === undefined) continue
      const outcome = yield* Effect.result(Effect.scoped(acquire))
      if (outcome._tag === "Failure") problems.push(problemOf(file, work, outcome.failure))
    }
    if (problems.length > 0) return yield* new ConfigRefused({ problems })
  })

/** The next level may need what this one has made (a base, an address that is free again). */
export const untilApplied = (seq: number | undefined): Effect.Effect<void, never, DataPlane> =>
  seq === undefined
    ? Effect.void
    : Effect.flatMap(DataPlane, ({ awaitApplied }) =>
        Effect.asVoid(Effect.timeoutOption(awaitApplied(seq), appliedWithinMillis))
      )

interface Gate {
  readonly passed: Deferred.Deferred<void>
  isAwaited: boolean
}

/** When a command may be submitted, and what it tells once it is. */
interface Turn {
  readonly before: Gate | undefined
  readonly own: Gate
}

const awaitTurn = ({ before, own }: Turn): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (before !== undefined) {
      before.isAwaited = true
      yield* Deferred.await(before.passed)
    }
    const pass = Deferred.succeed(own.passed, undefined)
    // Whoever waits goes on at once when it is told: not before the command, which is submitted right after this.
    yield* own.isAwaited ? Effect.forkChild(Effect.andThen(Effect.yieldNow, pass)) : pass
  })

const submit = ({ cause, file, onDone }: CarryOut, work: Work, turn: Turn) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const acquire = leaseFor(yield* DataPlane, work.command)
    // Things are created in the order of the file, however long it takes to open them.
    const committed = yield* acquire === undefined
      ? Effect.andThen(awaitTurn(turn), controlPlane.dispatch(work.command, cause))
      : controlPlane.dispatchWithLease<PortalUnavailable | BdevUnavailable, never>(
          Effect.tap(acquire, () => awaitTurn(turn)),
          work.command,
          cause
        )
    onDone(work)
    return committed
  }).pipe(
    Effect.ensuring(Deferred.succeed(turn.own.passed, undefined)),
    Effect.mapError((error) => new ConfigRefused({ problems: [problemOf(file, work, error)] }))
  )

const runLevel = (run: CarryOut, works: ReadonlyArray<Work>) =>
  Effect.gen(function* () {
    const turns: Array<Turn> = []
    for (const _ of works) {
      const own = { passed: yield* Deferred.make<void>(), isAwaited: false }
      turns.push({ before: turns.at(-1)?.own, own })
    }
    return yield* Effect.forEach(
      works,
      (work, index) => {
        const turn = turns[index]
        return turn === undefined ? Effect.die(new Error("a command without a turn")) : submit(run, work, turn)
      },
      { concurrency: concurrentMax }
    )
  })

const goneAfter = (event: Event): Effect.Effect<void, never, DataPlane> | undefined => {
  switch (event._tag) {
    case "LunRemovalStarted":
      return Effect.flatMap(DataPlane, ({ awaitLunGone }) => awaitLunGone(event.target, event.lun, event.incarnation))
    case "TargetNodeDeletionStarted":
      return Effect.flatMap(DataPlane, ({ awaitTargetGone }) => awaitTargetGone(event.target, event.incarnation))
    case "BdevRemovalStarted":
      return Effect.flatMap(DataPlane, ({ awaitBdevGone }) => awaitBdevGone(event.name, event.incarnation))
    case "PortalGroupDeleted":
      return Effect.flatMap(DataPlane, ({ awaitPortalsClosed }) => awaitPortalsClosed(event.tag, event.incarnation))
    default:
      return undefined
  }
}

const untilGone = ({ file, removalsWithinMillis }: CarryOut, committed: ReadonlyArray<Committed>) => {
  const waits = committed.flatMap(({ events }) => events.flatMap((event) => goneAfter(event) ?? []))
  const late = `${file.name}: what it removes was not gone within ${removalsWithinMillis} ms; it goes on, apply again`
  return Effect.timeoutOrElse(Effect.all(waits, { concurrency: "unbounded", discard: true }), {
    duration: removalsWithinMillis,
    orElse: () => Effect.fail(new ConfigRefused({ problems: [late] }))
  })
}

/** Runs of commands of one level, in the order of levels. */
const levelsOf = (works: ReadonlyArray<Work>): ReadonlyArray<ReadonlyArray<Work>> =>
  [...Map.groupBy(works, ({ level }) => level)].sort(([a], [b]) => a - b).map(([, level]) => level)

/** Gives the last record so far. What drains is gone then. */
const carryOutLevel = (run: CarryOut, level: ReadonlyArray<Work>, before: number | undefined) =>
  Effect.gen(function* () {
    const committed = yield* runLevel(run, level)
    const last = committed.reduce<number | undefined>((seq, { records }) => records.at(-1)?.seq ?? seq, before)
    if (!level.some(mayDrain)) return last
    yield* untilGone(run, committed)
    yield* untilApplied(last)
    return last
  })

/** Succeeds when the data plane has followed all of it. Stops at the first failure; what was done stays. */
export const carryOut = (
  run: CarryOut,
  works: ReadonlyArray<Work>
): Effect.Effect<void, ConfigRefused, ControlPlane | DataPlane> =>
  Effect.gen(function* () {
    let last: number | undefined
    for (const level of levelsOf(works)) {
      if (level.some(({ waits }) => waits)) yield* untilApplied(last)
      const attributes = { "lunlog.config.level": level[0]?.level, "lunlog.config.commands": level.length }
      last = yield* carryOutLevel(run, level, last).pipe(traced("config level", () => ({ attributes })))
    }
    yield* untilApplied(last)
  })
