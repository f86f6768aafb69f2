/**
 * Every rule of the control plane: which events a command leads to in a state, or why it is refused. Pure and
 * synchronous; a refused command leads to nothing. No events at all means that there is nothing to do, which is a
 * success.
 */

import {
  decideAddAuthGroupSecret,
  decideCreateAuthGroup,
  decideDeleteAuthGroup,
  decideRemoveAuthGroupSecret
} from "./auth/auth-group-decide.ts"
import {
  decideRecordBdevContentLoaded,
  decideRecordBdevResized,
  decideRescanAioBdev,
  decideResetOverlayBdev,
  decideResizeNullBdev,
  decideSetBdevLatencies,
  decideSetBdevQos
} from "./bdev/bdev-change-decide.ts"
import { decideCreateBdev, decideDeleteBdev, decideInjectBdevError } from "./bdev/bdev-decide.ts"
import { decideAttachBdev, decideRestoreAttachedBdev } from "./bdev/bdev-detached-decide.ts"
import { decideSetBdevHistogram } from "./bdev/bdev-histogram-decide.ts"
import { decideSplitBdev, decideUnsplitBdev } from "./bdev/bdev-split-decide.ts"
import type { Command, CommandOf } from "./Command.ts"
import { decideRecordConfigApplied, decideRecordConfigTakenDown } from "./config/applied-config-decide.ts"
import type { Decision } from "./decision.ts"
import { decideStartEpoch } from "./epoch-decide.ts"
import { decideNameGroup } from "./group/group-name-decide.ts"
import {
  decideAddInitiatorGroupMembers,
  decideCreateInitiatorGroup,
  decideDeleteInitiatorGroup,
  decideRemoveInitiatorGroupMembers
} from "./group/initiator-group-decide.ts"
import {
  decideCreatePortalGroup,
  decideDeletePortalGroup,
  decideSetPortalGroupAuth,
  decideStartPortalGroup
} from "./group/portal-group-decide.ts"
import {
  decideAttachNvmeController,
  decideAttachNvmeNamespace,
  decideDetachNvmeController,
  decideSetNvmeHotplug
} from "./nvme/nvme-decide.ts"
import { decideInertSetting } from "./options/inert-settings-decide.ts"
import { decideSetDiscoveryAuth, decideSetIscsiOptions } from "./options/iscsi-options-decide.ts"
import { decideSetLogOptions } from "./options/log-options-decide.ts"
import { decideRecordForked } from "./replay/fork-decide.ts"
import { decideReplayRecords, decideStartReplay, decideStopReplay } from "./replay/replay-decide.ts"
import { decideChangeReservations, decideClearReservations } from "./reservation/reservation-decide.ts"
import type { State } from "./State.ts"
import {
  decideRecordBdevVanished,
  decideRecordLunDrained,
  decideRecordTargetSessionsClosed
} from "./target/lun-removal.ts"
import {
  decideAddLun,
  decideAddPgIgMaps,
  decideCreateTargetNode,
  decideDeleteTargetNode,
  decideRemoveLun,
  decideRemovePgIgMaps,
  decideSetTargetNodeMapAccess
} from "./target/target-node-decide.ts"
import {
  decideRequestTargetNodeLogout,
  decideSetTargetNodeAuth,
  decideSetTargetNodeHistogram,
  decideSetTargetNodeRedirect
} from "./target/target-node-login.ts"

type LoginCommand = CommandOf<
  | "NameGroup"
  | "SetDiscoveryAuth"
  | "SetLogOptions"
  | "SetPortalGroupAuth"
  | "CreateAuthGroup"
  | "AddAuthGroupSecret"
  | "RemoveAuthGroupSecret"
  | "DeleteAuthGroup"
  | "SetTargetNodeMapAccess"
  | "SetTargetNodeAuth"
  | "SetTargetNodeHistogram"
  | "SetTargetNodeRedirect"
  | "RequestTargetNodeLogout"
>

/** What logins need and meet, and what groups are called. */
const decideLogins = (state: State, command: LoginCommand): Decision => {
  switch (command._tag) {
    case "NameGroup":
      return decideNameGroup(state, command)
    case "SetLogOptions":
      return decideSetLogOptions(state, command)
    case "SetDiscoveryAuth":
      return decideSetDiscoveryAuth(state, command)
    case "SetPortalGroupAuth":
      return decideSetPortalGroupAuth(state, command)
    case "CreateAuthGroup":
      return decideCreateAuthGroup(state, command)
    case "AddAuthGroupSecret":
      return decideAddAuthGroupSecret(state, command)
    case "RemoveAuthGroupSecret":
      return decideRemoveAuthGroupSecret(state, command)
    case "DeleteAuthGroup":
      return decideDeleteAuthGroup(state, command)
    case "SetTargetNodeMapAccess":
      return decideSetTargetNodeMapAccess(state, command)
    case "SetTargetNodeAuth":
      return decideSetTargetNodeAuth(state, command)
    case "SetTargetNodeHistogram":
      return decideSetTargetNodeHistogram(state, command)
    case "SetTargetNodeRedirect":
      return decideSetTargetNodeRedirect(state, command)
    case "RequestTargetNodeLogout":
      return decideRequestTargetNodeLogout(state, command)
  }
}

type NvmeCommand = CommandOf<"AttachNvmeController" | "AttachNvmeNamespace" | "DetachNvmeController" | "SetNvmeHotplug">

const decideNvme = (state: State, command: NvmeCommand | LoginCommand): Decision => {
  switch (command._tag) {
    case "AttachNvmeController":
      return decideAttachNvmeController(state, command)
    case "AttachNvmeNamespace":
      return decideAttachNvmeNamespace(state, command)
    case "DetachNvmeController":
      return decideDetachNvmeController(state, command)
    case "SetNvmeHotplug":
      return decideSetNvmeHotplug(state, command)
    default:
      return decideLogins(state, command)
  }
}

type BdevCommand = CommandOf<
  | "CreateBdev"
  | "DeleteBdev"
  | "SplitBdev"
  | "UnsplitBdev"
  | "ResetOverlayBdev"
  | "InjectBdevError"
  | "ResizeNullBdev"
  | "SetBdevLatencies"
  | "RescanAioBdev"
  | "SetBdevQos"
  | "SetBdevHistogram"
  | "RecordBdevResized"
  | "RecordBdevVanished"
  | "RecordBdevContentLoaded"
  | "AttachBdev"
  | "RestoreAttachedBdev"
>

const decideBdevs = (state: State, command: BdevCommand | NvmeCommand | LoginCommand): Decision => {
  switch (command._tag) {
    case "CreateBdev":
      return decideCreateBdev(state, command)
    case "DeleteBdev":
      return decideDeleteBdev(state, command)
    case "SplitBdev":
      return decideSplitBdev(state, command)
    case "UnsplitBdev":
      return decideUnsplitBdev(state, command)
    case "ResetOverlayBdev":
      return decideResetOverlayBdev(state, command)
    case "InjectBdevError":
      return decideInjectBdevError(state, command)
    case "ResizeNullBdev":
      return decideResizeNullBdev(state, command)
    case "SetBdevQos":
      return decideSetBdevQos(state, command)
    case "SetBdevHistogram":
      return decideSetBdevHistogram(state, command)
    case "SetBdevLatencies":
      return decideSetBdevLatencies(state, command)
    case "RescanAioBdev":
      return decideRescanAioBdev(state, command)
    case "RecordBdevResized":
      return decideRecordBdevResized(state, command)
    case "RecordBdevContentLoaded":
      return decideRecordBdevContentLoaded(state, command)
    case "AttachBdev":
      return decideAttachBdev(state, command)
    case "RestoreAttachedBdev":
      return decideRestoreAttachedBdev(state, command)
    case "RecordBdevVanished":
      return decideRecordBdevVanished(state, command)
    default:
      return decideNvme(state, command)
  }
}

type GroupCommand = CommandOf<
  | "CreatePortalGroup"
  | "StartPortalGroup"
  | "DeletePortalGroup"
  | "CreateInitiatorGroup"
  | "AddInitiatorGroupMembers"
  | "RemoveInitiatorGroupMembers"
  | "DeleteInitiatorGroup"
>

const decideGroups = (state: State, command: GroupCommand): Decision => {
  switch (command._tag) {
    case "CreatePortalGroup":
      return decideCreatePortalGroup(state, command)
    case "StartPortalGroup":
      return decideStartPortalGroup(state, command)
    case "DeletePortalGroup":
      return decideDeletePortalGroup(state, command)
    case "CreateInitiatorGroup":
      return decideCreateInitiatorGroup(state, command)
    case "AddInitiatorGroupMembers":
      return decideAddInitiatorGroupMembers(state, command)
    case "RemoveInitiatorGroupMembers":
      return decideRemoveInitiatorGroupMembers(state, command)
    case "DeleteInitiatorGroup":
      return decideDeleteInitiatorGroup(state, command)
  }
}

/** The events of a command, or why it is refused. */
export const decide = (state: State, command: Command): Decision => {
  switch (command._tag) {
    case "StartEpoch":
      return decideStartEpoch(state, command)
    case "RecordForked":
      return decideRecordForked(state, command)
    case "SetIscsiOptions":
      return decideSetIscsiOptions(command)
    case "CreatePortalGroup":
    case "StartPortalGroup":
    case "DeletePortalGroup":
    case "CreateInitiatorGroup":
    case "AddInitiatorGroupMembers":
    case "RemoveInitiatorGroupMembers":
    case "DeleteInitiatorGroup":
      return decideGroups(state, command)
    case "CreateTargetNode":
      return decideCreateTargetNode(state, command)
    case "DeleteTargetNode":
      return decideDeleteTargetNode(state, command)
    case "AddLun":
      return decideAddLun(state, command)
    case "RemoveLun":
      return decideRemoveLun(state, command)
    case "AddPgIgMaps":
      return decideAddPgIgMaps(state, command)
    case "RemovePgIgMaps":
      return decideRemovePgIgMaps(state, command)
    case "RecordLunDrained":
      return decideRecordLunDrained(state, command)
    case "RecordTargetSessionsClosed":
      return decideRecordTargetSessionsClosed(state, command)
    case "RecordInertSetting":
    case "RemoveInertSetting":
      return decideInertSetting(state, command)
    case "RecordConfigTakenDown":
      return decideRecordConfigTakenDown(state, command)
    case "RecordConfigApplied":
      return decideRecordConfigApplied(state, command)
    case "StartReplay":
      return decideStartReplay(state, command)
    case "ReplayRecords":
      return decideReplayRecords(state, command)
    case "StopReplay":
      return decideStopReplay(state)
    case "ChangeReservations":
      return decideChangeReservations(state, command)
    case "ClearReservations":
      return decideClearReservations(state, command)
    default:
      return decideBdevs(state, command)
  }
}
