/** From a configuration file to what a starting server does with it. */
import { readFile } from "node:fs/promises"
import { Effect, Result } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { applyNativeFile } from "../config/apply.ts"
import { desiredStateOf } from "../config/DesiredState.ts"
import { type NativeFile, readNativeFile } from "../config/NativeFile.ts"
import type { ControlPlane } from "../domain/ControlPlane.ts"
import type { DataPlane } from "../domain/DataPlane.ts"
import { Uuid } from "../domain/ids.ts"
import { CliFailure } from "./CliFailure.ts"
import { version } from "./version.ts"

/** Makes the state agree with a file, on a target that lets nobody in yet. */
export type Configure = Effect.Effect<void, CliFailure, ControlPlane | DataPlane | EventLog>

/** Removals happen before anyone is let in, so nothing is in flight; in milliseconds. */
const removalsWithinMillis = 30_000

const refused = (name: string, problems: ReadonlyArray<string>): CliFailure =>
  new CliFailure({ message: `the configuration ${name} cannot be used\n${problems.join("\n")}` })

const unreadable = (name: string, error: unknown): CliFailure => {
  const why = error instanceof Error ? error.message : String(error)
  return new CliFailure({ message: `the configuration ${name} cannot be read: ${why}` })
}

/** Only to try the rules on before anything is opened: no identity that follows from it is kept. */
const trialEpoch = {
  number: 0,
  mode: "empty" as const,
  instanceId: Uuid.make("00000000-0000-0000-0000-000000000000"),
  version,
  startedAt: 0
}

const apply = (name: string, file: NativeFile): Configure =>
  Effect.gen(function* () {
    const { changes, kept, removals } = yield* Effect.mapError(
      applyNativeFile(file, `serve -c ${name}`, removalsWithinMillis),
      (error) => (error._tag === "ConfigRefused" ? refused(name, error.problems) : unreadable(name, error))
    )
    const done = changes + removals === 0 ? "nothing to change" : `${changes} changes, ${removals} removals`
    yield* Effect.logInfo(`configuration ${name}: ${done}`)
    if (kept.length > 0) {
      yield* Effect.logInfo(`not in ${name}, made by RPC, and kept: ${kept.slice(0, 20).join(", ")}`)
    }
  })

/** The same for a text that is no file. */
export const configureFromText = (name: string, source: string): Effect.Effect<Configure, CliFailure> =>
  Effect.suspend(() => {
    const file = readNativeFile(name, source)
    if (Result.isFailure(file)) return Effect.fail(refused(name, file.failure))
    const trial = desiredStateOf(file.success, trialEpoch)
    if (Result.isFailure(trial)) return Effect.fail(refused(name, trial.failure))
    return Effect.succeed(apply(name, file.success))
  })

/** Reads and checks the file now; what it gives is run once the target is there. */
export const configureFromFile = (name: string): Effect.Effect<Configure, CliFailure> =>
  Effect.flatMap(
    Effect.tryPromise({ try: () => readFile(name, "utf8"), catch: (error) => unreadable(name, error) }),
    (source) => configureFromText(name, source)
  )
