/**
 * What the log says is the case: the fold of all events. Immutable and persistent: an old state stays valid and costs
 * nothing to keep. The maps have no order; the list functions give creation order, which is what users see.
 */
import { HashMap, Option } from "effect"
import type { AuthGroup } from "./auth/AuthGroup.ts"
import type { Bdev } from "./bdev/Bdev.ts"
import type { DetachedBdev } from "./bdev/DetachedBdev.ts"
import type { AppliedConfig, DesiredEntry } from "./config/AppliedConfig.ts"
import type { Epoch } from "./Epoch.ts"
import type { InitiatorGroup } from "./group/InitiatorGroup.ts"
import type { PortalGroup } from "./group/PortalGroup.ts"
import { type BdevName, iscsiNameKey, type PortalGroupTag } from "./ids.ts"
import { emptyIndex, type MultiIndex } from "./multi-index.ts"
import { defaultNvmeHotplug, type NvmeController, type NvmeHotplug } from "./nvme/NvmeController.ts"
import { type InertSetting, inertSettingKey } from "./options/InertSettings.ts"
import { defaultIscsiOptions, type IscsiOptions } from "./options/IscsiOptions.ts"
import { defaultLogOptions, type LogOptions } from "./options/LogOptions.ts"
import type { ForkOrigin } from "./replay/Fork.ts"
import type { Replay } from "./replay/Replay.ts"
import type { UnitReservations } from "./reservation/Reservation.ts"
import type { LunMapping, MappingRef, TargetNode } from "./target/TargetNode.ts"

/** The state of the control plane. */
export interface State {
  /** Undefined before the first start. */
  readonly epoch: Epoch | undefined
  /** Undefined for a target that is no fork of another. */
  readonly fork: ForkOrigin | undefined
  readonly options: IscsiOptions
  readonly logOptions: LogOptions
  /** By tag. */
  readonly portalGroups: HashMap.HashMap<number, PortalGroup>
  /** By tag. */
  readonly initiatorGroups: HashMap.HashMap<number, InitiatorGroup>
  /** By tag. */
  readonly authGroups: HashMap.HashMap<number, AuthGroup>
  /** By `iscsiNameKey`; also those that are being deleted. */
  readonly targets: HashMap.HashMap<string, TargetNode>
  /** By name; also those that are being removed. */
  readonly bdevs: HashMap.HashMap<string, Bdev>
  /** By name; those whose device has gone, and that are the same again when it is back. */
  readonly detachedBdevs: HashMap.HashMap<string, DetachedBdev>
  /** N of the next automatic name `Malloc<N>`. */
  readonly nextMallocNumber: number
  /** By `inertSettingKey`. */
  readonly inertSettings: HashMap.HashMap<string, InertSetting>
  /** The configuration file that was applied last; undefined if none was. */
  readonly appliedConfig: AppliedConfig | undefined
  /** Parts of one that is being recorded. */
  readonly configParts: ReadonlyArray<ReadonlyArray<DesiredEntry>>
  /** What an application has taken down and not put up again: it was broken off, or goes on. */
  readonly configTakenDown: ReadonlyArray<DesiredEntry>
  /** Of a fork into which later records of its source are played, or were. */
  readonly replay: Replay | undefined
  /** By the name of the bdev; of those that anybody has ever registered with. */
  readonly reservations: HashMap.HashMap<string, UnitReservations>
  readonly nvme: NvmeState
  /** Derived from the above, so that rules and removals need no search. */
  readonly indexes: Indexes
}

/** What is known of NVMe controllers. */
export interface NvmeState {
  /** By name. */
  readonly controllers: HashMap.HashMap<string, NvmeController>
  readonly hotplug: NvmeHotplug
  /** Addresses of controllers that were let go and are not taken again by themselves, the oldest first. */
  readonly skipped: ReadonlyArray<string>
  /** N of the next automatic name `HotInNvme<N>`. */
  readonly nextHotNumber: number
}

/** Nothing is attached. */
export const initialNvme: NvmeState = {
  controllers: HashMap.empty(),
  hotplug: defaultNvmeHotplug,
  skipped: [],
  nextHotNumber: 0
}

/** Reverse lookups; none has an entry that the state does not imply. */
export interface Indexes {
  /** `portalKey` to the groups that have it. */
  readonly portals: MultiIndex<PortalGroupTag>
  /** UUID to bdevs. */
  readonly uuids: MultiIndex<BdevName>
  /** Bdev name to the LUNs that it backs. */
  readonly mappings: MultiIndex<MappingRef>
  /** Bdev name to the bdevs stacked right above it. */
  readonly dependents: MultiIndex<BdevName>
}

/** Nothing has happened yet. */
export const initialState: State = {
  epoch: undefined,
  fork: undefined,
  options: defaultIscsiOptions,
  logOptions: defaultLogOptions,
  portalGroups: HashMap.empty(),
  initiatorGroups: HashMap.empty(),
  authGroups: HashMap.empty(),
  targets: HashMap.empty(),
  bdevs: HashMap.empty(),
  detachedBdevs: HashMap.empty(),
  nextMallocNumber: 0,
  inertSettings: HashMap.empty(),
  appliedConfig: undefined,
  configParts: [],
  configTakenDown: [],
  replay: undefined,
  reservations: HashMap.empty(),
  nvme: initialNvme,
  indexes: { portals: emptyIndex(), uuids: emptyIndex(), mappings: emptyIndex(), dependents: emptyIndex() }
}

const mapMaps = (state: State, change: <K, V>(map: HashMap.HashMap<K, V>) => HashMap.HashMap<K, V>): State => ({
  ...state,
  targets: change(state.targets),
  bdevs: change(state.bdevs),
  indexes: {
    ...state.indexes,
    uuids: change(state.indexes.uuids),
    mappings: change(state.indexes.mappings),
    dependents: change(state.indexes.dependents)
  }
})

/**
 * What `fold` makes of `state`, for folds of thousands of events that nobody sees the steps of: the large maps of the
 * state that it is given are changed in place. So it must not keep a state, or decide what is decided on a draft
 * (removals); `state` itself stays as it is.
 */
export const inPlace = (state: State, fold: (draft: State) => State): State =>
  mapMaps(fold(mapMaps(state, HashMap.beginMutation)), HashMap.endMutation)

const byIncarnation = <A extends { readonly incarnation: number }>(items: Iterable<A>): ReadonlyArray<A> =>
  [...items].sort((a, b) => a.incarnation - b.incarnation)

/** Portal groups in creation order. */
export const portalGroupsOf = (state: State): ReadonlyArray<PortalGroup> =>
  byIncarnation(HashMap.values(state.portalGroups))

/** Initiator groups in creation order. */
export const initiatorGroupsOf = (state: State): ReadonlyArray<InitiatorGroup> =>
  byIncarnation(HashMap.values(state.initiatorGroups))

/** Auth groups in creation order. */
export const authGroupsOf = (state: State): ReadonlyArray<AuthGroup> => byIncarnation(HashMap.values(state.authGroups))

/** All targets in creation order, also those that are being deleted. */
export const targetsOf = (state: State): ReadonlyArray<TargetNode> => byIncarnation(HashMap.values(state.targets))

/** Targets that can be logged in to, in creation order. */
export const activeTargetsOf = (state: State): ReadonlyArray<TargetNode> =>
  targetsOf(state).filter((target) => target.phase._tag === "Active")

/** All bdevs in creation order, also those that are being removed. */
export const bdevsOf = (state: State): ReadonlyArray<Bdev> => byIncarnation(HashMap.values(state.bdevs))

/** Bdevs that can be mapped, in creation order. */
export const activeBdevsOf = (state: State): ReadonlyArray<Bdev> =>
  bdevsOf(state).filter((bdev) => bdev.phase._tag === "Active")

/** Bdevs whose device has gone, in the order in which they went. */
export const detachedBdevsOf = (state: State): ReadonlyArray<DetachedBdev> =>
  [...HashMap.values(state.detachedBdevs)].sort((a, b) => a.since - b.since)

/** All LUN mappings of a target by LUN id, also those that drain. */
export const lunsOf = (target: TargetNode): ReadonlyArray<LunMapping> =>
  [...HashMap.values(target.luns)].sort((a, b) => a.lun - b.lun)

/** LUNs that take commands, by LUN id. */
export const activeLunsOf = (target: TargetNode): ReadonlyArray<LunMapping> =>
  lunsOf(target).filter((mapping) => mapping.phase._tag === "Active")

/** NVMe controllers in the order in which they were attached. */
export const nvmeControllersOf = (state: State): ReadonlyArray<NvmeController> =>
  byIncarnation(HashMap.values(state.nvme.controllers))

/** The NVMe controller of a name. */
export const findNvmeController = (state: State, name: string): NvmeController | undefined =>
  Option.getOrUndefined(HashMap.get(state.nvme.controllers, name))

/** The disks of an NVMe controller that can be mapped, in creation order. */
export const activeNvmeBdevsOf = (state: State, controller: string): ReadonlyArray<Bdev> =>
  activeBdevsOf(state).filter(({ spec }) => spec._tag === "Nvme" && spec.controller === controller)

/** Those of its disks whose namespaces are away. */
export const detachedNvmeBdevsOf = (state: State, controller: string): ReadonlyArray<DetachedBdev> =>
  detachedBdevsOf(state).filter(
    ({ attached, spec }) => attached === undefined && spec._tag === "Nvme" && spec.controller === controller
  )

/** The target of a name in any case; also one that is being deleted. */
export const findTarget = (state: State, name: string): TargetNode | undefined =>
  Option.getOrUndefined(HashMap.get(state.targets, iscsiNameKey(name)))

/** The bdev of a name; also one that is being removed. */
export const findBdev = (state: State, name: string): Bdev | undefined =>
  Option.getOrUndefined(HashMap.get(state.bdevs, name))

/** A bdev of this name whose device has gone; also one that is about to have its LUNs again. */
export const findDetachedBdev = (state: State, name: string): DetachedBdev | undefined =>
  Option.getOrUndefined(HashMap.get(state.detachedBdevs, name))

/** The mapping of a LUN id; also one that drains. */
export const findLun = (target: TargetNode, lun: number): LunMapping | undefined =>
  Option.getOrUndefined(HashMap.get(target.luns, lun))

/** The portal group of a tag. */
export const findPortalGroup = (state: State, tag: number): PortalGroup | undefined =>
  Option.getOrUndefined(HashMap.get(state.portalGroups, tag))

/** The initiator group of a tag. */
export const findInitiatorGroup = (state: State, tag: number): InitiatorGroup | undefined =>
  Option.getOrUndefined(HashMap.get(state.initiatorGroups, tag))

/** The auth group of a tag. */
export const findAuthGroup = (state: State, tag: number): AuthGroup | undefined =>
  Option.getOrUndefined(HashMap.get(state.authGroups, tag))

/** What is registered with a bdev; undefined if nobody ever was. */
export const findReservations = (state: State, bdev: string): UnitReservations | undefined =>
  Option.getOrUndefined(HashMap.get(state.reservations, bdev))

/** What is registered with each bdev, in the order in which these were created. */
export const reservationsOf = (state: State): ReadonlyArray<UnitReservations> =>
  [...HashMap.values(state.reservations)].sort((a, b) => a.bdev.incarnation - b.bdev.incarnation)

/** The last call of a method for an object. */
export const findInertSetting = (state: State, method: string, object = ""): InertSetting | undefined =>
  Option.getOrUndefined(HashMap.get(state.inertSettings, inertSettingKey(method, object)))

/** All settings, in the order in which they were first set. */
export const inertSettingsOf = (state: State): ReadonlyArray<InertSetting> =>
  [...HashMap.values(state.inertSettings)].sort((a, b) => a.since - b.since)
