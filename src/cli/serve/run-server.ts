/**
 * A server from its start to its orderly end: event log, control plane, a new epoch, data plane, control socket, then
 * what the configuration file asks for, and only then initiators. Everything lives in one scope, so that the end is
 * the start backwards: no new requests, sessions closed, a last snapshot, the log's directory free.
 */
import { resolve } from "node:path"
import { Cause, Clock, Deferred, Effect, Layer, type Scope } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../../eventlog/LevelEventLog.ts"
import { LogArchive } from "../../../eventlog/LogArchive.ts"
import { ConfigApplier } from "../../config/plan/ConfigApplier.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import type { EpochMode } from "../../domain/Epoch.ts"
import { Secrets } from "../../domain/Secrets.ts"
import { portalGroupsOf } from "../../domain/State.ts"
import { recordTagging } from "../../history/record-tags.ts"
import { Replayer } from "../../history/replay/Replayer.ts"
import type { AllowedPaths, PathRestriction } from "../../host/AllowedPaths.ts"
import { InitializationFailed, Instance } from "../../rpc/Instance.ts"
import { incidentKeeper } from "../../rpc/incident/IncidentKeeper.ts"
import { incidentDirectoryOf } from "../../rpc/incident/IncidentStore.ts"
import { loadAuthFile } from "../../rpc/load-auth-file.ts"
import { allMethods, type RpcServices } from "../../rpc/methods/all-methods.ts"
import { MetricsHistory } from "../../rpc/metrics/MetricsHistory.ts"
import { Notifications } from "../../rpc/Notifications.ts"
import { RpcRouter } from "../../rpc/RpcRouter.ts"
import { RpcServer } from "../../rpc/RpcServer.ts"
import { acquireSocketLock } from "../../rpc/SocketLock.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { replaySurroundings } from "../replay/replay-surroundings.ts"
import { version } from "../version.ts"
import { allowedPathsOf } from "./allowed-paths.ts"
import { giveBackMemory } from "./give-back-memory.ts"
import type { HotplugPoll } from "./hotplug-poll.ts"
import { incidentBounds } from "./incident-space.ts"
import type { Listeners } from "./listen/listeners.ts"
import { serveListeners } from "./listen/serve-listeners.ts"
import { connectionsWithin, openFilesMax } from "./open-files.ts"
import { beginStart, type StartTrace } from "./otlp/start-trace.ts"
import type { PeerLimitSettings } from "./peer-limits.ts"
import { observeEnd, observeStart, previousEndIn } from "./process-observations.ts"
import type { ReactorPlan } from "./reactor-flags.ts"
import type { RecorderPlan } from "./recorder-flags.ts"
import { secretsOf } from "./secret-key.ts"
import { instanceIdOf, logDirectoryOf, prepareStateDirectory } from "./state-directory.ts"

/** What the data plane is made with. */
export interface DataPlaneSettings extends ReactorPlan {
  readonly identityStyle: "uuid" | "spdk"
  readonly removalDeadlineMillis: number
  readonly allowedPaths: AllowedPaths
  readonly peerLimits: Partial<PeerLimitSettings>
  readonly recorder?: RecorderPlan
  /** Of disks, sessions and commands; the machine's, less what the rest needs, if absent. */
  readonly memoryBytes: number | undefined
  readonly hotplugPollMillis?: HotplugPoll
  readonly sysfsRoot?: string
  readonly deviceRoot?: string
  /** Portals accept after it. */
  readonly acceptWhen: Effect.Effect<void>
}

const devicesOf = ({ deviceRoot, hotplugPollMillis, sysfsRoot }: ServerSettings) => ({
  ...(hotplugPollMillis === undefined ? {} : { hotplugPollMillis }),
  ...(deviceRoot === undefined ? {} : { deviceRoot }),
  ...(sysfsRoot === undefined ? {} : { sysfsRoot })
})

/** Given by the composition root, because the command line imports nothing of the data plane. */
export type MakeDataPlane = (
  settings: DataPlaneSettings
) => Layer.Layer<DataPlane, never, ControlPlane | EventLog | Secrets>

/** A server as its command line says. */
export interface ServerSettings {
  readonly stateDirectory: string
  readonly stateMode: EpochMode
  /** Undefined: no control socket (`--no-rpc-server`). */
  readonly socketPath: string | undefined
  readonly removalDeadlineMillis: number
  readonly identityStyle: "uuid" | "spdk"
  /** Looked at before anything is done; one reactor in the main thread if absent. */
  readonly reactors?: Effect.Effect<ReactorPlan, CliFailure>
  /** How often devices are looked at; the data plane's default if absent. */
  readonly hotplugPollMillis?: HotplugPoll
  /** Where the kernel shows devices, and where their nodes are; `/sys` and `/dev` if absent. */
  readonly sysfsRoot?: string
  readonly deviceRoot?: string
  /** Stay in STARTUP until `framework_start_init`. */
  readonly waitForRpc: boolean
  readonly rpcsAllowed?: ReadonlySet<string>
  /** What is served over HTTP; files for it are read and made once the state directory is there. */
  readonly listeners?: Effect.Effect<Listeners, CliFailure>
  readonly acceptLogLoss: boolean
  /** Undefined: every path that the user may open. */
  readonly restriction?: PathRestriction | undefined
  readonly peerLimits?: PeerLimitSettings
  /** What is recorded of connections; the data plane's default if absent. */
  readonly recorder?: RecorderPlan
  /** What the data plane may take; its default if absent. */
  readonly memoryBytes?: number | undefined
  /** Room for what is kept of incidents; the default if absent. */
  readonly incidentBytes?: number
  /** Makes state and data plane what the configuration file says; runs once, before initiators are let in. */
  readonly configure?: Effect.Effect<void, CliFailure, RpcServices>
  /** Goes on beside it, from the start to the end. */
  readonly whileServing?: Effect.Effect<void, never, RpcServices>
  /** When initiators are let in. */
  readonly onReady: Effect.Effect<void, never, ControlPlane | DataPlane | Instance>
}

/** All that methods need, but what is made of them. */
type HostServices = Exclude<RpcServices, Instance>

/** Until portals listen or have failed to; a bdev that hangs may hold them up for the data plane's 10 s. */
const portalsWithinMillis = 15_000
const portalsPollMillis = 10
/** What a removal has beyond its deadline to be reported in; with the default deadline below the 60 s of rpc.py. */
const removalMarginMillis = 10_000

const startEpoch = (settings: ServerSettings) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const before = controlPlane.state().epoch
    const instanceId = yield* instanceIdOf(settings.stateDirectory, before?.instanceId)
    const command = { _tag: "StartEpoch" as const, mode: settings.stateMode, instanceId, version }
    yield* Effect.mapError(controlPlane.dispatch(command, { source: "boot", actor: "local" }), failureOf)
    return controlPlane.state().epoch?.startedAt ?? 0
  })

/** Succeeds when every portal listens, or has failed to, or waits because its group says so. */
const portalsSettled = Effect.gen(function* () {
  const dataPlane = yield* DataPlane
  const controlPlane = yield* ControlPlane
  const isSettled = Effect.map(dataPlane.status, ({ portals }) =>
    portalGroupsOf(controlPlane.state()).every((group) => {
      const own = portals.filter(({ state, tag }) => tag === group.tag && (group.wait || state !== "waiting"))
      return own.length >= group.portals.length
    })
  )
  const poll = Effect.gen(function* () {
    while (!(yield* isSettled)) yield* Effect.sleep(portalsPollMillis)
  })
  yield* Effect.timeoutOption(poll, portalsWithinMillis)
})

const announceStart = (settings: ServerSettings) =>
  Effect.gen(function* () {
    const { epoch } = (yield* ControlPlane).state()
    const where = settings.socketPath === undefined ? "no RPC socket" : `RPC on ${settings.socketPath}`
    yield* Effect.logInfo(
      `lunlog ${version}, process ${process.pid}: state in ${settings.stateDirectory} ` +
        `(${settings.stateMode}, epoch ${epoch?.number ?? 0}), ${where}`
    )
  })

/** A misspelt name would only show as a method that is missing. */
const tellUnknownMethods = (allowed: ReadonlySet<string>): Effect.Effect<void> => {
  const known = new Set(allMethods.flatMap(({ aliases, name }) => [name, ...aliases]))
  const unknown = [...allowed].filter((name) => !known.has(name))
  return unknown.length === 0
    ? Effect.void
    : Effect.logWarning(`--rpcs-allowed names methods that do not exist: ${unknown.join(", ")}`)
}

/** The control socket with all methods, and what is served over HTTP, until the scope closes. */
const serveRpc = (settings: ServerSettings, listeners: Listeners, instance: Instance["Service"]) =>
  Effect.gen(function* () {
    const allowed = settings.rpcsAllowed === undefined ? {} : { allowed: settings.rpcsAllowed }
    if (settings.rpcsAllowed !== undefined) yield* tellUnknownMethods(settings.rpcsAllowed)
    yield* Effect.provideService(serveListeners(listeners, allowed), Instance, instance)
    if (settings.socketPath === undefined) return
    const router = RpcRouter.layer(allMethods, allowed)
    const server = RpcServer.layer({ socketPath: settings.socketPath, lockHeld: true }).pipe(
      Layer.provide(router),
      Layer.provide(Layer.succeed(Instance, instance))
    )
    yield* Effect.mapError(Layer.build(server), failureOf)
  })

/** Configuration, then initiators. */
const bringUp = (settings: ServerSettings, accept: Deferred.Deferred<void>) =>
  Effect.gen(function* () {
    yield* settings.configure ?? Effect.void
    yield* loadAuthFile
    yield* Deferred.succeed(accept, undefined)
    yield* portalsSettled
    yield* settings.onReady
  }).pipe(Effect.mapError((error) => new InitializationFailed({ detail: error.message })))

/** Runs until it is asked to end; what it was made of is gone when this returns. */
const serve = (
  settings: ServerSettings,
  listeners: Listeners,
  allowedPaths: AllowedPaths,
  accept: Deferred.Deferred<void>,
  start: StartTrace
): Effect.Effect<string, CliFailure, HostServices | Scope.Scope> =>
  Effect.gen(function* () {
    const stop = yield* Deferred.make<string>()
    let failure: InitializationFailed | undefined
    const services = yield* Effect.context<HostServices>()
    const { epoch } = (yield* ControlPlane).state()
    const instance: Instance["Service"] = yield* Instance.make(
      {
        instanceId: epoch?.instanceId ?? "",
        stateDirectory: resolve(settings.stateDirectory),
        allowedPaths,
        version,
        startedAt: yield* Clock.currentTimeMillis,
        removalDeadlineMillis: settings.removalDeadlineMillis,
        removalMarginMillis
      },
      {
        // The configuration's methods ask for the instance that this is a part of.
        bringUp: Effect.suspend(() => Effect.provideService(bringUp(settings, accept), Instance, instance)).pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              failure = error
            })
          ),
          start.last("bring up"),
          Effect.provideContext(services)
        ),
        shutdown: (reason) => Effect.asVoid(Deferred.succeed(stop, reason))
      }
    )
    yield* announceStart(settings)
    yield* serveRpc(settings, listeners, instance)
    const beside = Effect.provideService(settings.whileServing ?? Effect.void, Instance, instance)
    yield* Effect.forkScoped(beside, { startImmediately: true })
    yield* Effect.forkScoped(giveBackMemory)
    if (settings.waitForRpc) yield* Effect.logInfo("waiting in STARTUP for framework_start_init")
    else yield* Effect.mapError(instance.initialize, ({ detail }) => new CliFailure({ message: detail }))
    const reason = yield* Deferred.await(stop)
    if (failure !== undefined) return yield* new CliFailure({ message: failure.detail })
    yield* Effect.logInfo(`ending: ${reason}`)
    return reason
  })

const incidentsOf = ({ incidentBytes, stateDirectory }: ServerSettings, from: number) =>
  incidentKeeper({
    directory: incidentDirectoryOf(stateDirectory),
    version,
    from,
    bounds: incidentBounds(incidentBytes)
  })

/** Serves until asked to end by signal (interruption) or RPC. Fails with one message when it cannot. */
export const runServer = (settings: ServerSettings, makeDataPlane: MakeDataPlane): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const start = yield* beginStart
    yield* prepareStateDirectory(settings.stateDirectory)
    // Before the log: a start that is refused must not begin an epoch, and least of all an empty one.
    const connections = yield* connectionsWithin(settings.peerLimits?.connections, openFilesMax())
    const listeners = yield* settings.listeners ?? Effect.succeed({})
    const reactors = yield* settings.reactors ?? Effect.succeed({ reactor: "main", workers: 0 } as const)
    const allowedPaths = yield* allowedPathsOf(settings.stateDirectory, settings.restriction)
    if (settings.socketPath !== undefined) yield* Effect.mapError(acquireSocketLock(settings.socketPath), failureOf)
    const directory = logDirectoryOf(settings.stateDirectory)
    const options = { directory, acceptLoss: settings.acceptLogLoss, tagging: recordTagging }
    const log = yield* LevelEventLog.make(options).pipe(start.making("open log"), Effect.mapError(failureOf))
    let reason: string | undefined
    yield* observeEnd(log, () => reason)
    const logLayer = Layer.merge(Layer.succeed(EventLog, log), Layer.succeed(LogArchive, log))
    const controlLayer = Layer.provideMerge(ControlPlane.layer, logLayer)
    const control = yield* Layer.build(controlLayer).pipe(start.making("read state"), Effect.mapError(failureOf))
    const previousEnd = yield* previousEndIn(log)
    const epochSeq = yield* Effect.provideContext(startEpoch(settings), control).pipe(start.phase("begin epoch"))
    const { stateDirectory, stateMode } = settings
    observeStart(log, { stateDirectory, stateMode, epochSeq, previousEnd })
    const accept = yield* Deferred.make<void>()
    const { identityStyle, removalDeadlineMillis } = settings
    const dataPlane = makeDataPlane({
      identityStyle,
      ...reactors,
      removalDeadlineMillis,
      allowedPaths,
      peerLimits: { ...settings.peerLimits, connections },
      memoryBytes: settings.memoryBytes,
      ...(settings.recorder === undefined ? {} : { recorder: settings.recorder }),
      ...devicesOf(settings),
      acceptWhen: Deferred.await(accept)
    })
    const secrets = Layer.succeed(Secrets, yield* secretsOf(settings.stateDirectory))
    const planes = Layer.provideMerge(MetricsHistory.layer, Layer.provideMerge(dataPlane, secrets))
    const host = Layer.merge(planes, Notifications.layer)
    const below = Layer.provideMerge(
      Replayer.layer(replaySurroundings(settings.stateDirectory)),
      Layer.provideMerge(host, Layer.succeedContext(control))
    )
    const all = Layer.merge(ConfigApplier.layer, incidentsOf(settings, epochSeq))
    const services = yield* Layer.build(Layer.provideMerge(all, below)).pipe(start.making("start data plane"))
    reason = yield* Effect.provideContext(serve(settings, listeners, allowedPaths, accept, start), services)
  }).pipe(
    Effect.scoped,
    Effect.onExit((exit) =>
      exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause) ? Effect.logInfo("ended in order") : Effect.void
    )
  )
