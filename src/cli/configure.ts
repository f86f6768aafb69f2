/**
 * From a configuration file to what a starting server does with it. SPDK's JSON is known by its content; whatever else
 * there is, is lunlog's own format.
 */
import { readFile } from "node:fs/promises"
import { Effect, Result } from "effect"
import { applyNativeFile } from "../config/apply.ts"
import { desiredStateOf } from "../config/DesiredState.ts"
import { type NativeFile, readNativeFile } from "../config/NativeFile.ts"
import type { EpochMode } from "../domain/Epoch.ts"
import { Uuid } from "../domain/ids.ts"
import {
  applySpdkConfig,
  type CheckedSpdkConfig,
  checkSpdkConfig,
  type SpdkConfigOptions
} from "../rpc/apply-spdk-config.ts"
import type { RpcServices } from "../rpc/methods/all-methods.ts"
import { isSpdkConfig, readSpdkConfig } from "../rpc/SpdkConfigFile.ts"
import { CliFailure, failureOf } from "./CliFailure.ts"
import { version } from "./version.ts"

/** Makes the state agree with a file, on a target that lets nobody in yet. */
export type Configure = Effect.Effect<void, CliFailure, RpcServices>

/** A file that was read and checked. */
export interface Configuration {
  readonly name: string
  readonly format: "native" | "spdk"
  readonly configure: Configure
}

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

const applySpdk = (file: CheckedSpdkConfig, options: SpdkConfigOptions): Configure =>
  Effect.gen(function* () {
    for (const notice of file.notices) yield* Effect.logWarning(notice)
    const { applied, failures } = yield* Effect.mapError(applySpdkConfig(file, options), failureOf)
    for (const failure of failures) yield* Effect.logWarning(`ignored: ${failure}`)
    const failed = failures.length === 0 ? "" : `, ${failures.length} failed`
    yield* Effect.logInfo(`configuration ${file.name}: ${applied} calls${failed}`)
  })

const spdkFromText = (name: string, source: string, options: SpdkConfigOptions): Effect.Effect<Configure, CliFailure> =>
  Effect.suspend(() => {
    const file = readSpdkConfig(name, source)
    if (Result.isFailure(file)) return Effect.fail(refused(name, file.failure))
    const { checked, problems } = checkSpdkConfig(file.success, options)
    return problems.length > 0 ? Effect.fail(refused(name, problems)) : Effect.succeed(applySpdk(checked, options))
  })

/** Reads and checks the file now; what it gives is run once the target is there. */
export const readConfiguration = (name: string, options: SpdkConfigOptions): Effect.Effect<Configuration, CliFailure> =>
  Effect.gen(function* () {
    const source = yield* Effect.tryPromise({
      try: () => readFile(name, "utf8"),
      catch: (error) => unreadable(name, error)
    })
    const format = isSpdkConfig(source) ? "spdk" : "native"
    const configure =
      format === "spdk" ? yield* spdkFromText(name, source, options) : yield* configureFromText(name, source)
    return { name, format, configure }
  })

/** SPDK's format is a list of commands for an empty target; `otherwise` is how a start without it begins. */
export const stateModeOf = (
  configuration: Configuration | undefined,
  given: EpochMode | undefined,
  otherwise: EpochMode
): Effect.Effect<EpochMode, CliFailure> => {
  if (configuration?.format !== "spdk") return Effect.succeed(given ?? otherwise)
  if (given !== "resume") return Effect.succeed("empty")
  const message =
    `${configuration.name} is an SPDK configuration, which is made for an empty target: start with ` +
    "--state-mode empty, or without -c to resume"
  return Effect.fail(new CliFailure({ message }))
}
