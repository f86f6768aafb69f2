/**
 * How the parts of the data plane follow the durable state: what there is at the start is brought up, then committed
 * entries are applied in order. Nothing here waits for a drain or a dispatch.
 */
import { Effect, Queue } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import type { Bdev } from "../domain/bdev/Bdev.ts"
import type { Committed, ControlPlane } from "../domain/ControlPlane.ts"
import type { Event } from "../domain/Event.ts"
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
import { traced } from "../domain/tracing.ts"
import type { AuthGroups } from "./AuthGroups.ts"
import { putInitiatorGroup, putPortalGroup } from "./access-views.ts"
import type { Bdevs } from "./Bdevs.ts"
import type { SystemRoots } from "./bdev/BdevSpec.ts"
import { exportersOf } from "./exporters.ts"
import type { NvmeWatch } from "./hotplug/NvmeWatch.ts"
import type { PathWatch } from "./hotplug/PathWatch.ts"
import type { Reattachment } from "./hotplug/Reattachment.ts"
import { nodeOptions } from "./node-options.ts"
import type { OwnObservations } from "./OwnObservations.ts"
import type { Portals } from "./Portals.ts"
import type { Progress } from "./Progress.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import type { Reservations } from "./Reservations.ts"
import type { Begun, Targets } from "./Targets.ts"

/** The parts that follow the state. */
export interface Parts {
  readonly client: ReactorClient
  /** Tells what becomes of files and device nodes. */
  readonly paths: PathWatch
  /** Brings back what has gone. */
  readonly reattachment: Reattachment
  readonly nvme: NvmeWatch
  readonly bdevs: Bdevs
  readonly portals: Portals
  readonly targets: Targets
  readonly reservations: Reservations
  readonly authGroups: AuthGroups
  readonly controlPlane: ControlPlane["Service"]
  readonly log: EventLog["Service"]
  readonly own: OwnObservations
  readonly roots: SystemRoots
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
  const own = lease?.parts === undefined ? lease : lease.parts.get(name)
  return parts.bdevs.add(bdev, own, () => {
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
    parts.bdevs.exporters = exportersOf(state)
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

const apply = (parts: Parts, before: State, committed: Committed): Effect.Effect<void> => {
  const applied = Effect.forEach(
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
  const { events, records, span } = committed
  if (span === undefined) return applied
  const attributes = { "lunlog.seq": records[0]?.seq, "lunlog.event": events[0]?._tag }
  return traced("apply", () => ({ parent: span, attributes }))(applied)
}

/** Whether an event may change which bdevs wait for their devices. */
const mayDetach = ({ _tag }: Event): boolean =>
  _tag.startsWith("Bdev") || _tag.startsWith("Replay") || _tag === "EpochStarted" || _tag === "TargetNodeDeleted"

/** Brings up `state`, then applies each entry in order, for ever. */
export const followState = (
  parts: Parts,
  state: State,
  committed: Queue.Dequeue<Committed>,
  progress: Progress,
  start: { readonly startedAt: number; readonly booted: Effect.Effect<unknown> }
): Effect.Effect<never> =>
  Effect.gen(function* () {
    // A thread that is being started has modules to load, which is no delay of its disks.
    yield* parts.client.request({ _tag: "Query" })
    yield* boot(parts, state)
    yield* parts.reattachment.follow(state)
    parts.nvme.wake()
    progress.reach(start.startedAt)
    yield* start.booted
    let before = state
    for (;;) {
      const entry = yield* Queue.take(committed)
      yield* apply(parts, before, entry)
      if (entry.events.some(mayDetach)) yield* parts.reattachment.follow(entry.state)
      if (entry.events.some(({ _tag }) => _tag.startsWith("Nvme"))) parts.nvme.wake()
      parts.reservations.apply(before, entry)
      before = entry.state
      progress.reach(entry.records.at(-1)?.seq ?? 0)
    }
  })
