/** What each event says, in one sentence. */
import type { Event, EventOf } from "../../domain/Event.ts"
import { type BdevEventType, bdevSentence } from "./bdev-sentence.ts"
import { type NvmeEventType, nvmeSentence } from "./nvme-sentence.ts"
import { reservationSentence } from "./reservation-sentence.ts"
import { type TargetEventType, targetSentence } from "./target-sentence.ts"
import { authText, counted, listed, spanText } from "./words.ts"

type GroupEvent = EventOf<
  | "PortalGroupCreated"
  | "PortalGroupStarted"
  | "PortalGroupAuthSet"
  | "PortalGroupDeleted"
  | "InitiatorGroupCreated"
  | "InitiatorGroupMembersAdded"
  | "InitiatorGroupMembersRemoved"
  | "InitiatorGroupDeleted"
  | "AuthGroupCreated"
  | "AuthGroupSecretAdded"
  | "AuthGroupSecretRemoved"
  | "AuthGroupDeleted"
  | "GroupNamed"
>

const named = (kind: string, { name, tag }: { readonly name?: string; readonly tag: number }): string =>
  `${kind} group ${tag}${name === undefined ? "" : ` (${name})`}`

const membersText = (members: {
  readonly initiators: ReadonlyArray<string>
  readonly netmasks: ReadonlyArray<string>
}): string => {
  const { initiators, netmasks } = members
  const names = initiators.length === 0 ? [] : [`initiators ${listed(initiators)}`]
  return [...names, ...(netmasks.length === 0 ? [] : [`from ${listed(netmasks)}`])].join(" ") || "nobody"
}

const portalGroupText = (event: EventOf<"PortalGroupCreated">): string => {
  const portals = listed(event.portals.map(({ host, port }) => `${host}:${port}`))
  return `${portals}${event.private ? ", private" : ""}${event.wait ? ", not accepting yet" : ""}`
}

const usersText = (event: EventOf<"AuthGroupCreated">): string =>
  event.secrets.length === 0 ? "without secrets" : `secrets of ${listed(event.secrets.map(({ user }) => user))}`

const groupSentence = (event: GroupEvent): string => {
  switch (event._tag) {
    case "PortalGroupCreated":
      return `${named("portal", event)} was created: ${portalGroupText(event)}`
    case "PortalGroupStarted":
      return `portal group ${event.tag} accepts connections from now on`
    case "PortalGroupAuthSet":
      return `discovery over portal group ${event.tag} needs ${authText(event.auth)} from now on`
    case "PortalGroupDeleted":
      return `portal group ${event.tag} was deleted`
    case "InitiatorGroupCreated":
      return `${named("initiator", event)} was created: ${membersText(event)}`
    case "InitiatorGroupMembersAdded":
      return `initiator group ${event.tag} got ${membersText(event)}`
    case "InitiatorGroupMembersRemoved":
      return `initiator group ${event.tag} lost ${membersText(event)}`
    case "InitiatorGroupDeleted":
      return `initiator group ${event.tag} was deleted`
    case "AuthGroupCreated":
      return `${named("auth", event)} was created: ${usersText(event)}`
    case "AuthGroupSecretAdded":
      return `auth group ${event.tag} got a secret of ${event.secret.user}`
    case "AuthGroupSecretRemoved":
      return `auth group ${event.tag} lost the secret of ${event.user}`
    case "AuthGroupDeleted":
      return `auth group ${event.tag} was deleted`
    case "GroupNamed":
      return event.name === undefined
        ? `${event.kind} group ${event.tag} has no name any more`
        : `${event.kind} group ${event.tag} is called ${event.name} now`
  }
}

const epochText = ({ epoch, mode, version }: EventOf<"EpochStarted">): string => {
  if (epoch === 1) return `lunlog ${version} started for the first time (epoch 1)`
  return `lunlog ${version} started (epoch ${epoch}) ${mode === "resume" ? "with the state of before" : "empty"}`
}

const forkText = ({ data, mapping, sourceSeq }: EventOf<"Forked">): string =>
  `this target began as a fork of ${mapping.identity._tag === "Kept" ? "the same identity" : "another"}, ` +
  `at its record ${sourceSeq}, with ${data === "empty" ? "empty disks" : "a copy of its disks"}`

const replaySentence = (event: EventOf<"ReplayStarted" | "RecordsReplayed" | "ReplayEnded">): string => {
  switch (event._tag) {
    case "ReplayStarted":
      return `a replay of the source's records ${event.from + 1} to ${event.through} began`
    case "RecordsReplayed":
      return (
        `the source's records up to ${event.through} were played: ${counted(event.playedCount, "change")}` +
        `${event.skippedCount === 0 ? "" : `, ${event.skippedCount} skipped`}`
      )
    case "ReplayEnded":
      return `the replay has ended: ${event.cause}`
  }
}

const logOptionsText = ({ options }: EventOf<"LogOptionsSet">): string => {
  const { observationsMax, observationsMaxAgeMillis, slowIoMillis } = options
  const slow = slowIoMillis === 0 ? "no slow IO" : `IO of ${spanText(slowIoMillis)} and more`
  const kept = `${observationsMax} observations for ${spanText(observationsMaxAgeMillis)}`
  return `the log records ${slow} and keeps ${kept}`
}

/** Without who asked for it. */
export const eventSentence = (event: Event): string => {
  switch (event._tag) {
    case "EpochStarted":
      return epochText(event)
    case "Forked":
      return forkText(event)
    case "ReplayStarted":
    case "RecordsReplayed":
    case "ReplayEnded":
      return replaySentence(event)
    case "IscsiOptionsSet":
      return "the iSCSI options were set"
    case "LogOptionsSet":
      return logOptionsText(event)
    case "DiscoveryAuthSet":
      return `discovery needs ${authText(event.auth)} from now on`
    case "InertSettingRecorded":
      return `${event.method} was set${event.object === "" ? "" : ` for ${event.object}`}, which has no effect here`
    case "InertSettingRemoved":
      return `${event.method} was taken back${event.object === "" ? "" : ` for ${event.object}`}`
    case "ConfigDesiredPart":
      return `part ${event.index + 1} of a configuration: ${counted(event.desired.length, "entry", "entries")}`
    case "ConfigTakenDown":
      return event.desired.length === 0 && event.parts === 0
        ? "nothing that was taken down for a configuration is missing any more"
        : "a configuration takes objects down, to put them up again"
    case "ConfigApplied":
      return `configuration ${event.name} was applied to its end`
    case "ReservationsChanged":
      return reservationSentence(event)
    default:
      return familySentence(event)
  }
}

const isBdevEvent = (event: Event): event is Extract<Event, { readonly _tag: BdevEventType }> =>
  event._tag.startsWith("Bdev")

const isNvmeEvent = (event: Event): event is Extract<Event, { readonly _tag: NvmeEventType }> =>
  event._tag.startsWith("Nvme")

const isTargetEvent = (event: Event): event is Extract<Event, { readonly _tag: TargetEventType }> =>
  event._tag.startsWith("TargetNode") || event._tag.startsWith("Lun")

/** The compiler sees that nothing but groups is left. */
const familySentence = (
  event: GroupEvent | Extract<Event, { readonly _tag: BdevEventType | TargetEventType | NvmeEventType }>
): string => {
  if (isNvmeEvent(event)) return nvmeSentence(event)
  if (isBdevEvent(event)) return bdevSentence(event)
  return isTargetEvent(event) ? targetSentence(event) : groupSentence(event)
}
