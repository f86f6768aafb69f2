/**
 * Plans and applies configurations on a running target: at its start, when its file has changed, and when the command
 * line asks. One implementation for all of them, and one application at a time.
 */
import { createHash } from "node:crypto"
import { Context, Effect, Layer, Schema, Semaphore } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import type { Cause } from "../../../eventlog/record.ts"
import { declaredState } from "../../domain/bdev/declared-state.ts"
import type { Command } from "../../domain/Command.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import type { Secrets } from "../../domain/Secrets.ts"
import type { State } from "../../domain/State.ts"
import { annotate, traced } from "../../domain/tracing.ts"
import { ConfigRefused } from "../ConfigRefused.ts"
import { desiredStateOf } from "../native/DesiredState.ts"
import type { NativeFile } from "../native/NativeFile.ts"
import { hashOf, outOfScope, replaceInScope } from "./applied-entries.ts"
import { carryOut, tryLeases, untilApplied } from "./carry-out.ts"
import { type Difference, differenceOf } from "./difference.ts"
import { modelOf } from "./kinds.ts"
import { type Plan, type PlanOptions, planOf } from "./Plan.ts"

/** The target has changed since the plan was made: another one is needed. */
export class PlanMoved extends Schema.TaggedError<PlanMoved>()("PlanMoved", { name: Schema.String }) {
  override get message() {
    return `the target has changed since the plan for ${this.name} was shown; look at the new plan`
  }
}

/** A plan and what it was made of. */
export interface Planned {
  readonly plan: Plan
  /** Equal for plans with the same steps. */
  readonly digest: string
  /** Last control record that it has seen. */
  readonly seq: number
}

/** How far an application is. */
export interface ConfigProgress {
  /** As the file is called. */
  readonly name: string
  readonly done: number
  readonly total: number
}

/** What is applied, how, and in whose name. */
export interface ApplyRequest {
  readonly file: NativeFile
  readonly options: PlanOptions
  readonly cause: Cause
  /** For what is removed to be gone, in milliseconds. */
  readonly removalsWithinMillis: number
  /** Only if the plan has still this digest. */
  readonly digest?: string
}

/** The service. */
export class ConfigApplier extends Context.Service<
  ConfigApplier,
  {
    /** Changes nothing. Everything that is wrong with the file is told at once. */
    readonly plan: (file: NativeFile, options: PlanOptions) => Effect.Effect<Planned, ConfigRefused>
    /** Resumes when all is done and the data plane has followed. Changes nothing if the plan cannot be carried out. */
    readonly apply: (request: ApplyRequest) => Effect.Effect<Planned, ConfigRefused | PlanMoved>
    /** Undefined while nothing is applied. */
    readonly progress: () => ConfigProgress | undefined
  }
>()("lunlog/config/ConfigApplier") {
  static readonly layer: Layer.Layer<ConfigApplier, never, ControlPlane | DataPlane | EventLog | Secrets> =
    Layer.effect(
      ConfigApplier,
      Effect.suspend(() => make)
    )
}

const digestOf = ({ fileHash, steps }: Plan): string =>
  createHash("sha256")
    .update(JSON.stringify([fileHash, steps]))
    .digest("hex")

/** A file that was emptied by accident (an editor at work, a full disk) must not take everything with it. */
const emptyConflicts = ({ config }: NativeFile, { steps }: Plan): Plan["conflicts"] => {
  const removals = steps.filter(({ action }) => action === "remove").length
  if (Object.keys(config).length > 0 || removals === 0) return []
  const message =
    `has nothing in it, and ${removals} ${removals === 1 ? "object" : "objects"} would go; ` +
    'write "targets: []" if that is meant'
  return [{ path: [], message }]
}

const planNow = (file: NativeFile, options: PlanOptions) =>
  Effect.gen(function* () {
    const { state } = yield* ControlPlane
    const log = yield* EventLog
    const desired = yield* desiredStateOf(file, state())
    // A large file takes a second, and this thread may be that of the data path.
    yield* Effect.yieldNow
    const seq = log.durable().controlSeq
    const made = planOf(state(), desired, options, log.tip().seq)
    const plan = { ...made, conflicts: [...emptyConflicts(file, made), ...made.conflicts] }
    yield* annotate(() => ({ "lunlog.plan.steps": plan.steps.length, "lunlog.plan.conflicts": plan.conflicts.length }))
    return { plan, digest: digestOf(plan), seq }
  }).pipe(traced("config plan", () => ({ attributes: { "lunlog.config.name": file.name } })))

const conflictsOf = (file: NativeFile, { conflicts }: Plan): Effect.Effect<void, ConfigRefused> =>
  conflicts.length === 0
    ? Effect.void
    : Effect.fail(new ConfigRefused({ problems: conflicts.map(({ message, path }) => file.problem(path, message)) }))

/** Records something of the application as a whole. */
const record = (file: NativeFile, command: Command, cause: Cause) =>
  Effect.gen(function* () {
    const { records } = yield* Effect.mapError(
      (yield* ControlPlane).dispatch(command, cause),
      (error) => new ConfigRefused({ problems: [`${file.name}: ${error.message}`] })
    )
    yield* untilApplied(records.at(-1)?.seq)
  })

/** If it is broken off while something is down, the next one finds here what it was. */
const recordTakenDown = (file: NativeFile, { takenDown }: Plan, cause: Cause) =>
  takenDown.length === 0
    ? Effect.void
    : record(file, { _tag: "RecordConfigTakenDown", name: file.name, takenDown }, cause)

/**
 * Something has failed on the way. What was changed by then is no longer what the last file wanted, and it was not
 * changed by RPC either: objects that are as this file wants them count as applied from it, so that the file before
 * takes them back. What is down stays remembered.
 */
const recordFailed = (file: NativeFile, before: State, plan: Plan, cause: Cause) =>
  Effect.gen(function* () {
    const { state } = yield* ControlPlane
    const { appliedConfig } = state()
    if (appliedConfig === undefined) return
    const now = modelOf(declaredState(state()))
    const keysOf = (differences: ReadonlyArray<Difference>) =>
      new Set(differences.map(({ key, section }) => `${section}/${key}`))
    const [changed, unfinished] = [
      keysOf(differenceOf(modelOf(declaredState(before)), now)),
      keysOf(differenceOf(now, plan.goal))
    ]
    const isDone = (section: string, key: string) =>
      changed.has(`${section}/${key}`) && !unfinished.has(`${section}/${key}`)
    const desired = replaceInScope(appliedConfig.desired, plan.desired, isDone)
    const takenDown = outOfScope(plan.takenDown, isDone)
    const { name } = appliedConfig
    const applied = { name, fileHash: hashOf(desired), desired, takenDown, hasChanged: true }
    yield* Effect.ignore(record(file, { _tag: "RecordConfigApplied", ...applied }, cause))
  })

/** The end of it: what was applied is the base of the next merge. */
const recordApplied = (file: NativeFile, { desired, fileHash, staysDown, works }: Plan, cause: Cause) => {
  const applied = { name: file.name, fileHash, desired, takenDown: staysDown, hasChanged: works.length > 0 }
  return record(file, { _tag: "RecordConfigApplied", ...applied }, cause)
}

type Progress = { -readonly [K in keyof ConfigProgress]: ConfigProgress[K] }

const make = Effect.gen(function* () {
  const services = yield* Effect.context<ControlPlane | DataPlane | EventLog | Secrets>()
  const oneAtATime = yield* Semaphore.make(1)
  let progress: Progress | undefined
  const run = ({ cause, digest, file, options, removalsWithinMillis }: ApplyRequest) =>
    Effect.gen(function* () {
      const planned = yield* planNow(file, options)
      if (digest !== undefined && digest !== planned.digest) return yield* new PlanMoved({ name: file.name })
      const { plan } = planned
      yield* conflictsOf(file, plan)
      yield* tryLeases(file, plan.works)
      const own: Progress = { name: file.name, done: 0, total: plan.works.length }
      progress = own
      const onDone = () => void own.done++
      const before = (yield* ControlPlane).state()
      yield* recordTakenDown(file, plan, cause)
      yield* carryOut({ file, cause, removalsWithinMillis, onDone }, plan.works).pipe(
        Effect.tapError(() => (own.done === 0 ? Effect.void : recordFailed(file, before, plan, cause)))
      )
      yield* recordApplied(file, plan, cause)
      return planned
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          progress = undefined
        })
      ),
      traced("config apply", () => ({ attributes: { "lunlog.config.name": file.name } }))
    )
  return ConfigApplier.of({
    plan: (file, options) => Effect.provideContext(planNow(file, options), services),
    apply: (request) => Effect.provideContext(oneAtATime.withPermits(1)(run(request)), services),
    progress: () => progress
  })
})
