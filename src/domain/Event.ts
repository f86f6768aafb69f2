/**
 * Everything that can happen to the control plane. Events are plain tagged objects of plain values: what is logged is
 * what is folded. Their meaning never changes; `event-codec.ts` has the versions.
 */
import { Schema } from "effect"
import { authGroupEvents } from "./auth/AuthGroup.ts"
import { bdevEvents } from "./bdev/Bdev.ts"
import { detachedBdevEvents } from "./bdev/DetachedBdev.ts"
import { appliedConfigEvents } from "./config/AppliedConfig.ts"
import { epochEvents } from "./Epoch.ts"
import { groupNameEvents } from "./group/GroupName.ts"
import { initiatorGroupEvents } from "./group/InitiatorGroup.ts"
import { portalGroupEvents } from "./group/PortalGroup.ts"
import { nvmeEvents } from "./nvme/NvmeController.ts"
import { inertSettingEvents } from "./options/InertSettings.ts"
import { iscsiOptionsEvents } from "./options/IscsiOptions.ts"
import { logOptionsEvents } from "./options/LogOptions.ts"
import { forkEvents } from "./replay/Fork.ts"
import { replayEvents } from "./replay/Replay.ts"
import { reservationEvents } from "./reservation/Reservation.ts"
import { targetNodeEvents } from "./target/TargetNode.ts"

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
  ...detachedBdevEvents,
  ...nvmeEvents,
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
