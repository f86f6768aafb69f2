/**
 * What is remembered without anything depending on it: observations, by type and fields. Like an event's, the meaning
 * of (type, v) never changes; all are version 1 so far, and fields that came later are optional.
 */
import { Schema } from "effect"
import type { Cause, ObservationEntry } from "../../../eventlog/record.ts"
import { ioObservations } from "./io-observations.ts"
import { processObservations } from "./process-observations.ts"
import { sessionObservations } from "./session-observations.ts"

/** Everything that lunlog observes, beside what the event log tells of itself. */
export const Observation = Schema.TaggedUnion({ ...sessionObservations, ...ioObservations, ...processObservations })
export type Observation = typeof Observation.Type
/** The types of observations. */
export type ObservationType = Observation["_tag"]
/** The observation of one type: `ObservationOf<"SlowIo">`. */
export type ObservationOf<Tag extends ObservationType> = Extract<Observation, { readonly _tag: Tag }>

/** What to give the log for an observation. */
export const encodeObservation = ({ _tag, ...payload }: Observation, cause: Cause): ObservationEntry => ({
  type: _tag,
  v: 1,
  cause,
  payload
})

/** When each type is told: what `docs/log.md` says of it. */
export const observationOccasions: Readonly<Record<ObservationType, string>> = {
  SessionOpened: "an initiator has logged in to a target; `reinstated` if it took the place of session `replacedTsih`",
  SessionClosed: "a session has ended: `ending` says why in one word, `reason` in words",
  DiscoverySession: "a discovery session has ended",
  LoginRefused: "a login was refused or redirected: `status` as on the wire, `reason` in words",
  LoginAbandoned: "a connection ended in the middle of its login",
  ConnectionRefused: "a TCP connection was closed at once, because there are too many, of its address or of all",
  TaskManagement: "an initiator has aborted commands or reset a LUN, and was answered",
  PduRejected: "a PDU was answered with a Reject",
  DigestError: "a CRC32C digest did not match: what an initiator sent was changed on its way",
  ProtocolError: "an initiator broke the protocol, and its connection was closed",
  InternalError: "a mistake of lunlog cost a connection",
  IoFailed: "a read, write or flush failed, and its initiator was told so, with this sense data",
  BdevIoFailed: "a file operation of a disk failed, with the errno",
  SlowIo: "an IO took at least as long as the option `slowIo` says",
  IoStuck: "a disk has had IO for five times `slowIo`, and has not answered yet; told again when that has doubled",
  QueueFull: "commands were answered with TASK SET FULL or BUSY",
  QosThrottlingBegan: "IO of a disk with rate limits has begun to wait",
  QosThrottlingEnded: "no IO of it has waited for ten seconds",
  LunDrainStarted: "a LUN takes no commands from now on, and waits for those that its disk has",
  LunDrainEnded: "nothing of it is waited for any more; `late` with what hangs, if the deadline has passed",
  PortalUp: "a portal listens",
  PortalFailed: "a portal cannot be listened on; told once for each errno",
  PortalClosed: "a portal does not listen any more",
  BdevUp: "a disk in a file is open, or any other that could not be opened before",
  BdevFailed: "a disk cannot be opened, and is tried again; told once for each cause",
  BdevHealth: "a disk that is open does not work as it should (`degraded`), or does again (`ok`)",
  BdevClosed: "the file of a disk is closed",
  SessionLogoutRequested: "somebody has asked a session to log out (`lunlog session kick`)",
  ProcessStarted: "the server has started",
  ProcessEnded: "the server has ended in order; its absence before the next `ProcessStarted` says that it did not",
  ConfigurationRead: "the server has read its configuration file, at the start or again",
  ReactorCrashed: "one of several reactors has failed, and is started again; or the only one: restart the target",
  ReactorRecovered: "a reactor that had failed runs again, with the targets and disks that it had",
  TargetsMoved: "targets have moved to another reactor, since they share a disk with one that is there",
  ObservationsSuppressed: "so many observations were not told, because there were too many: by type"
}
