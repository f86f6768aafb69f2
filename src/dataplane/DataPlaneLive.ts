/**
 * The data plane: follows the durable state with portals, bdevs, targets and LUNs in a reactor, and reports what it
 * finds out. One fiber applies committed entries in order; nothing in its loop waits for a drain or a dispatch.
 *
 * Boot order: bdevs, units, targets; portals accept last, once every bdev is up or has failed, or after a while.
 */
import { Clock, Deferred, Effect, Exit, FiberMap, FiberSet, Layer, Queue } from "effect"
import { EventLog } from "../../eventlog/EventLog.ts"
import type { Bdev } from "../domain/bdev/Bdev.ts"
import { type Committed, ControlPlane } from "../domain/ControlPlane.ts"
import { DataPlane } from "../domain/DataPlane.ts"
import type { Event } from "../domain/Event.ts"
import { Secrets } from "../domain/Secrets.ts"
import {
  bdevsOf,
  findBdev,
  findLun,
  findPortalGroup,
  findTarget,
  initiatorGroupsOf,
  lunsOf,
  portalGroupsOf,
  type State,
  targetsOf
} from "../domain/State.ts"
import { AuthGroups } from "./AuthGroups.ts"
import { putInitiatorGroup, putPortalGroup } from "./access-views.ts"
import { Bdevs, type Report } from "./Bdevs.ts"
import { connectionInfo, lunDrains } from "./data-plane-status.ts"
import { requestedLogoutTimeoutMillis } from "./limits.ts"
import { nodeOptions } from "./node-options.ts"
import { noticeLines } from "./notice-lines.ts"
import { OwnObservations } from "./OwnObservations.ts"
import { observeNotice } from "./observe-notice.ts"
import { Portals } from "./Portals.ts"
import { Progress } from "./Progress.ts"
import { connectReactor, type Notice, type ReactorClient } from "./ReactorClient.ts"
import { Reservations } from "./Reservations.ts"
import { mainThreadReactor } from "./reactor/main-thread-reactor.ts"
import type { ReactorReport } from "./reactor/protocol.ts"
import { workerReactor } from "./reactor/worker-reactor.ts"
import { reportFact } from "./report-fact.ts"
import type { IdentityStyle } from "./scsi/unit-identity.ts"
import { statisticsSource } from "./statistics-source.ts"
import { type Begun, Targets } from "./Targets.ts"

/** How the data plane is run. */
export interface DataPlaneSettings {
  /** Where the reactor runs. */
  readonly reactor: "main" | "worker"
  readonly identityStyle: IdentityStyle
  /** From the start of a removal until what is left is aborted. */
  readonly removalDeadlineMillis: number
  /** How long portals wait for bdevs at boot; 10 s if absent. */
  readonly bootTimeoutMillis?: number
  /** What sessions that a user asks to log out have for it; 30 s if absent. */
  readonly logoutLimitMillis?: number
  /** Portals accept when this resolves. */
  readonly acceptWhen: Effect.Effect<void>
}

const defaultBootTimeoutMillis = 10_000

/** The parts that follow the state. */
interface Parts {
  readonly client: ReactorClient
  readonly bdevs: Bdevs
  readonly portals: Portals
  readonly targets: Targets
  readonly reservations: Reservations
  readonly authGroups: AuthGroups
  readonly controlPlane: ControlPlane["Service"]
  readonly log: EventLog["Service"]
  readonly own: OwnObservations
  /** Whether portals may accept; before that they only listen. */
  accepting: boolean
}

const setLogOptions = ({ client, log }: Parts, { logOptions }: State): void => {
  const { observationsMax, observationsMaxAgeMillis, slowIoMillis } = logOptions
  client.send({ _tag: "WatchSlowIo", millis: slowIoMillis === 0 ? undefined : slowIoMillis })
  log.setRetention({ observationsMax, observationsMaxAgeMillis })
}

const addBdev = (parts: Parts, state: State, name: string, lease: Committed["lease"]): Effect.Effect<void> => {
  const bdev = findBdev(state, name)
  if (bdev === undefined) return Effect.void
  return parts.bdevs.add(bdev, lease, () => {
    const now = parts.controlPlane.state()
    parts.reservations.bdevUp(now, name)
    parts.targets.bdevUp(now, name)
  })
}

/** Brings up all that the state has when the data plane starts. */
const boot = (parts: Parts, state: State): Effect.Effect<void> =>
  Effect.gen(function* () {
    parts.client.send({ _tag: "SetOptions", options: nodeOptions(state) })
    setLogOptions(parts, state)
    yield* parts.authGroups.putAll(state)
    for (const group of initiatorGroupsOf(state)) putInitiatorGroup(parts.client, state, group.tag)
    for (const group of portalGroupsOf(state)) putPortalGroup(parts.client, state, group.tag)
    const isStacked = ({ spec }: Bdev) => "base" in spec
    const add = ({ name }: Bdev) => addBdev(parts, state, name, undefined)
    // Side by side: of several files that hang, none waits for another.
    yield* Effect.forEach(
      bdevsOf(state).filter((bdev) => !isStacked(bdev)),
      add,
      { concurrency: "unbounded" }
    )
    for (const bdev of bdevsOf(state).filter(isStacked)) yield* add(bdev)
    for (const target of targetsOf(state)) {
      parts.targets.put(state, target.name)
      for (const mapping of lunsOf(target)) parts.targets.addLun(target.name, mapping)
    }
    for (const group of portalGroupsOf(state)) yield* parts.portals.add(group, undefined, false)
  })

/** How long the device of one bdev may take to close, in milliseconds. */
const closeWithinMillis = 1_000

/**
 * The record says that the source's process ended here and another one began. A watcher sees what initiators have seen:
 * connections are cut, nothing is drained, memory is empty, faults that were armed are gone. What the state has now is
 * brought up as at a start.
 */
const restart = (parts: Parts, before: State, after: State, seq: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { bdevs, client, portals, targets } = parts
    client.send({ _tag: "CutConnections", reason: "the process of the target has ended here in the record" })
    for (const { incarnation, tag } of portalGroupsOf(before)) {
      client.send({ _tag: "DeletePortalGroup", tag })
      yield* portals.remove(tag, incarnation, seq)
    }
    for (const target of targetsOf(before)) targets.drop(target)
    // What is stacked goes before what it is stacked on.
    for (const { incarnation, name, spec } of bdevsOf(before).toReversed()) {
      // What a fault holds would keep its connection for ever.
      if (spec._tag === "Error") yield* Effect.ignore(bdevs.resumePending({ name, incarnation }))
      yield* bdevs.remove({ name, incarnation }, seq)
      yield* Effect.timeoutOption(bdevs.awaitClosed({ name, incarnation }), closeWithinMillis)
    }
    for (const { tag } of initiatorGroupsOf(before)) client.send({ _tag: "DeleteInitiatorGroup", tag })
    yield* boot(parts, after)
    if (parts.accepting) portals.acceptAll()
  })

const applyGroupEvent = (
  parts: Parts,
  event: Event,
  { lease, state }: Committed,
  seq: number
): Effect.Effect<void> | undefined => {
  const { client, portals } = parts
  switch (event._tag) {
    case "PortalGroupCreated": {
      const group = findPortalGroup(state, event.tag)
      putPortalGroup(client, state, event.tag)
      return group === undefined ? Effect.void : portals.add(group, lease, parts.accepting)
    }
    case "PortalGroupStarted": {
      const group = findPortalGroup(state, event.tag)
      return group === undefined ? Effect.void : Effect.sync(() => portals.start(group))
    }
    case "PortalGroupAuthSet":
      return Effect.sync(() => putPortalGroup(client, state, event.tag))
    case "PortalGroupDeleted":
      client.send({ _tag: "DeletePortalGroup", tag: event.tag })
      return portals.remove(event.tag, event.incarnation, seq)
    case "InitiatorGroupCreated":
    case "InitiatorGroupMembersAdded":
    case "InitiatorGroupMembersRemoved":
      return Effect.sync(() => putInitiatorGroup(client, state, event.tag))
    case "InitiatorGroupDeleted":
      return Effect.sync(() => client.send({ _tag: "DeleteInitiatorGroup", tag: event.tag }))
    case "LogOptionsSet":
      return Effect.sync(() => setLogOptions(parts, state))
    case "IscsiOptionsSet":
    case "DiscoveryAuthSet":
      return Effect.sync(() => client.send({ _tag: "SetOptions", options: nodeOptions(state) }))
    default:
      return parts.authGroups.apply(event, state)
  }
}

const applyTargetEvent = (parts: Parts, event: Event, { state }: Committed, begun: Begun): Effect.Effect<void> => {
  const { targets } = parts
  switch (event._tag) {
    case "TargetNodeCreated":
      return Effect.sync(() => targets.put(state, event.name))
    case "TargetNodeMapsAdded":
    case "TargetNodeMapsRemoved":
    case "TargetNodeMapAccessSet":
    case "TargetNodeAuthSet":
    case "TargetNodeHistogramSet":
    case "TargetNodeRedirectSet":
    case "TargetNodeRedirectCleared":
      return Effect.sync(() => targets.put(state, event.target))
    case "TargetNodeLogoutRequested":
      return Effect.sync(() => targets.requestLogout(event, begun.seq))
    case "LunAdded": {
      const target = findTarget(state, event.target)
      const mapping = target === undefined ? undefined : findLun(target, event.lun)
      return mapping === undefined ? Effect.void : Effect.sync(() => targets.addLun(event.target, mapping))
    }
    case "LunRemovalStarted":
      return targets.drainLun({ target: event.target, lun: event.lun, incarnation: event.incarnation }, begun)
    case "LunRemoved":
      return Effect.sync(() => targets.removeLun(event))
    case "TargetNodeDeletionStarted":
      targets.put(state, event.target)
      return targets.closeSessions(event.target, event.incarnation, begun)
    case "TargetNodeDeleted":
      return Effect.sync(() => targets.remove(event.target, event.incarnation))
    default:
      return Effect.void
  }
}

const applyBdevEvent = (
  parts: Parts,
  event: Event,
  { lease, state }: Committed,
  seq: number
): Effect.Effect<void> | undefined => {
  switch (event._tag) {
    case "BdevCreated":
      return addBdev(parts, state, event.name, lease)
    case "BdevRemoved":
      return parts.bdevs.remove(event, seq)
    case "BdevResized":
    case "BdevLatenciesSet":
    case "BdevHistogramSet":
    case "BdevQosSet": {
      const bdev = findBdev(state, event.name)
      return bdev === undefined ? Effect.void : Effect.sync(() => parts.bdevs.change(bdev))
    }
    default:
      return undefined
  }
}

const apply = (parts: Parts, before: State, committed: Committed): Effect.Effect<void> =>
  Effect.forEach(
    committed.events,
    (event, index) => {
      const { cause, seq } = committed.records[index] ?? { cause: undefined, seq: 0 }
      // The own start was before there was a data plane: this one is of the source that is replayed.
      if (event._tag === "EpochStarted") return restart(parts, before, committed.state, seq)
      const begun = { seq, isReplayed: cause?.source === "replay" }
      const applied = applyBdevEvent(parts, event, committed, seq) ?? applyGroupEvent(parts, event, committed, seq)
      return applied ?? applyTargetEvent(parts, event, committed, begun)
    },
    { discard: true }
  )

const nothingToReport: ReactorReport = {
  connections: [],
  drains: [],
  limits: [],
  sessionCount: 0,
  taskBufferBytes: 0,
  suppressedObservations: 0
}

const serviceOf = (parts: Parts, progress: Progress, failure: () => string | undefined): DataPlane["Service"] => {
  const { bdevs, client, own, portals, targets } = parts
  const report = Effect.map(client.request({ _tag: "Query" }), (answer) =>
    answer._tag === "Report" ? answer.report : nothingToReport
  )
  return DataPlane.of({
    acquirePortals: (wanted) => portals.acquire(wanted),
    acquireBdev: (name, request) => bdevs.acquire(name, request),
    // The answer to a query comes after all commands before it, also from a worker.
    awaitApplied: (seq) => Effect.asVoid(Effect.andThen(progress.wait(seq), report)),
    connections: Effect.map(report, ({ connections }) => connections.map(connectionInfo)),
    requestLogout: (connections, limitMillis) =>
      Effect.sync(() => client.send({ _tag: "KickConnections", connections, limitMillis })),
    lunDrains: Effect.flatMap(report, ({ drains }) =>
      Effect.map(Clock.currentTimeMillis, (now) => lunDrains(drains, now))
    ),
    status: Effect.map(report, ({ connections, limits, sessionCount, suppressedObservations }) => {
      const crashed = failure()
      return {
        portals: portals.status(),
        bdevs: bdevs.status(limits),
        sessionCount,
        connectionCount: connections.length,
        suppressedObservations: suppressedObservations + own.suppressedCount,
        warnings: [
          ...(crashed === undefined ? [] : [`the data plane has failed: ${crashed}; restart the target`]),
          ...parts.authGroups.warnings()
        ]
      }
    }),
    measureBdev: (name, incarnation) => bdevs.measure({ name, incarnation }),
    dumpBdev: (name, incarnation, file) => bdevs.dump({ name, incarnation }, file),
    loadBdev: (name, incarnation, file) => bdevs.load({ name, incarnation }, file),
    injectBdevError: (name, incarnation, injection) => bdevs.inject({ name, incarnation }, injection),
    resumePendingBdevIo: (name, incarnation) => bdevs.resumePending({ name, incarnation }),
    statistics: statisticsSource(client, bdevs),
    awaitLunGone: (target, lun, incarnation) => targets.awaitLunGone(target, lun, incarnation),
    awaitBdevGone: (name, incarnation) => bdevs.awaitClosed({ name, incarnation }),
    awaitTargetGone: (name, incarnation) => targets.awaitGone(name, incarnation),
    awaitPortalsClosed: (tag, incarnation) => portals.awaitClosed(tag, incarnation)
  })
}

/** Brings up `state`, then applies each entry in order, for ever. */
const followState = (
  parts: Parts,
  state: State,
  committed: Queue.Dequeue<Committed>,
  progress: Progress,
  start: { readonly startedAt: number; readonly booted: Effect.Effect<unknown> }
): Effect.Effect<never> =>
  Effect.gen(function* () {
    yield* boot(parts, state)
    progress.reach(start.startedAt)
    yield* start.booted
    let before = state
    for (;;) {
      const entry = yield* Queue.take(committed)
      yield* apply(parts, before, entry)
      parts.reservations.apply(before, entry)
      before = entry.state
      progress.reach(entry.records.at(-1)?.seq ?? 0)
    }
  })

/** They end with the scope. */
const partsOf = Effect.fnUntraced(function* (
  settings: DataPlaneSettings,
  client: ReactorClient,
  log: EventLog["Service"],
  controlPlane: ControlPlane["Service"],
  progress: Progress
) {
  const authGroups = new AuthGroups(client, yield* Secrets)
  const own = new OwnObservations(log, () => performance.now())
  yield* Effect.addFinalizer(() => Effect.sync(() => own.tellSuppressed()))
  const running = yield* FiberSet.make<void>()
  const report: Report = (fact, correlationId) =>
    Effect.asVoid(FiberSet.run(running, reportFact(controlPlane, fact, correlationId, true)))
  const bdevs = new Bdevs(client, settings.identityStyle, yield* FiberMap.make<string>(), report, own.observe)
  const portals = new Portals(client, yield* FiberMap.make<string>(), own.observe)
  const { logoutLimitMillis = requestedLogoutTimeoutMillis, removalDeadlineMillis } = settings
  const targets = new Targets({ client, bdevs, controlPlane, running, removalDeadlineMillis, logoutLimitMillis })
  const reservations = new Reservations({ client, bdevs, controlPlane, running, progress })
  const all = { client, bdevs, portals, targets, reservations, authGroups, controlPlane, log, own }
  const parts: Parts = { ...all, accepting: false }
  return parts
})

const make = Effect.fnUntraced(function* (settings: DataPlaneSettings) {
  const log = yield* EventLog
  const controlPlane = yield* ControlPlane
  const startedAt = log.durable().controlSeq
  const { committed, state } = yield* controlPlane.changes
  let crashed: string | undefined
  const port = settings.reactor === "worker" ? workerReactor(nodeOptions(state)) : mainThreadReactor(nodeOptions(state))
  const print = Effect.runForkWith(yield* Effect.context<never>())
  const line = noticeLines(() => performance.now())
  const clock = yield* Clock.Clock
  const progress = new Progress()
  const notice = (notice: Notice): void => {
    if (notice._tag === "Crashed") crashed = notice.detail
    observeNotice(log, notice, clock.currentTimeMillisUnsafe())
    print(line(notice))
  }
  // Nobody asks before a portal accepts.
  const client = yield* connectReactor(port, notice, (asked) => print(parts.reservations.asked(asked)))
  const parts: Parts = yield* partsOf(settings, client, log, controlPlane, progress)
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
  const settled = Effect.timeoutOption(Deferred.await(booted), bootTimeout)
  yield* Effect.forkScoped(Effect.andThen(settled, Effect.andThen(settings.acceptWhen, accept)))
  return serviceOf(parts, progress, () => crashed)
})

/** The data plane over a reactor. Its scope's end shuts the reactor down in order. */
export const dataPlaneLayer = (
  settings: DataPlaneSettings
): Layer.Layer<DataPlane, never, ControlPlane | EventLog | Secrets> => Layer.effect(DataPlane, make(settings))
