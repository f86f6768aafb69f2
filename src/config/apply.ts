/**
 * Makes the state what a file declares. The whole plan is decided on a copy of the state first, so that a file which
 * cannot be applied changes nothing; what only the system can refuse (a port in use, memory) is found out by its
 * lease.
 */
import { Effect, Result, type Scope } from "effect"
import { EventLog, type LogReadFailed } from "../../eventlog/EventLog.ts"
import type { Cause } from "../../eventlog/record.ts"
import { holdersOf } from "../domain/bdev-decide.ts"
import type { Command } from "../domain/Command.ts"
import { ControlPlane, type DispatchError } from "../domain/ControlPlane.ts"
import { type BdevUnavailable, DataPlane, type Lease, type PortalUnavailable } from "../domain/DataPlane.ts"
import { decide } from "../domain/decide.ts"
import type { Event } from "../domain/Event.ts"
import { evolve } from "../domain/evolve.ts"
import type { Secrets } from "../domain/Secrets.ts"
import { bdevsOf, findBdev, lunsOf, type State, targetsOf } from "../domain/State.ts"
import { ConfigRefused } from "./ConfigRefused.ts"
import { creatorsOf } from "./creators.ts"
import { type Declared, desiredStateOf } from "./DesiredState.ts"
import type { NativeFile } from "./NativeFile.ts"
import { type Plan, planOf } from "./Plan.ts"

/** What was done. */
export interface Applied {
  readonly removals: number
  readonly changes: number
  /** Objects that the file does not declare and that stay. */
  readonly kept: ReadonlyArray<string>
}

const refused = (...problems: ReadonlyArray<string>) => new ConfigRefused({ problems })

/** Facts that the data plane would report of removals, when nobody uses what is removed. */
const factsAfter = (events: ReadonlyArray<Event>): ReadonlyArray<Command> =>
  events.flatMap((event): ReadonlyArray<Command> => {
    if (event._tag === "LunRemovalStarted") {
      const { incarnation, lun, target } = event
      return [{ _tag: "RecordLunDrained", target, lun, incarnation, drained: 0, aborted: 0, durationMillis: 0 }]
    }
    if (event._tag !== "TargetNodeDeletionStarted") return []
    const { incarnation, target } = event
    return [{ _tag: "RecordTargetSessionsClosed", target, incarnation, closed: 0, cut: 0 }]
  })

interface Trial {
  state: State
  seq: number
}

/** Decides and folds, with what follows by itself; gives the refusal. */
const attempt = (trial: Trial, command: Command): Result.Result<void, string> => {
  if (command._tag === "DeleteBdev") {
    const bdev = findBdev(trial.state, command.name)
    const holders = bdev === undefined ? [] : holdersOf(trial.state, bdev)
    if (holders.length > 0) {
      const message = `bdev ${command.name} is not declared any more, but ${holders.join(", ")} made by RPC uses it`
      return Result.fail(`${message}; declare it again, or remove that by RPC first`)
    }
  }
  const decision = decide(trial.state, command)
  if (Result.isFailure(decision)) return Result.fail(decision.failure.message)
  for (const event of decision.success) trial.state = evolve(trial.state, event, ++trial.seq)
  for (const fact of factsAfter(decision.success)) {
    const outcome = attempt(trial, fact)
    if (Result.isFailure(outcome)) return outcome
  }
  return Result.succeed(undefined)
}

/** Every step that would be refused. */
const rehearse = (file: NativeFile, now: State, plan: Plan, seq: number): ReadonlyArray<string> => {
  const trial: Trial = { state: now, seq }
  return [...plan.removals, ...plan.changes].flatMap(({ command, path }) => {
    const outcome = attempt(trial, command)
    return Result.isFailure(outcome) ? [file.problem(path, outcome.failure)] : []
  })
}

const leaseFor = (
  dataPlane: DataPlane["Service"],
  command: Command
): Effect.Effect<Lease, PortalUnavailable | BdevUnavailable, Scope.Scope> | undefined => {
  if (command._tag === "CreatePortalGroup") return dataPlane.acquirePortals(command.portals)
  if (command._tag === "CreateBdev") return dataPlane.acquireBdev(command.name ?? "", command.bdev)
  return undefined
}

const problemOf = (
  file: NativeFile,
  { path }: Declared,
  error: DispatchError | PortalUnavailable | BdevUnavailable
): string => {
  switch (error._tag) {
    case "LogUnavailable":
    case "AppendFailed":
      return error.message
    case "PortalUnavailable":
    case "BdevUnavailable":
      return file.problem(path, error.message)
    default:
      return file.problem(path, error.message)
  }
}

/** For the data plane to follow one step; in milliseconds. */
const appliedWithinMillis = 15_000

/** The next step may need what this one has made (a base, an address that is free again). */
const untilApplied = (seq: number): Effect.Effect<void, never, DataPlane> =>
  Effect.flatMap(DataPlane, ({ awaitApplied }) =>
    Effect.asVoid(Effect.timeoutOption(awaitApplied(seq), appliedWithinMillis))
  )

const step = (file: NativeFile, declared: Declared, cause: Cause) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const lease = leaseFor(yield* DataPlane, declared.command)
    const { command } = declared
    const { records } = yield* Effect.mapError(
      lease === undefined
        ? controlPlane.dispatch(command, cause)
        : controlPlane.dispatchWithLease<PortalUnavailable | BdevUnavailable, never>(lease, command, cause),
      (error) => refused(problemOf(file, declared, error))
    )
    const seq = records.at(-1)?.seq
    if (seq !== undefined) yield* untilApplied(seq)
  })

const nothingLeaves = (state: State): boolean =>
  bdevsOf(state).every(({ phase }) => phase._tag === "Active") &&
  targetsOf(state).every(
    (target) => target.phase._tag === "Active" && lunsOf(target).every(({ phase }) => phase._tag === "Active")
  )

const planFor = (
  file: NativeFile
): Effect.Effect<Plan, ConfigRefused | LogReadFailed, ControlPlane | EventLog | Secrets> =>
  Effect.gen(function* () {
    const now = (yield* ControlPlane).state()
    const wanted = yield* desiredStateOf(file, now)
    const plan = planOf(now, wanted, new Set())
    // Who has created what is only asked for when it matters: it means reading the log.
    if (plan.kept.length + plan.conflicts.length === 0) return plan
    return planOf(now, wanted, yield* creatorsOf(now, "config"))
  })

/**
 * Applies a file. `name` is what the log has as the method. Waits at most `removalsWithinMillis` for what has to go
 * first.
 */
export const applyNativeFile = (
  file: NativeFile,
  name: string,
  removalsWithinMillis: number
): Effect.Effect<Applied, ConfigRefused | LogReadFailed, ControlPlane | DataPlane | EventLog | Secrets> =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const plan = yield* planFor(file)
    const conflicts = plan.conflicts.map(({ message, path }) => file.problem(path, message))
    if (conflicts.length > 0) return yield* refused(...conflicts)
    const problems = rehearse(file, controlPlane.state(), plan, (yield* EventLog).tip().seq)
    if (problems.length > 0) return yield* refused(...problems)
    const cause: Cause = { source: "config", actor: "local", method: name.slice(0, 256) }
    for (const removal of plan.removals) yield* step(file, removal, cause)
    if (plan.removals.length > 0) {
      yield* Effect.timeoutOrElse(controlPlane.awaitState(nothingLeaves), {
        duration: removalsWithinMillis,
        orElse: () => Effect.fail(refused(`${name}: what it removes was not gone within ${removalsWithinMillis} ms`))
      })
      yield* untilApplied((yield* EventLog).durable().controlSeq)
    }
    for (const change of plan.changes) yield* step(file, change, cause)
    return { removals: plan.removals.length, changes: plan.changes.length, kept: plan.kept }
  })
