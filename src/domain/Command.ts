/**
 * Everything that can be asked of the control plane, and the facts that the data plane reports. Commands hold plain
 * numbers and strings as their sender wrote them; `decide` has the rules and says why one is refused. What a decision
 * needs of clock, randomness or the world comes in the command.
 */
import { Schema } from "effect"
import { appliedConfigCommands } from "./AppliedConfig.ts"
import { authGroupCommands } from "./AuthGroup.ts"
import { bdevCommands } from "./Bdev.ts"
import { epochCommands } from "./Epoch.ts"
import { Event } from "./Event.ts"
import { forkCommands } from "./Fork.ts"
import { groupNameCommands } from "./GroupName.ts"
import { inertSettingCommands } from "./InertSettings.ts"
import { initiatorGroupCommands } from "./InitiatorGroup.ts"
import { iscsiOptionsCommands } from "./IscsiOptions.ts"
import { Seq } from "./ids.ts"
import { logOptionsCommands } from "./LogOptions.ts"
import { portalGroupCommands } from "./PortalGroup.ts"
import { replayCommands } from "./Replay.ts"
import { reservationCommands } from "./Reservation.ts"
import { targetNodeCommands } from "./TargetNode.ts"

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
