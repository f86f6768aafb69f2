/**
 * The state directory of a fork: key and id, disks, and an event log that begins with the state of the moment that was
 * forked. Made beside whatever is there; the log gets its name last, so that a directory with a log is a whole fork.
 */
import { mkdir, readdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Layer } from "effect"
import { createLogAt } from "../../../eventlog/create-log.ts"
import { EventLog } from "../../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../../eventlog/LevelEventLog.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { FOLD_VERSION } from "../../domain/evolve.ts"
import type { Uuid } from "../../domain/ids.ts"
import type { ForkData, ForkMapping } from "../../domain/replay/Fork.ts"
import { encodeSnapshot } from "../../domain/snapshot-codec.ts"
import { mapState } from "../../history/fork/ForkMapping.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { isMissing, writePrivateFile } from "../serve/private-file.ts"
import { logDirectoryOf } from "../serve/state-directory.ts"
import type { ForkSource } from "./fork-source.ts"

/** A fork that is to be made. */
export interface ForkPlan {
  /** Absolute; it must not exist, or be empty. */
  readonly directory: string
  readonly mapping: ForkMapping
  readonly data: ForkData
}

const cannot = (directory: string) => (error: unknown) =>
  new CliFailure({
    message: `the fork cannot be made in ${directory}: ${error instanceof Error ? error.message : String(error)}`
  })

const attempt = <A>(directory: string, run: () => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({ try: run, catch: cannot(directory) })

const entriesOf = async (directory: string): Promise<ReadonlyArray<string>> => {
  try {
    return await readdir(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** A log is there last: with it the directory is a whole fork, or another target. */
const notEmpty = (directory: string, entries: ReadonlyArray<string>): CliFailure => {
  const other = "name another directory with --fork-state"
  const hint = entries.includes("log")
    ? `${other}, or go on with the target that it holds: lunlog serve --state ${directory}`
    : entries.includes("log.new") || entries.includes("disks")
      ? `it holds a fork that is being made, or was broken off: remove it then, or ${other}`
      : other
  return new CliFailure({ message: `${directory} is not empty; ${hint}` })
}

/** Makes a directory, and says whether nobody else had. */
const madeNew = async (path: string): Promise<boolean> => {
  try {
    await mkdir(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false
    throw error
  }
}

/** Of several forks that want the same directory at once, the one that makes the folder of disks has it. */
const claim = ({ directory, mapping }: ForkPlan): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const entries = yield* attempt(directory, () => entriesOf(directory))
    if (entries.length > 0) return yield* notEmpty(directory, entries)
    const isOurs = yield* attempt(directory, async () => {
      // By itself: `recursive` says of a file system that cannot be written to that there is no such file.
      await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
      await madeNew(directory)
      return await madeNew(mapping.fileDirectory)
    })
    if (!isOurs) return yield* notEmpty(directory, ["disks"])
  })

/** The directory, which is removed again if the fork does not come about. */
export const claimForkDirectory = <E, R>(
  plan: ForkPlan,
  make: Effect.Effect<void, E, R>
): Effect.Effect<void, E | CliFailure, R> =>
  Effect.acquireUseRelease(
    claim(plan),
    () => make,
    (_, exit) =>
      exit._tag === "Success"
        ? Effect.void
        : Effect.promise(() => rm(plan.directory, { recursive: true, force: true }).catch(() => undefined))
  )

const recordForked = ({ data, mapping }: ForkPlan, { point }: ForkSource, sourceInstanceId: Uuid) =>
  Effect.flatMap(ControlPlane, (controlPlane) =>
    controlPlane.dispatch(
      {
        _tag: "RecordForked",
        sourceInstanceId,
        sourceSeq: point.controlSeq,
        sourceControlHash: point.controlHash,
        sourceAt: point.at,
        mapping,
        data
      },
      { source: "cli", actor: "local", method: "fork" }
    )
  )

/** Key, id and log; what goes into the log first is the state, mapped, and then that it is a fork. */
export const writeForkLog = (plan: ForkPlan, source: ForkSource): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const { directory, mapping } = plan
    const { point } = source
    const { key } = source
    const begun = join(directory, "log.new")
    yield* attempt(directory, async () => {
      await writePrivateFile(join(directory, "instance-id"), `${mapping.instanceId}\n`)
      if (key !== undefined) await writePrivateFile(join(directory, "secret-key"), key)
    })
    const origin = {
      controlSeq: point.controlSeq,
      controlNo: point.controlNo,
      controlHash: point.controlHash,
      at: point.controlAt,
      foldVersion: FOLD_VERSION,
      state: encodeSnapshot(mapState(mapping, point.state))
    }
    yield* Effect.mapError(createLogAt(begun, origin), failureOf)
    const log = Layer.effect(EventLog, LevelEventLog.make({ directory: begun, ballastBytes: 0 }))
    const recorded = recordForked(plan, source, point.state.epoch?.instanceId ?? mapping.instanceId)
    yield* recorded.pipe(
      Effect.provide(Layer.provide(ControlPlane.layer, log)),
      Effect.mapError(failureOf),
      Effect.asVoid
    )
    yield* attempt(directory, () => rename(begun, logDirectoryOf(directory)))
  })
