/**
 * Initiator groups: who may log in (names) and from where (netmasks). `access.ts` says how they decide.
 *
 * Members keep their order, because the first name that matches decides. Changes of members are all or nothing.
 */
import { Schema } from "effect"
import { GroupName, Incarnation, InitiatorGroupTag } from "../ids.ts"

/** Names of one group; the same for its netmasks. */
export const INITIATORS_PER_GROUP_MAX = 256
/** Netmasks of one group. */
export const NETMASKS_PER_GROUP_MAX = 256
/** Characters of a netmask. */
export const NETMASK_LENGTH_MAX = 64

/** `ANY`, an initiator's name, or either with `!` in front, which denies. */
export const InitiatorPattern = Schema.String.check(Schema.isMaxLength(224)).pipe(Schema.brand("InitiatorPattern"))
export type InitiatorPattern = typeof InitiatorPattern.Type

/** `ANY`, `a.b.c.d[/1-32]` or `[ipv6][/1-128]`. */
export const Netmask = Schema.String.check(Schema.isMaxLength(NETMASK_LENGTH_MAX)).pipe(Schema.brand("Netmask"))
export type Netmask = typeof Netmask.Type

/** An initiator group in the state. */
export const InitiatorGroup = Schema.Struct({
  tag: InitiatorGroupTag,
  incarnation: Incarnation,
  /** What a configuration file calls it. */
  name: Schema.optionalKey(GroupName),
  initiators: Schema.Array(InitiatorPattern),
  netmasks: Schema.Array(Netmask)
})
export type InitiatorGroup = typeof InitiatorGroup.Type

const members = {
  tag: InitiatorGroupTag,
  initiators: Schema.Array(InitiatorPattern),
  netmasks: Schema.Array(Netmask)
}

const memberTexts = {
  tag: Schema.Number,
  initiators: Schema.Array(Schema.String),
  netmasks: Schema.Array(Schema.String)
}

/** What can happen to initiator groups. */
export const initiatorGroupEvents = {
  InitiatorGroupCreated: { ...members, name: Schema.optionalKey(GroupName) },
  InitiatorGroupMembersAdded: members,
  InitiatorGroupMembersRemoved: members,
  InitiatorGroupDeleted: { tag: InitiatorGroupTag, incarnation: Incarnation }
} as const

/** What can be asked of initiator groups. */
export const initiatorGroupCommands = {
  CreateInitiatorGroup: { ...memberTexts, name: Schema.optionalKey(Schema.String) },
  AddInitiatorGroupMembers: memberTexts,
  RemoveInitiatorGroupMembers: memberTexts,
  DeleteInitiatorGroup: { tag: Schema.Number }
} as const
