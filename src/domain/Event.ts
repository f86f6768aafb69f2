/**
 * Everything that can happen to the control plane. Events are plain tagged objects of plain values: what is logged is
 * what is folded. Their meaning never changes; `event-codec.ts` has the versions.
 */
import { Schema } from "effect"
import { appliedConfigEvents } from "./AppliedConfig.ts"
import { authGroupEvents } from "./AuthGroup.ts"
import { bdevEvents } from "./Bdev.ts"
import { epochEvents } from "./Epoch.ts"
import { forkEvents } from "./Fork.ts"
import { groupNameEvents } from "./GroupName.ts"
import { inertSettingEvents } from "./InertSettings.ts"
import { initiatorGroupEvents } from "./InitiatorGroup.ts"
import { iscsiOptionsEvents } from "./IscsiOptions.ts"
import { logOptionsEvents } from "./LogOptions.ts"
import { portalGroupEvents } from "./PortalGroup.ts"
import { replayEvents } from "./Replay.ts"
import { reservationEvents } from "./Reservation.ts"
import { targetNodeEvents } from "./TargetNode.ts"

/** A fact of the log. */
export const Event = Schema.TaggedUnion({
  ...epochEvents,
  ...forkEvents,
  ...iscsiOptionsEvents,
  ...logOptionsEvents,
  ...portalGroupEvents,
  ...initiatorGroupEvents,
  ...authGroupEvents,
  ...targetNodeEvents,
  ...bdevEvents,
  ...inertSettingEvents,
  ...groupNameEvents,
  ...appliedConfigEvents,
  ...replayEvents,
  ...reservationEvents
})
export type Event = typeof Event.Type
/** The tags of events, which are their types in the log. */
export type EventType = Event["_tag"]
/** The event of one tag: `EventOf<"LunAdded">`. */
export type EventOf<Tag extends EventType> = Extract<Event, { readonly _tag: Tag }>
