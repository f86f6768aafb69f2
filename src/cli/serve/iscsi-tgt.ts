/**
 * `iscsi_tgt`: the command line of SPDK's iSCSI target (26.05). Starts empty, as SPDK does; `--state-mode resume`
 * does not. Options about memory pages and PCI have no meaning here: they are taken, and named once on stderr.
 */
import { Effect, Option } from "effect"
import type { PathRestriction } from "../../host/AllowedPaths.ts"
import { defaultSocketPath } from "../../rpc/socket-path.ts"
import { CliFailure } from "../CliFailure.ts"
import { parseDuration } from "../duration.ts"
import { version } from "../version.ts"
import { restrictionOf } from "./allowed-paths.ts"
import { type HotplugPoll, hotplugPollForm, parseHotplugPoll } from "./hotplug-poll.ts"
import { memorySizeForm, parseMemorySize } from "./memory-size.ts"
import { telemetryLayer } from "./otlp/telemetry-layer.ts"
import { connectionsMax, loginsPerSecondMax, type PeerLimitSettings } from "./peer-limits.ts"
import { planReactors, workersMax } from "./reactor-flags.ts"
import { type RecorderPlan, recorderPlanDefault, recorderPlanMax } from "./recorder-flags.ts"
import type { LoadDataPlane } from "./serve-command.ts"
import { methodSet, removalDeadlineDefault } from "./server-flags.ts"
import { type OptionSpec, type ParsedOptions, parseOptions, usageOf } from "./spdk-options.ts"
import { defaultStateDirectory } from "./state-directory.ts"

const flag = (long: string, short?: string): OptionSpec => ({ long, short, value: undefined, help: undefined })
const valued = (long: string, value: string, short?: string): OptionSpec => ({ long, short, value, help: undefined })

/** What has an effect. */
const effective: ReadonlyArray<OptionSpec> = [
  { long: "config", short: "c", value: "FILE", help: "SPDK's JSON configuration, or lunlog's YAML" },
  { long: "json", short: undefined, value: "FILE", help: "the same" },
  { long: "json-ignore-init-errors", short: undefined, value: undefined, help: "go on after a call that fails" },
  { long: "strict", short: undefined, value: undefined, help: "refuse subsystems that do not concern a target" },
  { long: "rpc-socket", short: "r", value: "PATH", help: `RPC listen address (default ${defaultSocketPath})` },
  { long: "no-rpc-server", short: undefined, value: undefined, help: "no RPC socket" },
  { long: "wait-for-rpc", short: undefined, value: undefined, help: "wait for framework_start_init" },
  { long: "rpcs-allowed", short: undefined, value: "LIST", help: "comma-separated methods that may be called" },
  { long: "version", short: "v", value: undefined, help: "print the version" },
  { long: "help", short: "h", value: undefined, help: "show this" },
  { long: "silence-noticelog", short: undefined, value: undefined, help: "print only warnings and errors" },
  { long: "logflag", short: "L", value: "FLAG", help: "print debug messages, whatever the flag" },
  { long: "state", short: undefined, value: "DIR", help: `state directory (default ${defaultStateDirectory()})` },
  { long: "state-mode", short: undefined, value: "MODE", help: "empty (default) or resume" },
  { long: "removal-deadline", short: undefined, value: "DURATION", help: "for a removed LUN's commands (default 40s)" },
  { long: "spdk-identities", short: undefined, value: undefined, help: "disks identify themselves as under SPDK" },
  { long: "cpumask", short: "m", value: "MASK", help: "a thread for IO on each of these cores: 0x3, [0,1], [0-3,5]" },
  { long: "workers", short: undefined, value: "N", help: "threads that targets are spread over (default 0: none)" },
  { long: "reactor", short: undefined, value: "WHERE", help: "the one thread for IO: main (default) or worker" },
  { long: "hotplug-poll", short: undefined, value: "DURATION|off", help: "looks at disks' devices (default 1s)" },
  { long: "allow-path", short: undefined, value: "PATH", help: "files named by RPC must be under it; repeatable" },
  { long: "allow-device", short: undefined, value: "PATH", help: "device nodes must be under it; repeatable" },
  { long: "max-connections", short: undefined, value: "N", help: "TCP connections at once (default 1024)" },
  { long: "connections-per-address", short: undefined, value: "N", help: "of one initiator's address (default 512)" },
  { long: "sessions-per-address", short: undefined, value: "N", help: "of one initiator's address" },
  { long: "logins-per-second", short: undefined, value: "N", help: "of one initiator's address (default 500)" },
  { long: "record-pdus", short: undefined, value: "N", help: "last PDUs kept of each connection (default 512)" },
  { long: "record-data", short: undefined, value: "BYTES", help: "kept of the data of each (default 0)" },
  { long: "mem-size", short: "s", value: "MB", help: "memory for all (default: the machine's, less 512)" },
  { long: "accept-log-loss", short: undefined, value: undefined, help: "go on with what is left of a damaged log" }
]

/** What is taken without effect. */
const ignored: ReadonlyArray<OptionSpec> = [
  valued("lcores", "LIST"),
  valued("main-core", "N", "p"),
  valued("master-core", "N"),
  flag("no-pci", "u"),
  valued("pci-allowed", "BDF", "A"),
  valued("pci-blocked", "BDF", "B"),
  valued("pci-whitelist", "BDF", "W"),
  valued("pci-blacklist", "BDF"),
  flag("no-huge"),
  valued("shm-id", "ID", "i"),
  valued("tpoint-group", "LIST", "e"),
  valued("tpoint-group-mask", "MASK"),
  valued("num-trace-entries", "N"),
  flag("limit-coredump", "d"),
  flag("single-file-segments", "g"),
  valued("mem-channels", "N", "n"),
  flag("huge-unlink", "R"),
  valued("huge-dir", "DIR"),
  valued("iova-mode", "MODE"),
  valued("base-virtaddr", "ADDRESS"),
  valued("env-context", "ARGS"),
  valued("vfio-vf-token", "TOKEN"),
  flag("enforce-numa"),
  flag("interrupt-mode"),
  valued("msg-mempool-size", "N"),
  flag("disable-cpumask-locks")
]

/** SPDK's own option that changes what a caller may rely on; taken for an error rather than ignored. */
const background: OptionSpec = { long: "background", short: "b", value: undefined, help: undefined }

const usage = usageOf("iscsi_tgt", effective, ignored)

const printed = (text: string) => Effect.sync(() => void process.stdout.write(text))

const oneOf = <A extends string>(options: ParsedOptions, name: string, allowed: readonly [A, ...ReadonlyArray<A>]) =>
  Effect.suspend(() => {
    const given = options.values.get(name)
    if (given === undefined) return Effect.succeed(allowed[0])
    const found = allowed.find((one) => one === given)
    return found === undefined
      ? Effect.fail(new CliFailure({ message: `--${name} ${given}: use ${allowed.join(" or ")}` }))
      : Effect.succeed(found)
  })

const deadlineOf = (options: ParsedOptions): Effect.Effect<number, CliFailure> => {
  const given = options.values.get("removal-deadline")
  const millis = given === undefined ? removalDeadlineDefault : parseDuration(given)
  return millis === undefined
    ? Effect.fail(new CliFailure({ message: `--removal-deadline ${given}: write 500ms, 40s or 2m` }))
    : Effect.succeed(millis)
}

const hotplugPollOf = (
  options: ParsedOptions
): Effect.Effect<{ readonly hotplugPollMillis?: HotplugPoll }, CliFailure> => {
  const given = options.values.get("hotplug-poll")
  if (given === undefined) return Effect.succeed({})
  const hotplugPollMillis = parseHotplugPoll(given)
  return hotplugPollMillis === undefined
    ? Effect.fail(new CliFailure({ message: `--hotplug-poll ${given}: ${hotplugPollForm}` }))
    : Effect.succeed({ hotplugPollMillis })
}

/** 0 is the default, as in SPDK. */
const memoryBytesIn = (options: ParsedOptions): Effect.Effect<number | undefined, CliFailure> => {
  const given = options.values.get("mem-size")
  if (given === undefined || given === "0") return Effect.undefined
  const bytes = parseMemorySize(given)
  return bytes === undefined
    ? Effect.fail(new CliFailure({ message: `-s (--mem-size) ${given}: ${memorySizeForm}` }))
    : Effect.succeed(bytes)
}

const tellIgnored = (options: ParsedOptions) =>
  Effect.suspend(() => {
    const known = new Set(ignored.map(({ long }) => long))
    const names = [...options.given].filter((name) => known.has(name)).map((name) => `--${name}`)
    if (names.length === 0) return Effect.void
    return Effect.logInfo(`taken without effect, as lunlog has no such thing: ${names.join(", ")}`)
  })

const numberIn = (
  options: ParsedOptions,
  name: string,
  maximum: number,
  minimum = 1
): Effect.Effect<number | undefined, CliFailure> => {
  const given = options.values.get(name)
  if (given === undefined) return Effect.undefined
  const value = /^\d{1,6}$/u.test(given) ? Number(given) : -1
  if (value >= minimum && value <= maximum) return Effect.succeed(value)
  return Effect.fail(new CliFailure({ message: `--${name} ${given}: write a number of ${minimum} to ${maximum}` }))
}

const recorderIn = (options: ParsedOptions): Effect.Effect<RecorderPlan, CliFailure> =>
  Effect.gen(function* () {
    const pdus = yield* numberIn(options, "record-pdus", recorderPlanMax.pdus, 0)
    const dataBytes = yield* numberIn(options, "record-data", recorderPlanMax.dataBytes, 0)
    return { pdus: pdus ?? recorderPlanDefault.pdus, dataBytes: dataBytes ?? recorderPlanDefault.dataBytes }
  })

const peerLimitsIn = (options: ParsedOptions): Effect.Effect<PeerLimitSettings, CliFailure> =>
  Effect.all({
    connections: numberIn(options, "max-connections", connectionsMax),
    connectionsPerAddress: numberIn(options, "connections-per-address", connectionsMax),
    sessionsPerAddress: numberIn(options, "sessions-per-address", connectionsMax),
    loginsPerSecond: numberIn(options, "logins-per-second", loginsPerSecondMax)
  })

const reactorsIn = (options: ParsedOptions) =>
  Effect.gen(function* () {
    const workers = options.values.get("workers")
    if (workers !== undefined && !(/^\d{1,3}$/u.test(workers) && Number(workers) <= workersMax)) {
      return yield* new CliFailure({ message: `--workers ${workers}: write a number of 0 to ${workersMax}` })
    }
    return {
      reactor: options.given.has("reactor")
        ? Option.some(yield* oneOf(options, "reactor", ["main", "worker"]))
        : Option.none(),
      workers: Option.map(Option.fromUndefinedOr(workers), Number),
      cpumask: Option.fromUndefinedOr(options.values.get("cpumask"))
    }
  })

const restrictionIn = ({ allValues }: ParsedOptions): PathRestriction | undefined =>
  restrictionOf(allValues.get("allow-path") ?? [], allValues.get("allow-device") ?? [])

const settingsOf = (options: ParsedOptions, stateMode: "empty" | "resume") =>
  Effect.gen(function* () {
    const allowed = options.values.get("rpcs-allowed")
    return {
      stateDirectory: options.values.get("state") ?? defaultStateDirectory(),
      stateMode,
      socketPath: options.given.has("no-rpc-server")
        ? undefined
        : (options.values.get("rpc-socket") ?? defaultSocketPath),
      removalDeadlineMillis: yield* deadlineOf(options),
      ...(yield* hotplugPollOf(options)),
      identityStyle: options.given.has("spdk-identities") ? "spdk" : "uuid",
      reactors: planReactors(yield* reactorsIn(options)),
      waitForRpc: options.given.has("wait-for-rpc"),
      acceptLogLoss: options.given.has("accept-log-loss"),
      restriction: restrictionIn(options),
      peerLimits: yield* peerLimitsIn(options),
      recorder: yield* recorderIn(options),
      memoryBytes: yield* memoryBytesIn(options),
      ...(allowed === undefined ? {} : { rpcsAllowed: methodSet(allowed) })
    } as const
  })

const serve = (options: ParsedOptions, load: LoadDataPlane) =>
  Effect.gen(function* () {
    const file = options.values.get("config") ?? options.values.get("json")
    const { runServer } = yield* Effect.promise(() => import("./run-server.ts"))
    const { readConfiguration, stateModeOf } = yield* Effect.promise(() => import("./configure.ts"))
    const { serverReady } = yield* Effect.promise(() => import("./ready.ts"))
    const given = yield* oneOf(options, "state-mode", ["empty", "resume"])
    const strict = options.given.has("strict")
    const ignoreErrors = options.given.has("json-ignore-init-errors")
    const restriction = restrictionIn(options)
    const configuration =
      file === undefined ? undefined : yield* readConfiguration(file, { strict, ignoreErrors }, restriction)
    const settings = yield* settingsOf(options, yield* stateModeOf(configuration, given, "empty"))
    const configure = configuration === undefined ? {} : { configure: configuration.configure }
    const makeDataPlane = yield* Effect.promise(load)
    yield* Effect.logInfo(`Starting lunlog ${version} as iscsi_tgt (SPDK 26.05 dialect)`)
    yield* tellIgnored(options)
    yield* runServer({ ...settings, ...configure, onReady: serverReady }, makeDataPlane)
  })

const levelOf = (options: ParsedOptions): "Warn" | "Debug" | undefined =>
  options.given.has("silence-noticelog") ? "Warn" : options.given.has("logflag") ? "Debug" : undefined

/** Runs one command line of iscsi_tgt. */
export const runIscsiTgt = (args: ReadonlyArray<string>, load: LoadDataPlane): Effect.Effect<void, CliFailure> => {
  const parsed = parseOptions(args, [...effective, ...ignored, background])
  if (parsed._tag === "Refused") {
    const message = `${parsed.reason}; the usage is on stdout`
    return Effect.andThen(printed(usage), Effect.fail(new CliFailure({ message })))
  }
  const { options } = parsed
  if (options.given.has("help")) return printed(usage)
  if (options.given.has("version")) return printed(`lunlog v${version} (SPDK 26.05 dialect)\n`)
  if (options.given.has("background")) {
    const message = "-b: lunlog stays in the foreground; let systemd, nohup or a shell's & put it into the background"
    return Effect.fail(new CliFailure({ message }))
  }
  return Effect.provide(serve(options, load), telemetryLayer({ format: "pretty", level: levelOf(options) }))
}
