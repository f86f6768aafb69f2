/**
 * A source's state and events as its fork has them: with other target names, disk ids, addresses and files. Each value
 * is mapped by itself, never by what was before, so that it makes no difference whether a state is mapped or folded
 * from mapped events.
 */
import { HashMap, Result } from "effect"
import type { Bdev } from "../../domain/bdev/Bdev.ts"
import type { BdevSpec } from "../../domain/bdev/BdevSpec.ts"
import type { DetachedBdev } from "../../domain/bdev/DetachedBdev.ts"
import type { AppliedConfig, DesiredEntry } from "../../domain/config/AppliedConfig.ts"
import type { Event, EventOf, EventType } from "../../domain/Event.ts"
import { decodeRecord, encodeEvent } from "../../domain/event-codec.ts"
import { type IscsiName, iscsiNameKey } from "../../domain/ids.ts"
import type { IscsiOptions } from "../../domain/options/IscsiOptions.ts"
import type { ForkMapping } from "../../domain/replay/Fork.ts"
import type { Registrant, Reservation, UnitReservations } from "../../domain/reservation/Reservation.ts"
import type { NvmeState, State } from "../../domain/State.ts"
import { buildIndexes } from "../../domain/snapshot-codec.ts"
import type { TargetNode } from "../../domain/target/TargetNode.ts"
import {
  forkFile,
  forkNvmeAddress,
  forkPortal,
  forkRedirect,
  forkSocket,
  forkTargetName,
  forkUuid
} from "./fork-names.ts"

/** A fork never touches the source's devices: a namespace is a file there, of its content at the fork. */
const mapSpec = (mapping: ForkMapping, spec: BdevSpec): BdevSpec => {
  if ("filename" in spec && spec.filename !== undefined) return { ...spec, filename: forkFile(mapping, spec.filename) }
  if (spec._tag === "Nvme") {
    const { blockCount, blockSize, device, readOnly } = spec
    return { _tag: "Aio", filename: forkFile(mapping, device), blockCount, blockSize, readOnly }
  }
  if (spec._tag !== "Nbd") return spec
  // What the source's server has is the source's: the fork gets the place of a server of its own, without TLS.
  const { tls: _, ...clear } = spec
  return { ...clear, server: { path: forkSocket(mapping, spec) } }
}

/** Without the auth file: its groups are in the log, and what it says today is nothing of that moment. */
const mapOptions = ({ authFile: _, ...options }: IscsiOptions): IscsiOptions => options

const parsed = (payload: string): unknown => {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}

/** What is no event, or a later version's, stays as it is: it counts for nothing here either. */
const mapEntry = (mapping: ForkMapping, entry: DesiredEntry): DesiredEntry => {
  const event = decodeRecord({ seq: 0, type: entry.type, v: entry.v, payload: parsed(entry.payload) })
  if (Result.isFailure(event)) return entry
  const { payload, type, v } = encodeEvent(mapEvent(mapping, event.success))
  return { type, v, payload: JSON.stringify(payload) }
}

const mapEntries = (mapping: ForkMapping, entries: ReadonlyArray<DesiredEntry>): ReadonlyArray<DesiredEntry> =>
  entries.map((entry) => mapEntry(mapping, entry))

/** Events that name nothing that is another in a fork. */
const unchanged = [
  "Forked",
  "ReplayStarted",
  "RecordsReplayed",
  "ReplayEnded",
  "DiscoveryAuthSet",
  "LogOptionsSet",
  "PortalGroupStarted",
  "PortalGroupAuthSet",
  "PortalGroupDeleted",
  "InitiatorGroupCreated",
  "InitiatorGroupMembersAdded",
  "InitiatorGroupMembersRemoved",
  "InitiatorGroupDeleted",
  "AuthGroupCreated",
  "AuthGroupSecretAdded",
  "AuthGroupSecretRemoved",
  "AuthGroupDeleted",
  "BdevRemoved",
  "BdevResized",
  "BdevLatenciesSet",
  "BdevQosSet",
  "BdevHistogramSet",
  "BdevErrorInjected",
  "BdevOverlayReset",
  "BdevContentLoaded",
  "BdevForgotten",
  "NvmeControllerDetached",
  "InertSettingRecorded",
  "InertSettingRemoved",
  "GroupNamed"
] as const satisfies ReadonlyArray<EventType>

type Unchanged = (typeof unchanged)[number]
type TargetEvent = Extract<Event, { readonly target: IscsiName }>

const unchangedTags: ReadonlySet<string> = new Set(unchanged)
const isUnchanged = (event: Event): event is EventOf<Unchanged> => unchangedTags.has(event._tag)

const mapTargetEvent = (mapping: ForkMapping, event: TargetEvent): TargetEvent => {
  const target = forkTargetName(mapping, event.target)
  if (event._tag !== "TargetNodeRedirectSet") return { ...event, target }
  return { ...event, target, ...forkRedirect(mapping, event) }
}

/** Initiators are who they are; they know the target by another name. */
const mapRegistrant = <A extends Registrant>(mapping: ForkMapping, registrant: A): A => ({
  ...registrant,
  target: forkTargetName(mapping, registrant.target)
})

const mapReservation = (mapping: ForkMapping, { holder, ...reservation }: Reservation): Reservation => ({
  ...reservation,
  ...(holder === undefined ? {} : { holder: mapRegistrant(mapping, holder) })
})

const mapReservations = (mapping: ForkMapping, event: EventOf<"ReservationsChanged">): Event => {
  const { by, reservation, ...rest } = event
  return {
    ...rest,
    ...(by === undefined ? {} : { by: mapRegistrant(mapping, by) }),
    registered: event.registered.map((registration) => mapRegistrant(mapping, registration)),
    unregistered: event.unregistered.map((registrant) => mapRegistrant(mapping, registrant)),
    ...(reservation === undefined ? {} : { reservation: reservation && mapReservation(mapping, reservation) })
  }
}

/** The event that the fork would have instead. */
export const mapEvent = (mapping: ForkMapping, event: Event): Event => {
  if (isUnchanged(event)) return event
  if ("target" in event) return mapTargetEvent(mapping, event)
  switch (event._tag) {
    case "EpochStarted":
      return { ...event, instanceId: mapping.instanceId }
    case "IscsiOptionsSet":
      return { ...event, options: mapOptions(event.options) }
    case "PortalGroupCreated":
      return { ...event, portals: event.portals.map((portal) => forkPortal(mapping, portal)) }
    case "TargetNodeCreated":
      return { ...event, name: forkTargetName(mapping, event.name) }
    case "BdevCreated":
      return { ...event, uuid: forkUuid(mapping, event), spec: mapSpec(mapping, event.spec) }
    case "BdevReattached": {
      const { unmapped } = event
      return unmapped === undefined ? event : { ...event, unmapped: mapTargets(mapping, unmapped) }
    }
    case "BdevRemovalStarted": {
      // What happened to the device of the source, in words that name its file.
      const { detail: _, reservations, ...removal } = event
      return { ...removal, ...mapLasting(mapping, reservations) }
    }
    case "NvmeControllerAttached":
      return { ...event, address: forkNvmeAddress(event.address), listed: true }
    case "NvmeHotplugSet":
      return { ...event, hotplug: { ...event.hotplug, enable: false } }
    case "ReservationsChanged":
      return mapReservations(mapping, event)
    case "ConfigDesiredPart":
    case "ConfigTakenDown":
    case "ConfigApplied":
      return { ...event, desired: mapEntries(mapping, event.desired) }
  }
}

const mapTarget = (mapping: ForkMapping, target: TargetNode): TargetNode => ({
  ...target,
  name: forkTargetName(mapping, target.name),
  redirects: target.redirects.map((redirect) => ({ ...redirect, ...forkRedirect(mapping, redirect) }))
})

const mapBdev = (mapping: ForkMapping, bdev: Bdev): Bdev => ({
  ...bdev,
  uuid: forkUuid(mapping, bdev),
  spec: mapSpec(mapping, bdev.spec)
})

const mapTargets = <A extends { readonly target: IscsiName }>(
  mapping: ForkMapping,
  luns: ReadonlyArray<A>
): ReadonlyArray<A> => luns.map((lun) => ({ ...lun, target: forkTargetName(mapping, lun.target) }))

const mapLasting = (
  mapping: ForkMapping,
  reservations: UnitReservations | undefined
): { readonly reservations?: UnitReservations } =>
  reservations === undefined ? {} : { reservations: mapUnit(mapping, reservations) }

const mapDetached = (mapping: ForkMapping, { detail: _, reservations, ...detached }: DetachedBdev): DetachedBdev => ({
  ...detached,
  ...mapLasting(mapping, reservations),
  uuid: forkUuid(mapping, detached),
  spec: mapSpec(mapping, detached.spec),
  luns: mapTargets(mapping, detached.luns)
})

const mapUnit = (mapping: ForkMapping, { reservation, ...unit }: UnitReservations): UnitReservations => ({
  ...unit,
  registrations: unit.registrations.map((registration) => mapRegistrant(mapping, registration)),
  ...(reservation === undefined ? {} : { reservation: mapReservation(mapping, reservation) })
})

/** Controllers are known by name, and never found. */
const mapNvme = (nvme: NvmeState): NvmeState => ({
  ...nvme,
  controllers: HashMap.map(nvme.controllers, (one) => ({
    ...one,
    address: forkNvmeAddress(one.address),
    listed: true
  })),
  hotplug: { ...nvme.hotplug, enable: false },
  skipped: nvme.skipped.map(forkNvmeAddress)
})

const mapApplied = (mapping: ForkMapping, applied: AppliedConfig): AppliedConfig => ({
  ...applied,
  desired: mapEntries(mapping, applied.desired)
})

/** The state that the fork would have instead: the same as the fold of the mapped events. */
export const mapState = (mapping: ForkMapping, state: State): State => {
  const targets = [...HashMap.values(state.targets)].map((target) => mapTarget(mapping, target))
  const mapped: State = {
    ...state,
    epoch: state.epoch === undefined ? undefined : { ...state.epoch, instanceId: mapping.instanceId },
    options: mapOptions(state.options),
    portalGroups: HashMap.map(state.portalGroups, (group) => ({
      ...group,
      portals: group.portals.map((portal) => forkPortal(mapping, portal))
    })),
    targets: HashMap.fromIterable(targets.map((target) => [iscsiNameKey(target.name), target])),
    bdevs: HashMap.map(state.bdevs, (bdev) => mapBdev(mapping, bdev)),
    detachedBdevs: HashMap.map(state.detachedBdevs, (detached) => mapDetached(mapping, detached)),
    nvme: mapNvme(state.nvme),
    reservations: HashMap.map(state.reservations, (unit) => mapUnit(mapping, unit)),
    appliedConfig: state.appliedConfig === undefined ? undefined : mapApplied(mapping, state.appliedConfig),
    configParts: state.configParts.map((part) => mapEntries(mapping, part)),
    configTakenDown: mapEntries(mapping, state.configTakenDown)
  }
  return { ...mapped, indexes: buildIndexes(mapped) }
}
