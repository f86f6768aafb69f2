/**
 * The state as bytes and back. Canonical: equal states give equal bytes, whatever led to them, because everything is
 * sorted and what can be derived (the indexes) is left out and built again.
 */
import { Equal, HashMap, Result, Schema, Struct } from "effect"
import { AuthGroup } from "./auth/AuthGroup.ts"
import { Bdev } from "./bdev/Bdev.ts"
import { indexBdev } from "./bdev/bdev-evolve.ts"
import { DetachedBdev } from "./bdev/DetachedBdev.ts"
import { AppliedConfig, DesiredEntry } from "./config/AppliedConfig.ts"
import { Epoch } from "./Epoch.ts"
import { FOLD_VERSION } from "./evolve.ts"
import { indexPortals } from "./group/group-evolve.ts"
import { InitiatorGroup } from "./group/InitiatorGroup.ts"
import { PortalGroup } from "./group/PortalGroup.ts"
import { Incarnation, IscsiName, iscsiNameKey, PortalGroupTag, Seq } from "./ids.ts"
import { defaultNvmeHotplug, NvmeController, NvmeHotplug } from "./nvme/NvmeController.ts"
import { InertSetting, inertSettingKey } from "./options/InertSettings.ts"
import { IscsiOptions } from "./options/IscsiOptions.ts"
import { defaultLogOptions, LogOptions } from "./options/LogOptions.ts"
import { ForkOrigin } from "./replay/Fork.ts"
import { type Replay, ReplayEnd } from "./replay/Replay.ts"
import { UnitReservations } from "./reservation/Reservation.ts"
import {
  authGroupsOf,
  bdevsOf,
  detachedBdevsOf,
  type Indexes,
  inertSettingsOf,
  initialNvme,
  initialState,
  initiatorGroupsOf,
  lunsOf,
  nvmeControllersOf,
  portalGroupsOf,
  reservationsOf,
  type State,
  targetsOf
} from "./State.ts"
import {
  LunMapping,
  PgIgMap,
  PortAssignment,
  Redirect,
  type TargetNode,
  TargetPhase,
  targetAttributes
} from "./target/TargetNode.ts"
import { indexLun } from "./target/target-node-evolve.ts"

const StoredTarget = Schema.Struct({
  name: IscsiName,
  incarnation: Incarnation,
  ...targetAttributes,
  pgIgMaps: Schema.Array(PgIgMap),
  relativePortIds: Schema.Array(PortAssignment),
  nextRelativePortId: Schema.Natural,
  redirects: Schema.Array(Redirect),
  luns: Schema.Array(LunMapping),
  histogram: Schema.Boolean,
  phase: TargetPhase
})
type StoredTarget = typeof StoredTarget.Type

const StoredReplay = Schema.Struct({
  from: Seq,
  through: Seq,
  position: Seq,
  things: Schema.Array(Schema.Struct({ source: Seq, fork: Incarnation })),
  playedCount: Schema.Natural,
  skippedCount: Schema.Natural,
  ended: Schema.optionalKey(ReplayEnd)
})
type StoredReplay = typeof StoredReplay.Type

const StoredNvme = Schema.Struct({
  controllers: Schema.Array(NvmeController),
  hotplug: NvmeHotplug,
  skipped: Schema.Array(Schema.String),
  nextHotNumber: Schema.Natural
})

const StoredState = Schema.Struct({
  epoch: Schema.NullOr(Epoch),
  fork: Schema.optionalKey(ForkOrigin),
  options: IscsiOptions,
  /** Left out while they are the defaults. */
  logOptions: Schema.optionalKey(LogOptions),
  portalGroups: Schema.Array(PortalGroup),
  initiatorGroups: Schema.Array(InitiatorGroup),
  authGroups: Schema.Array(AuthGroup),
  targets: Schema.Array(StoredTarget),
  bdevs: Schema.Array(Bdev),
  /** Left out while there are none. */
  detachedBdevs: Schema.optionalKey(Schema.Array(DetachedBdev)),
  nextMallocNumber: Schema.Natural,
  inertSettings: Schema.Array(InertSetting),
  appliedConfig: Schema.optionalKey(AppliedConfig),
  configParts: Schema.optionalKey(Schema.Array(Schema.Array(DesiredEntry))),
  configTakenDown: Schema.optionalKey(Schema.Array(DesiredEntry)),
  replay: Schema.optionalKey(StoredReplay),
  /** Left out while there are none. */
  reservations: Schema.optionalKey(Schema.Array(UnitReservations)),
  /** Left out while nothing has to be known of it. */
  nvme: Schema.optionalKey(StoredNvme)
})
type StoredState = typeof StoredState.Type

const storeReplay = ({ ended, things, ...replay }: Replay): StoredReplay => ({
  ...replay,
  things: HashMap.toEntries(things.toFork)
    .sort(([a], [b]) => a - b)
    .map(([source, fork]) => ({ source, fork })),
  ...(ended === undefined ? {} : { ended })
})

const loadReplay = ({ ended, things, ...replay }: StoredReplay): Replay => ({
  ...replay,
  things: {
    toFork: HashMap.fromIterable(things.map(({ fork, source }) => [source, fork])),
    toSource: HashMap.fromIterable(things.map(({ fork, source }) => [fork, source]))
  },
  ended
})

const storeTarget = (target: TargetNode): StoredTarget => ({
  ...target,
  relativePortIds: HashMap.toEntries(target.relativePortIds)
    .sort(([a], [b]) => a - b)
    .map(([portalGroup, relativePortId]) => ({ portalGroup: PortalGroupTag.make(portalGroup), relativePortId })),
  luns: lunsOf(target)
})

const loadTarget = (stored: StoredTarget): TargetNode => ({
  ...stored,
  relativePortIds: HashMap.fromIterable(stored.relativePortIds.map((port) => [port.portalGroup, port.relativePortId])),
  luns: HashMap.fromIterable(stored.luns.map((mapping) => [mapping.lun, mapping]))
})

/** The indexes of a state, from what they are derived from. */
export const buildIndexes = (state: State): Indexes => {
  let indexes = initialState.indexes
  for (const { portals, tag } of portalGroupsOf(state)) {
    indexes = { ...indexes, portals: indexPortals(indexes.portals, tag, portals) }
  }
  for (const target of targetsOf(state)) {
    for (const mapping of lunsOf(target)) indexes = indexLun(indexes, iscsiNameKey(target.name), mapping)
  }
  for (const bdev of bdevsOf(state)) indexes = indexBdev(indexes, bdev)
  return indexes
}

const isDefault = (options: LogOptions): boolean =>
  Struct.keys(defaultLogOptions).every((name) => options[name] === defaultLogOptions[name])

const storeNvme = (state: State): { readonly nvme?: typeof StoredNvme.Type } => {
  const { hotplug, nextHotNumber, skipped } = state.nvme
  const controllers = nvmeControllersOf(state)
  const isInitial =
    controllers.length === 0 && skipped.length === 0 && nextHotNumber === 0 && Equal.equals(hotplug, defaultNvmeHotplug)
  return isInitial ? {} : { nvme: { controllers, hotplug, skipped, nextHotNumber } }
}

const store = (state: State): StoredState => ({
  epoch: state.epoch ?? null,
  ...(state.fork === undefined ? {} : { fork: state.fork }),
  options: state.options,
  ...(isDefault(state.logOptions) ? {} : { logOptions: state.logOptions }),
  portalGroups: portalGroupsOf(state),
  initiatorGroups: initiatorGroupsOf(state),
  authGroups: authGroupsOf(state),
  targets: targetsOf(state).map(storeTarget),
  bdevs: bdevsOf(state),
  ...(HashMap.isEmpty(state.detachedBdevs) ? {} : { detachedBdevs: detachedBdevsOf(state) }),
  nextMallocNumber: state.nextMallocNumber,
  inertSettings: inertSettingsOf(state),
  ...(state.appliedConfig === undefined ? {} : { appliedConfig: state.appliedConfig }),
  ...(state.configParts.length === 0 ? {} : { configParts: state.configParts }),
  ...(state.configTakenDown.length === 0 ? {} : { configTakenDown: state.configTakenDown }),
  ...(state.replay === undefined ? {} : { replay: storeReplay(state.replay) }),
  ...(HashMap.isEmpty(state.reservations) ? {} : { reservations: reservationsOf(state) }),
  ...storeNvme(state)
})

const load = (stored: StoredState): State => {
  const state: State = {
    epoch: stored.epoch ?? undefined,
    fork: stored.fork,
    options: stored.options,
    logOptions: stored.logOptions ?? defaultLogOptions,
    portalGroups: HashMap.fromIterable(stored.portalGroups.map((group) => [group.tag, group])),
    initiatorGroups: HashMap.fromIterable(stored.initiatorGroups.map((group) => [group.tag, group])),
    authGroups: HashMap.fromIterable(stored.authGroups.map((group) => [group.tag, group])),
    targets: HashMap.fromIterable(stored.targets.map((target) => [iscsiNameKey(target.name), loadTarget(target)])),
    bdevs: HashMap.fromIterable(stored.bdevs.map((bdev) => [bdev.name, bdev])),
    detachedBdevs: HashMap.fromIterable((stored.detachedBdevs ?? []).map((detached) => [detached.name, detached])),
    nextMallocNumber: stored.nextMallocNumber,
    inertSettings: HashMap.fromIterable(
      stored.inertSettings.map((setting) => [inertSettingKey(setting.method, setting.object), setting])
    ),
    appliedConfig: stored.appliedConfig,
    configParts: stored.configParts ?? [],
    configTakenDown: stored.configTakenDown ?? [],
    replay: stored.replay === undefined ? undefined : loadReplay(stored.replay),
    reservations: HashMap.fromIterable((stored.reservations ?? []).map((unit) => [unit.bdev.name, unit])),
    nvme:
      stored.nvme === undefined
        ? initialNvme
        : {
            ...stored.nvme,
            controllers: HashMap.fromIterable(stored.nvme.controllers.map((one) => [one.name, one]))
          },
    indexes: initialState.indexes
  }
  return { ...state, indexes: buildIndexes(state) }
}

/** Members of every object in one order, so that nothing depends on how an object came to be. */
const sortedKeys = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

const decodeStored = Schema.decodeUnknownResult(Schema.fromJsonString(StoredState))

/** The state in its canonical encoding: JSON in UTF-8. */
export const encodeSnapshot = (state: State): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(store(state), sortedKeys))

/** States of older fold versions were never promised to be readable; from this one on they are, for ever. */
const oldestFoldVersion = 5

/**
 * The state in a snapshot or genesis of this fold version, or what is wrong with it. A genesis may be of any version
 * from `oldestFoldVersion` on: an encoding that changes is read here in its old form too.
 */
export const decodeSnapshot = (bytes: Uint8Array, foldVersion = FOLD_VERSION): Result.Result<State, string> => {
  if (foldVersion < oldestFoldVersion || foldVersion > FOLD_VERSION) {
    const readable = `this version reads ${oldestFoldVersion} to ${FOLD_VERSION}`
    return Result.fail(
      `it is of fold version ${foldVersion}, ${readable}; use the lunlog that wrote it, or a newer one`
    )
  }
  return Result.mapBoth(decodeStored(new TextDecoder().decode(bytes)), {
    onSuccess: load,
    onFailure: (error) => error.message
  })
}
