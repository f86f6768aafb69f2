/**
 * Names of groups: what a configuration file says in place of a tag. Each is unique among the groups of its kind; a
 * group may have none. Nothing but people and files goes by them.
 */
import { Schema } from "effect"
import { GroupName } from "../ids.ts"

/** Which groups: each kind has names of its own. */
export const GroupKind = Schema.Literals(["portal", "initiator", "auth"])
export type GroupKind = typeof GroupKind.Type

/** What can happen to names. */
export const groupNameEvents = {
  /** In place of the group's former name; without `name` it has none any more. */
  GroupNamed: { kind: GroupKind, tag: Schema.Natural, name: Schema.optionalKey(GroupName) }
} as const

/** What can be asked of names. */
export const groupNameCommands = {
  /** Without `name` the group's name is taken away. No event if it is so already. */
  NameGroup: { kind: GroupKind, tag: Schema.Number, name: Schema.optionalKey(Schema.String) }
} as const
