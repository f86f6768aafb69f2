/**
 * From a configuration file to what a starting server does with it. SPDK's JSON and its older `iscsi.conf` are known by
 * their content; whatever else there is, is lunlog's own format.
 */
import { Effect, Result } from "effect"
import { applyNativeFile } from "../config/apply.ts"
import type { FileText } from "../config/ConfigFiles.ts"
import { convertedFile } from "../config/converted-file.ts"
import { type NativeFile, readNativeFile } from "../config/NativeFile.ts"
import { sourceFormat } from "../config/source-format.ts"
import { tryOut } from "../config/try-out.ts"
import { configLengthMax } from "../config/YamlText.ts"
import type { EpochMode } from "../domain/Epoch.ts"
import {
  applySpdkConfig,
  type CheckedSpdkConfig,
  checkSpdkConfig,
  type SpdkConfigOptions
} from "../rpc/apply-spdk-config.ts"
import type { RpcServices } from "../rpc/methods/all-methods.ts"
import { isSpdkConfig, readSpdkConfig } from "../rpc/SpdkConfigFile.ts"
import { CliFailure, failureOf } from "./CliFailure.ts"
import { configFiles } from "./config-files.ts"
import { readConversion } from "./read-conversion.ts"

/** Makes the state agree with a file, on a target that lets nobody in yet. */
export type Configure = Effect.Effect<void, CliFailure, RpcServices>

/** A file that was read and checked. */
export interface Configuration {
  readonly name: string
  readonly format: "native" | "spdk" | "iscsi.conf"
  readonly configure: Configure
}

/** Removals happen before anyone is let in, so nothing is in flight; in milliseconds. */
const removalsWithinMillis = 30_000

/** Of a file in any format, whose own limits are lower; in bytes. */
const configBytesMax = 4 * configLengthMax

const refused = (name: string, problems: ReadonlyArray<string>): CliFailure =>
  new CliFailure({ message: `the configuration ${name} cannot be used\n${problems.join("\n")}` })

const unreadable = (name: string, error: unknown): CliFailure => {
  const why = error instanceof Error ? error.message : String(error)
  return new CliFailure({ message: `the configuration ${name} cannot be read: ${why}` })
}

const apply = (name: string, file: NativeFile): Configure =>
  Effect.gen(function* () {
    const { changes, kept, removals } = yield* Effect.mapError(
      applyNativeFile(file, `serve -c ${name}`, removalsWithinMillis),
      (error) => (error._tag === "ConfigRefused" ? refused(name, error.problems) : unreadable(name, error))
    )
    for (const warning of file.warnings) yield* Effect.logWarning(warning)
    const done = changes + removals === 0 ? "nothing to change" : `${changes} changes, ${removals} removals`
    yield* Effect.logInfo(`configuration ${name}: ${done}`)
    if (kept.length > 0) {
      yield* Effect.logInfo(`not in ${name}, made by RPC, and kept: ${kept.slice(0, 20).join(", ")}`)
    }
  })

const configureFromFile = (name: string, file: NativeFile): Effect.Effect<Configure, CliFailure> =>
  tryOut(file).pipe(
    Effect.as(apply(name, file)),
    Effect.mapError(({ problems }) => refused(name, problems))
  )

/** The same for a text that may be no file. */
export const configureFromText = (name: string, source: string | FileText): Effect.Effect<Configure, CliFailure> =>
  readNativeFile(name, source, configFiles).pipe(
    Effect.mapError(({ problems }) => refused(name, problems)),
    Effect.flatMap((file) => configureFromFile(name, file))
  )

/** What lunlog cannot do of it is told at the start, and left out. */
const iscsiConfFromText = (name: string, source: string): Effect.Effect<Configure, CliFailure> =>
  Effect.gen(function* () {
    const conversion = yield* readConversion("iscsi.conf", name, source)
    const configure = yield* configureFromFile(name, convertedFile(name, conversion))
    const tell = Effect.forEach(conversion.warnings, (warning) => Effect.logWarning(warning), { discard: true })
    return Effect.andThen(tell, configure)
  })

const configureFrom = (format: Configuration["format"], name: string, file: FileText, options: SpdkConfigOptions) => {
  if (format === "spdk") return spdkFromText(name, file.text, options)
  return format === "iscsi.conf" ? iscsiConfFromText(name, file.text) : configureFromText(name, file)
}

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
    const file = yield* Effect.mapError(
      configFiles.read(name, configBytesMax),
      (why) => new CliFailure({ message: `the configuration ${name} ${why}` })
    )
    const format = isSpdkConfig(file.text) ? "spdk" : sourceFormat(file.text)
    if (format === "targetcli" || format === "tgt") {
      const way = `run lunlog convert ${name} -o lunlog.yaml, and serve that`
      const message = `${name} is a configuration of ${format}; ${way}`
      return yield* new CliFailure({ message })
    }
    return { name, format, configure: yield* configureFrom(format, name, file, options) }
  })

/**
 * SPDK's JSON is a list of commands for an empty target, and its `iscsi.conf` was always read by one; `otherwise` is
 * how a start without them begins.
 */
export const stateModeOf = (
  configuration: Configuration | undefined,
  given: EpochMode | undefined,
  otherwise: EpochMode
): Effect.Effect<EpochMode, CliFailure> => {
  if (configuration?.format === "iscsi.conf") return Effect.succeed(given ?? "empty")
  if (configuration?.format !== "spdk") return Effect.succeed(given ?? otherwise)
  if (given !== "resume") return Effect.succeed("empty")
  const message =
    `${configuration.name} is an SPDK configuration, which is made for an empty target: start with ` +
    "--state-mode empty, or without -c to resume"
  return Effect.fail(new CliFailure({ message }))
}
