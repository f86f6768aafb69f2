/** `lunlog serve`: a target in the foreground, until Ctrl-C, SIGTERM or `spdk_kill_instance`. */
import { resolve } from "node:path"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { allowFlags, restrictionOf } from "./allowed-paths.ts"
import { listenerFlags, listenersOf } from "./listen/listeners.ts"
import { otlpEndpointFlag, telemetryLayer } from "./otlp/telemetry-layer.ts"
import { peerLimitFlags, peerLimitsOf } from "./peer-limits.ts"
import { planReactors } from "./reactor-flags.ts"
import { recorderFlags, recorderPlanOf } from "./recorder-flags.ts"
import type { MakeDataPlane } from "./run-server.ts"
import { methodSet, serverFlags, socketFlag } from "./server-flags.ts"
import { defaultStateDirectory } from "./state-directory.ts"

/** Loads the data plane only when a server is to run. */
export type LoadDataPlane = () => Promise<MakeDataPlane>

const flags = {
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("FILE"),
    Flag.withDescription(
      "Configuration: lunlog's YAML (docs/config.md: what it declares is made so), SPDK's JSON or iscsi.conf"
    ),
    Flag.optional
  ),
  watch: Flag.Boolean("watch").pipe(
    Flag.withDescription("Apply the configuration again whenever its file changes; SIGHUP does so in any case"),
    Flag.withDefault(false)
  ),
  strict: Flag.Boolean("strict").pipe(
    Flag.withDescription("SPDK's JSON, iscsi.conf: what does not concern a target is an error"),
    Flag.withDefault(false)
  ),
  ignoreErrors: Flag.Boolean("json-ignore-init-errors").pipe(
    Flag.withDescription("SPDK's JSON: calls that fail are reported, and the rest goes on"),
    Flag.withDefault(false)
  ),
  state: Flag.String("state").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(`State directory with the event log (default ${defaultStateDirectory()})`),
    Flag.withDefault(defaultStateDirectory())
  ),
  stateMode: Flag.Literals("state-mode", ["resume", "empty"]).pipe(
    Flag.withDescription(
      "resume: with all objects of the last run (default, except with --wait-for-rpc); " +
        "empty: without, keeping the history"
    ),
    Flag.optional
  ),
  socket: socketFlag,
  ...serverFlags,
  ...allowFlags,
  ...peerLimitFlags,
  ...recorderFlags,
  otlpEndpoint: otlpEndpointFlag,
  ...listenerFlags
}

/** The command; `load` brings in the server's code. */
export const serveCommand = (load: LoadDataPlane) =>
  Command.make(
    "serve",
    flags,
    Effect.fn(function* (input) {
      const { runServer } = yield* Effect.promise(() => import("./run-server.ts"))
      const { keepConfigured, readConfiguration, stateModeOf } = yield* Effect.promise(() => import("./configure.ts"))
      const { serverReady } = yield* Effect.promise(() => import("./ready.ts"))
      const makeDataPlane = yield* Effect.promise(load)
      const file = Option.getOrUndefined(input.config)
      const restriction = restrictionOf(input.allowPath, input.allowDevice)
      const configuration = file === undefined ? undefined : yield* readConfiguration(file, input, restriction)
      // Who waits for RPC means to create everything by RPC, as with SPDK, which starts empty.
      const otherwise = input.waitForRpc ? "empty" : "resume"
      const allowed = Option.getOrUndefined(input.rpcsAllowed)
      const settings = {
        stateDirectory: input.state,
        stateMode: yield* stateModeOf(configuration, Option.getOrUndefined(input.stateMode), otherwise),
        socketPath: input.socket,
        removalDeadlineMillis: input.removalDeadline,
        hotplugPollMillis: input.hotplugPoll,
        sysfsRoot: resolve(input.sysfsRoot),
        deviceRoot: resolve(input.deviceRoot),
        identityStyle: input.spdkIdentities ? "spdk" : "uuid",
        reactors: planReactors(input),
        waitForRpc: input.waitForRpc,
        acceptLogLoss: input.acceptLogLoss,
        restriction,
        peerLimits: peerLimitsOf(input),
        recorder: recorderPlanOf(input),
        memoryBytes: Option.getOrUndefined(input.memorySize),
        incidentBytes: input.incidentSpace,
        listeners: listenersOf(input),
        onReady: serverReady,
        ...(allowed === undefined ? {} : { rpcsAllowed: methodSet(allowed) }),
        ...(configuration === undefined ? {} : { configure: configuration.configure }),
        ...(configuration?.sources === undefined
          ? {}
          : { whileServing: keepConfigured(configuration, configuration.sources, input.watch) })
      } as const
      const endpoint = Option.getOrUndefined(input.otlpEndpoint)
      const telemetry = telemetryLayer({ format: input.logFormat, endpoint })
      yield* runServer(settings, makeDataPlane).pipe(Effect.provide(telemetry))
    })
  ).pipe(
    Command.withDescription(
      "Serve iSCSI until Ctrl-C or SIGTERM. Everything that is changed is recorded in the event log of --state."
    )
  )
