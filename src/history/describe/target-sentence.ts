/** What the events of targets and LUNs say, in words. */
import type { Event, EventOf, EventType } from "../../domain/Event.ts"
import type { LunRemovedCause, PgIgMap } from "../../domain/target/TargetNode.ts"
import { authText, counted, listed, spanText } from "./words.ts"

/** The events of this file. */
export type TargetEventType = Extract<EventType, `TargetNode${string}` | `Lun${string}`>

const accessText = ({ luns, readOnly }: Pick<PgIgMap, "luns" | "readOnly">): string => {
  const seen = luns === undefined ? [] : [luns.length === 0 ? "no LUN" : `LUN ${listed(luns.map(String))} only`]
  return [...seen, ...(readOnly === true ? ["read-only"] : [])].join(", ")
}

const mapText = (map: PgIgMap): string => {
  const access = accessText(map)
  const groups = `initiator group ${map.initiatorGroup} over portal group ${map.portalGroup}`
  return access === "" ? groups : `${groups} (${access})`
}

const unmapReasons: Readonly<Record<EventOf<"TargetNodeMapsRemoved">["cause"], string>> = {
  requested: "",
  "portal-group-deleted": ": the portal group was deleted",
  "initiator-group-deleted": ": the initiator group was deleted"
}

const removalReasons: Readonly<Record<LunRemovedCause, string>> = {
  requested: "it is being removed",
  "bdev-deleted": "its bdev is being deleted",
  "bdev-vanished": "its bdev has vanished",
  "target-deleted": "its target is being deleted",
  boot: "the process had ended while it drained"
}

const createdText = (event: EventOf<"TargetNodeCreated">): string => {
  const { alias, auth, dataDigest, headerDigest, queueDepth } = event
  const digests = [...(headerDigest ? ["header"] : []), ...(dataDigest ? ["data"] : [])]
  const parts = [
    ...(alias === "" ? [] : [`alias ${JSON.stringify(alias)}`]),
    `queue depth ${queueDepth}`,
    authText(auth),
    ...(digests.length === 0 ? [] : [`${listed(digests)} digests required`])
  ]
  return parts.join(", ")
}

const removedText = ({ aborted, cause, drained, durationMillis }: EventOf<"LunRemoved">): string => {
  if (cause === "boot") return removalReasons.boot
  const ended = aborted === 0 ? "" : `, ${counted(aborted, "command")} aborted`
  if (drained === 0 && aborted === 0)
    return `nothing was in flight${durationMillis === 0 ? "" : ` after ${spanText(durationMillis)}`}`
  const self = drained === 1 ? "itself" : "themselves"
  return `${counted(drained, "command")} ended by ${self}${ended}, in ${spanText(durationMillis)}`
}

const lunSentence = (event: EventOf<"LunAdded" | "LunRemovalStarted" | "LunRemoved">): string => {
  const lun = `LUN ${event.lun} of ${event.target}`
  switch (event._tag) {
    case "LunAdded":
      return `${lun} was added: bdev ${event.bdev.name}`
    case "LunRemovalStarted":
      return `${lun} began to drain: ${removalReasons[event.cause]}`
    case "LunRemoved":
      return `${lun} is gone: ${removedText(event)}`
  }
}

const logoutText = ({ portalGroup, target }: EventOf<"TargetNodeLogoutRequested">): string =>
  `sessions of ${target}${portalGroup === undefined ? "" : ` over portal group ${portalGroup}`} were asked to log out`

/** Without who asked for it. */
export const targetSentence = (event: Extract<Event, { readonly _tag: TargetEventType }>): string => {
  switch (event._tag) {
    case "LunAdded":
    case "LunRemovalStarted":
    case "LunRemoved":
      return lunSentence(event)
    case "TargetNodeCreated":
      return `target ${event.name} was created: ${createdText(event)}`
    case "TargetNodeMapsAdded":
      return `target ${event.target} was opened to ${listed(event.maps.map(mapText))}`
    case "TargetNodeMapsRemoved":
      return `target ${event.target} was closed to ${listed(event.maps.map(mapText))}${unmapReasons[event.cause]}`
    case "TargetNodeMapAccessSet": {
      const access = accessText(event)
      const { luns: _, readOnly: __, ...map } = event
      return `${mapText(map)} may use ${access === "" ? "all LUNs" : access} of target ${event.target} now`
    }
    case "TargetNodeAuthSet":
      return `logins to target ${event.target} need ${authText(event.auth)} from now on`
    case "TargetNodeHistogramSet":
      return `latencies of target ${event.target} are counted ${event.enabled ? "from now on" : "no more"}`
    case "TargetNodeRedirectSet":
      return (
        `logins to target ${event.target} over portal group ${event.portalGroup} are sent to ` +
        `${event.host}:${event.port} ${event.permanent ? "for good" : "from now on"}`
      )
    case "TargetNodeRedirectCleared":
      return `logins to target ${event.target} over portal group ${event.portalGroup} are redirected no more`
    case "TargetNodeLogoutRequested":
      return logoutText(event)
    case "TargetNodeDeletionStarted":
      return `target ${event.target} began to go: nobody can log in any more`
    case "TargetNodeSessionsClosed":
      return `sessions of target ${event.target} have ended: ${event.closed} logged out, ${event.cut} cut`
    case "TargetNodeDeleted":
      return `target ${event.target} is gone`
  }
}
