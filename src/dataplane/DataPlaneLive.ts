/**
 * The data plane: follows the durable state with portals, bdevs, targets and LUNs in a reactor, and reports what it
 * finds out. One fiber applies committed entries in order (`follow-state.ts`).
 *
 * Boot order: bdevs, units, targets; portals accept last, once every bdev is up or has failed, or after a while.
 */
import { Clock, Deferred, Effect, Exit, FiberMap, FiberSet, Layer } from "effect"
import { EventLog } from "../../eventlog/EventLog.ts"
import { ControlPlane } from "../domain/ControlPlane.ts"
import { DataPlane } from "../domain/DataPlane.ts"
import { nvmeBdevName } from "../domain/nvme/NvmeController.ts"
import { Secrets } from "../domain/Secrets.ts"
import { AuthGroups } from "./AuthGroups.ts"
import type { Report } from "./BdevEntry.ts"
import { Bdevs } from "./Bdevs.ts"
import { systemRoots } from "./bdev/BdevSpec.ts"
import { captureFrom } from "./capture-from.ts"
import type { DataPlaneSettings } from "./DataPlaneSettings.ts"
import { connectionInfo, lunDrains, reactorWarnings } from "./data-plane-status.ts"
import { findNvme } from "./find-nvme.ts"
import { followState, type Parts } from "./follow-state.ts"
import { NvmeWatch } from "./hotplug/NvmeWatch.ts"
import { Reattachment } from "./hotplug/Reattachment.ts"
import { watchPaths } from "./hotplug/watch-paths.ts"
import { requestedLogoutTimeoutMillis } from "./limits.ts"
import { MemoryBudget } from "./MemoryBudget.ts"
import { defaultMemoryBytes, limitWarning } from "./memory-limit.ts"
import { memoryWarnings } from "./memory-warnings.ts"
import { nodeOptions } from "./node-options.ts"
import { noticeLines } from "./notice-lines.ts"
import { OwnObservations } from "./OwnObservations.ts"
import { observeNotice } from "./observe-notice.ts"
import { PduRecords } from "./PduRecords.ts"
import { Portals } from "./Portals.ts"
import { Progress } from "./Progress.ts"
import { startReactors } from "./pool/start-reactors.ts"
import { connectReactor, type Notice, type ReactorClient } from "./ReactorClient.ts"
import { Reservations } from "./Reservations.ts"
import type { MemberReport, ReactorReport } from "./reactor/protocol.ts"
import { reportFact } from "./report-fact.ts"
import { statisticsSource } from "./statistics-source.ts"
import { Targets } from "./Targets.ts"

const defaultBootTimeoutMillis = 10_000

const nothingToReport: ReactorReport = {
  connections: [],
  drains: [],
  limits: [],
  sessionCount: 0,
  taskBufferBytes: 0,
  suppressedObservations: 0
}

const warningsOf = (
  parts: Parts,
  memory: MemoryBudget,
  reactors: ReadonlyArray<MemberReport>,
  crashed: string | undefined
): ReadonlyArray<string> => [
  ...(crashed === undefined ? [] : [`the data plane has failed: ${crashed}; restart the target`]),
  ...reactorWarnings(reactors),
  ...memoryWarnings(memory),
  ...parts.authGroups.warnings()
]

const serviceOf = (
  parts: Parts,
  progress: Progress,
  led: PduRecords,
  memory: MemoryBudget,
  failure: () => string | undefined
): DataPlane["Service"] => {
  const { bdevs, client, own, portals, targets } = parts
  const report = Effect.map(client.request({ _tag: "Query" }), (answer) =>
    answer._tag === "Report" ? answer.report : nothingToReport
  )
  return DataPlane.of({
    acquirePortals: (wanted) => portals.acquire(wanted),
    acquireBdev: (name, request) => bdevs.acquire(name, request),
    findNvmeController: (name, address) => findNvme(parts.roots, name, address),
    acquireNvme: (controller, address, namespaceIds) =>
      bdevs.acquireAll(
        namespaceIds.map((namespaceId) => ({
          name: nvmeBdevName(controller, namespaceId),
          bdev: { _tag: "Nvme", controller, address, namespaceId, readOnly: false }
        }))
      ),
    // The answer to a query comes after all commands before it, also from a worker.
    awaitApplied: (seq) => Effect.asVoid(Effect.andThen(progress.wait(seq), report)),
    connections: Effect.map(report, ({ connections, reactors = [] }) =>
      connections.map((one) => connectionInfo(one, reactors.find(({ index }) => index === one.reactor)?.thread?.core))
    ),
    requestLogout: (connections, limitMillis) =>
      Effect.sync(() => client.send({ _tag: "KickConnections", connections, limitMillis })),
    lunDrains: Effect.flatMap(report, ({ drains }) =>
      Effect.map(Clock.currentTimeMillis, (now) => lunDrains(drains, now))
    ),
    status: Effect.map(report, ({ connections, limits, reactors = [], sessionCount, ...counted }) => {
      return {
        portals: portals.status(),
        bdevs: [...bdevs.status(limits), ...parts.reattachment.status(parts.controlPlane.state())],
        sessionCount,
        connectionCount: connections.length,
        commandBufferBytes: counted.taskBufferBytes,
        memory: memory.report(),
        suppressedObservations: counted.suppressedObservations + own.suppressedCount,
        reactors,
        warnings: warningsOf(parts, memory, reactors, failure())
      }
    }),
    measureBdev: (name, incarnation) => bdevs.measure({ name, incarnation }),
    dumpBdev: (name, incarnation, file) => bdevs.dump({ name, incarnation }, file),
    loadBdev: (name, incarnation, file) => bdevs.load({ name, incarnation }, file),
    resetOverlay: (name, incarnation) => bdevs.resetOverlay({ name, incarnation }),
    injectBdevError: (name, incarnation, injection) => bdevs.inject({ name, incarnation }, injection),
    resumePendingBdevIo: (name, incarnation) => bdevs.resumePending({ name, incarnation }),
    statistics: statisticsSource(client, bdevs),
    capture: captureFrom(client, led),
    awaitLunGone: (target, lun, incarnation) => targets.awaitLunGone(target, lun, incarnation),
    awaitBdevGone: (name, incarnation) => bdevs.awaitClosed({ name, incarnation }),
    awaitTargetGone: (name, incarnation) => targets.awaitGone(name, incarnation),
    awaitPortalsClosed: (tag, incarnation) => portals.awaitClosed(tag, incarnation)
  })
}

/** They end with the scope. */
const partsOf = Effect.fnUntraced(function* (
  settings: DataPlaneSettings,
  client: ReactorClient,
  log: EventLog["Service"],
  controlPlane: ControlPlane["Service"],
  progress: Progress,
  led: PduRecords
) {
  const authGroups = new AuthGroups(client, yield* Secrets)
  const own = new OwnObservations(log, () => performance.now())
  yield* Effect.addFinalizer(() => Effect.sync(() => own.tellSuppressed()))
  const running = yield* FiberSet.make<void>()
  const report: Report = (fact, correlationId, source) =>
    Effect.asVoid(FiberSet.run(running, reportFact(controlPlane, fact, correlationId, { isReplayed: true, source })))
  const { deviceRoot: devices = systemRoots.devices, sysfsRoot: sysfs = systemRoots.sysfs } = settings
  const roots = { sysfs, devices }
  const paths = yield* watchPaths(settings)
  const { observe } = own
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const { identityStyle } = settings
  const opening = yield* FiberMap.make<string>()
  const bdevs = new Bdevs({ client, identityStyle, opening, report, observe, paths, roots, run })
  const waiting = yield* FiberMap.make<string>()
  const reattachment = new Reattachment({ paths, bdevs, controlPlane, report, observe, waiting })
  const nvme = yield* NvmeWatch.make({ paths, bdevs, controlPlane, observe, roots })
  const portals = new Portals(client, yield* FiberMap.make<string>(), own.observe)
  const { logoutLimitMillis = requestedLogoutTimeoutMillis, removalDeadlineMillis } = settings
  const targets = new Targets({ client, bdevs, controlPlane, running, removalDeadlineMillis, logoutLimitMillis })
  const reservations = new Reservations({ client, bdevs, controlPlane, running, progress, led })
  const following = { reattachment, nvme, paths, bdevs, portals, targets, reservations, authGroups }
  const all = { ...following, client, controlPlane, log, own, roots }
  const parts: Parts = { ...all, accepting: false }
  return parts
})

const make = Effect.fnUntraced(function* (settings: DataPlaneSettings) {
  const log = yield* EventLog
  const controlPlane = yield* ControlPlane
  const startedAt = log.durable().controlSeq
  const { committed, state } = yield* controlPlane.changes
  let crashed: string | undefined
  const { allowedPaths, memoryBytes = defaultMemoryBytes(), peerLimits, recorder, sysfsRoot } = settings
  const memory = MemoryBudget.sized(memoryBytes)
  const surroundings = { allowedPaths, peerLimits, recorder, sysfsRoot, memory: memory.shared }
  const print = Effect.runForkWith(yield* Effect.context<never>())
  const warn = (warning: string): void => void print(Effect.logWarning(warning))
  const tooMuch = limitWarning(memoryBytes)
  if (tooMuch !== undefined) yield* Effect.logWarning(tooMuch)
  const port = startReactors(settings, nodeOptions(state), surroundings, warn)
  const line = noticeLines(() => performance.now())
  const clock = yield* Clock.Clock
  const progress = new Progress()
  const led = new PduRecords()
  const notice = (notice: Notice): void => {
    if (notice._tag === "Crashed") crashed = notice.detail
    const seq = observeNotice(log, notice, clock.currentTimeMillisUnsafe())
    if (notice._tag !== "Crashed") led.note(notice.pdu, seq)
    print(line(notice))
  }
  // Nobody asks before a portal accepts.
  const client = yield* connectReactor(port, {
    notice,
    reservationsAsked: (asked) => print(parts.reservations.asked(asked)),
    bdevTold: ({ bdev, news }) => print(parts.bdevs.told(bdev, news))
  })
  const parts: Parts = yield* partsOf(settings, client, log, controlPlane, progress, led)
  const accept = Effect.sync(() => {
    parts.accepting = true
    parts.portals.acceptAll()
  })
  const bootTimeout = settings.bootTimeoutMillis ?? defaultBootTimeoutMillis
  const booted = yield* Deferred.make<void>()
  const follow = followState(parts, state, committed, progress, {
    startedAt,
    booted: Deferred.succeed(booted, undefined)
  }).pipe(
    Effect.onExit((exit) => {
      if (!Exit.hasDies(exit)) return Effect.void
      crashed = "it no longer follows the state"
      return Effect.logFatal("the data plane no longer follows the state; restart the target", exit)
    })
  )
  yield* Effect.forkScoped(follow, { startImmediately: true })
  // Threads that are being started come first: what is slow then is not a disk.
  const settled = Effect.andThen(
    client.request({ _tag: "Query" }),
    Effect.timeoutOption(Deferred.await(booted), bootTimeout)
  )
  yield* Effect.forkScoped(Effect.andThen(settled, Effect.andThen(settings.acceptWhen, accept)))
  return serviceOf(parts, progress, led, memory, () => crashed)
})

/** The data plane over a reactor. Its scope's end shuts the reactor down in order. */
export const dataPlaneLayer = (
  settings: DataPlaneSettings
): Layer.Layer<DataPlane, never, ControlPlane | EventLog | Secrets> => Layer.effect(DataPlane, make(settings))
