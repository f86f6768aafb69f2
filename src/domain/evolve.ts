/**
 * The fold: the state after an event. Total and deterministic over any sequence of events: no rule is checked here,
 * nothing throws, and an event that refers to something absent, or creates something that exists, changes nothing. So
 * an old log folds as it always did, whatever `decide` allows today. Big collections are never copied.
 */

import {
  evolveAuthGroupCreated,
  evolveAuthGroupDeleted,
  evolveAuthGroupSecretAdded,
  evolveAuthGroupSecretRemoved,
  evolveDiscoveryAuthSet,
  evolvePortalGroupAuthSet
} from "./auth/auth-evolve.ts"
import {
  evolveBdevAttached,
  evolveBdevDetaching,
  evolveBdevForgotten,
  evolveBdevReattached
} from "./bdev/bdev-detached-evolve.ts"
import {
  evolveBdevContentLoaded,
  evolveBdevHistogramSet,
  evolveBdevLatenciesSet,
  evolveBdevQosSet,
  evolveBdevRemoved,
  evolveBdevResized
} from "./bdev/bdev-evolve.ts"
import { evolveConfigApplied, evolveConfigDesiredPart, evolveConfigTakenDown } from "./config/applied-config-evolve.ts"
import type { Event, EventOf } from "./Event.ts"
import { evolveEpochStarted } from "./epoch-evolve.ts"
import {
  evolveInitiatorGroupCreated,
  evolveInitiatorGroupDeleted,
  evolveInitiatorGroupMembersAdded,
  evolveInitiatorGroupMembersRemoved,
  evolvePortalGroupCreated,
  evolvePortalGroupDeleted,
  evolvePortalGroupStarted
} from "./group/group-evolve.ts"
import { evolveGroupNamed } from "./group/group-name-evolve.ts"
import { evolveNvmeControllerAttached, evolveNvmeControllerDetached, evolveNvmeHotplugSet } from "./nvme/nvme-evolve.ts"
import { evolveInertSettingRecorded, evolveInertSettingRemoved } from "./options/inert-settings-evolve.ts"
import { evolveForked } from "./replay/fork-evolve.ts"
import { evolveRecordsReplayed, evolveReplayEnded, evolveReplayStarted } from "./replay/replay-evolve.ts"
import { evolveReservationsChanged } from "./reservation/reservation-evolve.ts"
import type { State } from "./State.ts"
import {
  evolveLunAdded,
  evolveLunRemovalStarted,
  evolveLunRemoved,
  evolveTargetNodeAuthSet,
  evolveTargetNodeCreated,
  evolveTargetNodeDeleted,
  evolveTargetNodeDeletionStarted,
  evolveTargetNodeHistogramSet,
  evolveTargetNodeMapAccessSet,
  evolveTargetNodeMapsAdded,
  evolveTargetNodeMapsRemoved,
  evolveTargetNodeRedirectCleared,
  evolveTargetNodeRedirectSet,
  evolveTargetNodeSessionsClosed
} from "./target/target-node-evolve.ts"

/**
 * Raised whenever the same events fold to another state, or the snapshot's encoding changes: older snapshots are not
 * used.
 */
export const FOLD_VERSION = 5

type LoginEvent = EventOf<
  | "GroupNamed"
  | "DiscoveryAuthSet"
  | "PortalGroupAuthSet"
  | "AuthGroupCreated"
  | "AuthGroupSecretAdded"
  | "AuthGroupSecretRemoved"
  | "AuthGroupDeleted"
  | "TargetNodeMapAccessSet"
  | "TargetNodeAuthSet"
  | "TargetNodeHistogramSet"
  | "TargetNodeRedirectSet"
  | "TargetNodeRedirectCleared"
>

/** What logins need and meet, and what groups are called. */
const evolveLogins = (state: State, event: LoginEvent, seq: number): State => {
  switch (event._tag) {
    case "GroupNamed":
      return evolveGroupNamed(state, event)
    case "DiscoveryAuthSet":
      return evolveDiscoveryAuthSet(state, event)
    case "PortalGroupAuthSet":
      return evolvePortalGroupAuthSet(state, event)
    case "AuthGroupCreated":
      return evolveAuthGroupCreated(state, event, seq)
    case "AuthGroupSecretAdded":
      return evolveAuthGroupSecretAdded(state, event)
    case "AuthGroupSecretRemoved":
      return evolveAuthGroupSecretRemoved(state, event)
    case "AuthGroupDeleted":
      return evolveAuthGroupDeleted(state, event)
    case "TargetNodeMapAccessSet":
      return evolveTargetNodeMapAccessSet(state, event)
    case "TargetNodeAuthSet":
      return evolveTargetNodeAuthSet(state, event)
    case "TargetNodeRedirectSet":
      return evolveTargetNodeRedirectSet(state, event)
    case "TargetNodeHistogramSet":
      return evolveTargetNodeHistogramSet(state, event)
    case "TargetNodeRedirectCleared":
      return evolveTargetNodeRedirectCleared(state, event)
  }
}

type BdevEvent = EventOf<
  | "BdevCreated"
  | "BdevRemovalStarted"
  | "BdevRemoved"
  | "BdevResized"
  | "BdevLatenciesSet"
  | "BdevQosSet"
  | "BdevHistogramSet"
  | "BdevErrorInjected"
  | "BdevOverlayReset"
  | "BdevContentLoaded"
  | "BdevReattached"
  | "BdevForgotten"
>

const evolveBdevs = (state: State, event: BdevEvent | LoginEvent, seq: number): State => {
  switch (event._tag) {
    case "BdevCreated":
      return evolveBdevAttached(state, event, seq)
    case "BdevRemovalStarted":
      return evolveBdevDetaching(state, event, seq)
    case "BdevRemoved":
      return evolveBdevRemoved(state, event)
    case "BdevResized":
      return evolveBdevResized(state, event)
    case "BdevLatenciesSet":
      return evolveBdevLatenciesSet(state, event)
    case "BdevQosSet":
      return evolveBdevQosSet(state, event)
    case "BdevHistogramSet":
      return evolveBdevHistogramSet(state, event)
    case "BdevContentLoaded":
      return evolveBdevContentLoaded(state, event)
    case "BdevReattached":
      return evolveBdevReattached(state, event)
    case "BdevForgotten":
      return evolveBdevForgotten(state, event)
    case "BdevErrorInjected":
    case "BdevOverlayReset":
      return state
    default:
      return evolveLogins(state, event, seq)
  }
}

const evolveOthers = (
  state: State,
  event:
    | BdevEvent
    | LoginEvent
    | EventOf<
        | "EpochStarted"
        | "Forked"
        | "LogOptionsSet"
        | "InertSettingRecorded"
        | "InertSettingRemoved"
        | "NvmeControllerAttached"
        | "NvmeControllerDetached"
        | "NvmeHotplugSet"
        | "ConfigDesiredPart"
        | "ConfigTakenDown"
        | "ConfigApplied"
        | "ReplayStarted"
        | "RecordsReplayed"
        | "ReplayEnded"
        | "ReservationsChanged"
      >,
  seq: number
): State => {
  switch (event._tag) {
    case "EpochStarted":
      return evolveEpochStarted(state, event, seq)
    case "Forked":
      return evolveForked(state, event, seq)
    case "LogOptionsSet":
      return { ...state, logOptions: event.options }
    case "InertSettingRecorded":
      return evolveInertSettingRecorded(state, event, seq)
    case "InertSettingRemoved":
      return evolveInertSettingRemoved(state, event)
    case "NvmeControllerAttached":
      return evolveNvmeControllerAttached(state, event, seq)
    case "NvmeControllerDetached":
      return evolveNvmeControllerDetached(state, event)
    case "NvmeHotplugSet":
      return evolveNvmeHotplugSet(state, event)
    case "ConfigDesiredPart":
      return evolveConfigDesiredPart(state, event)
    case "ConfigTakenDown":
      return evolveConfigTakenDown(state, event)
    case "ConfigApplied":
      return evolveConfigApplied(state, event, seq)
    case "ReplayStarted":
      return evolveReplayStarted(state, event)
    case "RecordsReplayed":
      return evolveRecordsReplayed(state, event, seq)
    case "ReplayEnded":
      return evolveReplayEnded(state, event)
    case "ReservationsChanged":
      return evolveReservationsChanged(state, event)
    default:
      return evolveBdevs(state, event, seq)
  }
}

/** `seq` is the event's place in the log; things that the event creates have it as their incarnation. */
export const evolve = (state: State, event: Event, seq: number): State => {
  switch (event._tag) {
    case "IscsiOptionsSet":
      return { ...state, options: event.options }
    case "PortalGroupCreated":
      return evolvePortalGroupCreated(state, event, seq)
    case "PortalGroupStarted":
      return evolvePortalGroupStarted(state, event)
    case "PortalGroupDeleted":
      return evolvePortalGroupDeleted(state, event)
    case "InitiatorGroupCreated":
      return evolveInitiatorGroupCreated(state, event, seq)
    case "InitiatorGroupMembersAdded":
      return evolveInitiatorGroupMembersAdded(state, event)
    case "InitiatorGroupMembersRemoved":
      return evolveInitiatorGroupMembersRemoved(state, event)
    case "InitiatorGroupDeleted":
      return evolveInitiatorGroupDeleted(state, event)
    case "TargetNodeCreated":
      return evolveTargetNodeCreated(state, event, seq)
    case "TargetNodeMapsAdded":
      return evolveTargetNodeMapsAdded(state, event)
    case "TargetNodeMapsRemoved":
      return evolveTargetNodeMapsRemoved(state, event)
    case "LunAdded":
      return evolveLunAdded(state, event, seq)
    case "LunRemovalStarted":
      return evolveLunRemovalStarted(state, event, seq)
    case "LunRemoved":
      return evolveLunRemoved(state, event)
    case "TargetNodeDeletionStarted":
      return evolveTargetNodeDeletionStarted(state, event, seq)
    case "TargetNodeSessionsClosed":
      return evolveTargetNodeSessionsClosed(state, event)
    case "TargetNodeDeleted":
      return evolveTargetNodeDeleted(state, event)
    case "TargetNodeLogoutRequested":
      return state
    default:
      return evolveOthers(state, event, seq)
  }
}
