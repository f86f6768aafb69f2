/**
 * From a configuration file to what a starting server does with it. SPDK's JSON and its older `iscsi.conf` are known by
 * their content; whatever else there is, is lunlog's own format.
 */
import { Effect, Queue, Result } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import type { ConfigFiles } from "../../config/native/ConfigFiles.ts"
import { type NativeFile, readNativeFile } from "../../config/native/NativeFile.ts"
import { tryOut } from "../../config/native/try-out.ts"
import { ConfigApplier } from "../../config/plan/ConfigApplier.ts"
import { defaultPlanOptions } from "../../config/plan/Plan.ts"
import type { EpochMode } from "../../domain/Epoch.ts"
import { encodeObservation } from "../../domain/observation/Observation.ts"
import type { PathRestriction } from "../../host/AllowedPaths.ts"
import {
  applySpdkConfig,
  type CheckedSpdkConfig,
  checkSpdkConfig,
  type SpdkConfigOptions
} from "../../rpc/apply-spdk-config.ts"
import { Instance } from "../../rpc/Instance.ts"
import type { RpcServices } from "../../rpc/methods/all-methods.ts"
import { isSpdkConfig, readSpdkConfig } from "../../rpc/SpdkConfigFile.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { configFiles, configFilesWithin } from "../config/config-files.ts"
import { type ConfigSources, openConfig, readOpened, readTargetFile, textHash } from "../config/config-source.ts"
import { pathsOfConfig } from "./allowed-paths.ts"
import { hangups } from "./hangup.ts"
import { awaitChange, seenNow } from "./watch-files.ts"

/** Makes the state agree with a file, on a target that lets nobody in yet. */
export type Configure = Effect.Effect<void, CliFailure, RpcServices>

/** A file that was read and checked. */
export interface Configuration {
  readonly name: string
  readonly format: "native" | "spdk" | "iscsi.conf"
  readonly configure: Configure
  /** Of a file that can be read again; absent for SPDK's JSON, a list of commands. */
  readonly sources?: ConfigSources
  /** What it may refer to. */
  readonly files?: ConfigFiles
}

/** What a removal has beyond its deadline to be reported in, in milliseconds. */
const marginMillis = 10_000
/** Names in one line of the log. */
const namesMax = 20

const refused = (name: string, problems: ReadonlyArray<string>): CliFailure =>
  new CliFailure({ message: `the configuration ${name} cannot be used\n${problems.join("\n")}` })

const told = (what: string, names: ReadonlyArray<string>) => {
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : ""
  return names.length === 0 ? Effect.void : Effect.logInfo(`${what}: ${names.slice(0, namesMax).join(", ")}${more}`)
}

/** What is recorded of a file that was read. */
interface Reading {
  readonly name: string
  /** Unknown of what could not be read. */
  readonly format: Configuration["format"] | "unknown"
  readonly hash?: string
  readonly occasion: "start" | "reload"
}

const textMax = 256

/** Records who has configured the target with what, and what came of it. */
const record = ({ name, ...reading }: Reading, result: string): Effect.Effect<void, never, EventLog> =>
  Effect.map(EventLog, (log) => {
    const read = { ...reading, config: name.slice(0, textMax), result: result.slice(0, textMax) }
    const cause = { source: "config", actor: "local" } as const
    log.observe(encodeObservation({ _tag: "ConfigurationRead", ...read }, cause))
  })

const recordedFailure = <A, R>(reading: Reading, work: Effect.Effect<A, CliFailure, R>) =>
  Effect.tapError(work, ({ message }) => record(reading, `refused: ${message.split("\n").slice(0, 2).join(" ")}`))

const recorded = <R>(reading: Reading, work: Effect.Effect<string, CliFailure, R>) =>
  Effect.tap(recordedFailure(reading, work), (done) => record(reading, `applied: ${done}`))

/** Makes the target what the file says, and tells what was done and what was left. */
const applyFile = (name: string, file: NativeFile, method: string): Effect.Effect<string, CliFailure, RpcServices> =>
  Effect.gen(function* () {
    for (const warning of file.warnings) yield* Effect.logWarning(warning)
    const cause = { source: "config", actor: "local", method: method.slice(0, 256) } as const
    const { removalDeadlineMillis, removalMarginMillis = marginMillis } = yield* Instance
    const removalsWithinMillis = removalDeadlineMillis + removalMarginMillis
    const request = { file, options: defaultPlanOptions, cause, removalsWithinMillis }
    const { plan } = yield* (yield* ConfigApplier)
      .apply(request)
      .pipe(Effect.mapError((error) => (error._tag === "PlanMoved" ? failureOf(error) : refused(name, error.problems))))
    const removals = plan.steps.filter(({ action }) => action === "remove").length
    const done =
      plan.steps.length === 0 ? "nothing to change" : `${plan.steps.length - removals} changes, ${removals} removals`
    yield* Effect.logInfo(`configuration ${name}: ${done}`)
    yield* told(`not in ${name}, made by RPC, and kept`, plan.kept)
    yield* told(
      `not as ${name} says, and left so`,
      plan.drift.map(({ message }) => message)
    )
    return done
  })

const apply = (reading: Reading, file: NativeFile, method: string): Configure =>
  Effect.asVoid(recorded(reading, applyFile(reading.name, file, method)))

const configureFromFile = (reading: Reading, file: NativeFile): Effect.Effect<Configure, CliFailure> =>
  tryOut(file).pipe(
    Effect.as(apply(reading, file, `serve -c ${reading.name}`)),
    Effect.mapError(({ problems }) => refused(reading.name, problems))
  )

/** The same for a text that may be no file. */
export const configureFromText = (name: string, source: string): Effect.Effect<Configure, CliFailure> =>
  readNativeFile(name, source, configFiles).pipe(
    Effect.mapError(({ problems }) => refused(name, problems)),
    Effect.flatMap((file) =>
      configureFromFile({ name, format: "native", hash: textHash(source), occasion: "start" }, file)
    )
  )

/** Reads the file again and applies it; what is wrong is told, and the old state stays. Gives what to watch. */
const reapply = (
  name: string,
  before: ConfigSources,
  files: ConfigFiles
): Effect.Effect<ConfigSources, never, RpcServices> =>
  Effect.gen(function* () {
    const unread = { name, format: "unknown", occasion: "reload" } as const
    const reading = recordedFailure(unread, readTargetFile(name, files))
    const { file, format, hash, sources } = yield* reading
    const again = apply({ name, format, hash, occasion: "reload" }, file, `serve -c ${name}, read again`)
    yield* Effect.catch(again, ({ message }) => Effect.logError(message))
    return sources
  }).pipe(Effect.catch(({ message }) => Effect.as(Effect.logError(message), before)))

/**
 * Applies the file again at each SIGHUP, and with `watch` whenever it has changed; for ever. Until the target is up the
 * signal waits.
 */
export const keepConfigured = (
  { files = configFiles, name }: Pick<Configuration, "files" | "name">,
  first: ConfigSources,
  watch: boolean
): Effect.Effect<never, never, RpcServices> =>
  Effect.gen(function* () {
    const signals = yield* hangups
    yield* (yield* Instance).awaitRuntime
    let sources = first
    while (true) {
      const asked = Queue.take(signals)
      yield* watch ? Effect.raceFirst(asked, awaitChange(sources)) : asked
      yield* Effect.logInfo(`reading ${name} again`)
      sources = yield* reapply(name, yield* seenNow(sources), files)
    }
  }).pipe(Effect.scoped)

const runSpdk = (file: CheckedSpdkConfig, options: SpdkConfigOptions) =>
  Effect.gen(function* () {
    for (const notice of file.notices) yield* Effect.logWarning(notice)
    const { applied, failures } = yield* Effect.mapError(applySpdkConfig(file, options), failureOf)
    for (const failure of failures) yield* Effect.logWarning(`ignored: ${failure}`)
    const failed = failures.length === 0 ? "" : `, ${failures.length} failed`
    const done = `${applied} calls${failed}`
    yield* Effect.logInfo(`configuration ${file.name}: ${done}`)
    return done
  })

const applySpdk = (file: CheckedSpdkConfig, hash: string, options: SpdkConfigOptions): Configure => {
  const reading = { name: file.name, format: "spdk", hash, occasion: "start" } as const
  return Effect.asVoid(recorded(reading, runSpdk(file, options)))
}

const spdkFromText = (name: string, source: string, options: SpdkConfigOptions): Effect.Effect<Configure, CliFailure> =>
  Effect.suspend(() => {
    const file = readSpdkConfig(name, source)
    if (Result.isFailure(file)) return Effect.fail(refused(name, file.failure))
    const { checked, problems } = checkSpdkConfig(file.success, options)
    return problems.length > 0
      ? Effect.fail(refused(name, problems))
      : Effect.succeed(applySpdk(checked, textHash(source), options))
  })

/** Reads and checks the file now; what it gives is run once the target is there. */
export const readConfiguration = (
  name: string,
  options: SpdkConfigOptions,
  restriction?: PathRestriction
): Effect.Effect<Configuration, CliFailure> =>
  Effect.gen(function* () {
    const files = restriction === undefined ? configFiles : configFilesWithin(yield* pathsOfConfig(name, restriction))
    const opened = yield* openConfig(name, files)
    if (isSpdkConfig(opened.text.text)) {
      return { name, format: "spdk", configure: yield* spdkFromText(name, opened.text.text, options) } as const
    }
    const { file, format, hash, sources } = yield* readOpened(name, opened)
    if (format === "iscsi.conf" && options.strict && file.warnings.length > 0) {
      return yield* refused(name, file.warnings)
    }
    return {
      name,
      format,
      sources,
      files,
      configure: yield* configureFromFile({ name, format, hash, occasion: "start" }, file)
    }
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
