/**
 * Everything that can be asked of the control plane, and the facts that the data plane reports. Commands hold plain
 * numbers and strings as their sender wrote them; `decide` has the rules and says why one is refused. What a decision
 * needs of clock, randomness or the world comes in the command.
 */
import { Schema } from "effect"
import { authGroupCommands } from "./auth/AuthGroup.ts"
import { bdevCommands } from "./bdev/Bdev.ts"
import { detachedBdevCommands } from "./bdev/DetachedBdev.ts"
import { appliedConfigCommands } from "./config/AppliedConfig.ts"
import { epochCommands } from "./Epoch.ts"
import { Event } from "./Event.ts"
import { groupNameCommands } from "./group/GroupName.ts"
import { initiatorGroupCommands } from "./group/InitiatorGroup.ts"
import { portalGroupCommands } from "./group/PortalGroup.ts"
import { Seq } from "./ids.ts"
import { nvmeCommands } from "./nvme/NvmeController.ts"
import { inertSettingCommands } from "./options/InertSettings.ts"
import { iscsiOptionsCommands } from "./options/IscsiOptions.ts"
import { logOptionsCommands } from "./options/LogOptions.ts"
import { forkCommands } from "./replay/Fork.ts"
import { replayCommands } from "./replay/Replay.ts"
import { reservationCommands } from "./reservation/Reservation.ts"
import { targetNodeCommands } from "./target/TargetNode.ts"

/** A request or a fact. */
export const Command = Schema.TaggedUnion({
  ...epochCommands,
  ...forkCommands,
  ...iscsiOptionsCommands,
  ...logOptionsCommands,
  ...portalGroupCommands,
  ...initiatorGroupCommands,
  ...authGroupCommands,
  ...targetNodeCommands,
  ...bdevCommands,
  ...detachedBdevCommands,
  ...nvmeCommands,
  ...inertSettingCommands,
  ...groupNameCommands,
  ...appliedConfigCommands,
  ...replayCommands,
  ...reservationCommands,
  /** Records of the source up to `through`, mapped to the fork but for incarnations, which are the source's. */
  ReplayRecords: {
    /** Refused unless this is the last record that was played; any will do if absent. */
    after: Schema.optionalKey(Schema.Number),
    through: Schema.Number,
    records: Schema.Array(Schema.Struct({ seq: Seq, event: Event }))
  }
})
export type Command = typeof Command.Type
/** The command of one tag: `CommandOf<"AddLun">`. */
export type CommandOf<Tag extends Command["_tag"]> = Extract<Command, { readonly _tag: Tag }>
