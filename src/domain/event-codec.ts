/**
 * Events as the log holds them: a type, a version and a payload of plain values.
 *
 * The meaning of (type, v) never changes. An event whose meaning or fields change gets the next version here, and an
 * upcaster that turns the payload of the one before into it; only the newest is written, all are read for ever.
 */
import { Result, Schema } from "effect"
import type { ControlEntry, ControlRecord } from "../../eventlog/record.ts"
import { Event, type EventType } from "./Event.ts"

/** A control record of the log that is no event of ours. */
export class UnreadableEvent extends Schema.TaggedError<UnreadableEvent>()("UnreadableEvent", {
  seq: Schema.Natural,
  type: Schema.String,
  v: Schema.Number,
  detail: Schema.String
}) {
  override get message() {
    return `record ${this.seq} of the event log (${this.type}, version ${this.v}) cannot be read: ${this.detail}`
  }
}

/** The version that is written. */
const currentVersions: Readonly<Record<EventType, number>> = {
  EpochStarted: 1,
  Forked: 1,
  IscsiOptionsSet: 1,
  DiscoveryAuthSet: 1,
  LogOptionsSet: 1,
  PortalGroupCreated: 1,
  PortalGroupStarted: 1,
  PortalGroupAuthSet: 1,
  PortalGroupDeleted: 1,
  InitiatorGroupCreated: 1,
  InitiatorGroupMembersAdded: 1,
  InitiatorGroupMembersRemoved: 1,
  InitiatorGroupDeleted: 1,
  AuthGroupCreated: 1,
  AuthGroupSecretAdded: 1,
  AuthGroupSecretRemoved: 1,
  AuthGroupDeleted: 1,
  TargetNodeCreated: 1,
  TargetNodeMapsAdded: 1,
  TargetNodeMapsRemoved: 1,
  TargetNodeMapAccessSet: 1,
  TargetNodeAuthSet: 1,
  TargetNodeHistogramSet: 1,
  TargetNodeRedirectSet: 1,
  TargetNodeRedirectCleared: 1,
  TargetNodeLogoutRequested: 1,
  LunAdded: 1,
  LunRemovalStarted: 1,
  LunRemoved: 1,
  TargetNodeDeletionStarted: 1,
  TargetNodeSessionsClosed: 1,
  TargetNodeDeleted: 1,
  BdevCreated: 1,
  BdevRemovalStarted: 1,
  BdevRemoved: 1,
  BdevResized: 1,
  BdevLatenciesSet: 1,
  BdevQosSet: 1,
  BdevHistogramSet: 1,
  BdevErrorInjected: 1,
  BdevOverlayReset: 1,
  BdevContentLoaded: 1,
  BdevReattached: 1,
  BdevForgotten: 1,
  NvmeControllerAttached: 1,
  NvmeControllerDetached: 1,
  NvmeHotplugSet: 1,
  InertSettingRecorded: 1,
  InertSettingRemoved: 1,
  GroupNamed: 1,
  ConfigDesiredPart: 1,
  ConfigTakenDown: 1,
  ConfigApplied: 1,
  ReplayStarted: 1,
  RecordsReplayed: 1,
  ReplayEnded: 1,
  ReservationsChanged: 1
}

type Payload = Readonly<Record<string, unknown>>

/** From `type@v` to the payload of version v + 1. Empty until the first event has two versions. */
const upcasters: ReadonlyMap<string, (payload: Payload) => Payload> = new Map()

const decodeEvent = Schema.decodeUnknownResult(Event, { onExcessProperty: "error" })

const isEventType = (type: string): type is EventType => Object.hasOwn(currentVersions, type)

const isPayload = (value: unknown): value is Payload =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !("_tag" in value)

/** What to append for an event. */
export const encodeEvent = ({ _tag, ...payload }: Event): ControlEntry => ({
  type: _tag,
  v: currentVersions[_tag],
  payload
})

type StoredEvent = Pick<ControlRecord, "seq" | "type" | "v" | "payload">

const upcast = (type: string, from: number, to: number, payload: Payload): Payload | undefined => {
  let raised: Payload | undefined = payload
  for (let v = from; v < to && raised !== undefined; v++) raised = upcasters.get(`${type}@${v}`)?.(raised)
  return raised
}

/** The event of a record, in today's version. */
export const decodeRecord = (record: StoredEvent): Result.Result<Event, UnreadableEvent> => {
  const { payload, seq, type, v } = record
  const refuse = (detail: string) => Result.fail(new UnreadableEvent({ seq, type, v, detail }))
  if (!isEventType(type)) return refuse("no such event is known here; use the version of lunlog that wrote it")
  const current = currentVersions[type]
  if (!Number.isInteger(v) || v < 1 || v > current) {
    return refuse(`versions 1 to ${current} are known here; use the version of lunlog that wrote it`)
  }
  const raised = isPayload(payload) ? upcast(type, v, current, payload) : undefined
  if (raised === undefined) return refuse("its payload is not a map")
  const event = decodeEvent({ ...raised, _tag: type })
  return Result.isSuccess(event) ? Result.succeed(event.success) : refuse(event.failure.message)
}
