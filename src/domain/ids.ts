/**
 * Names and numbers that travel through the control plane, as types that cannot be swapped for one another.
 *
 * Commands carry plain numbers and strings; `decide` turns them into these, and events and state hold nothing else.
 * A schema here may be loosened but never tightened: old logs hold values that passed it.
 */
import { Schema } from "effect"

/** Longest iSCSI name (RFC 7143 section 4.2.7.2), in bytes of UTF-8. */
export const ISCSI_NAME_BYTES_MAX = 223
/** Highest LUN id of a target. Single-level addressing holds 16383; SPDK stops at 255. */
export const LUN_MAX = 255
/** Longest bdev name, in characters. */
export const BDEV_NAME_LENGTH_MAX = 255

/** Highest tag of an auth group: what SPDK's parameter holds. */
export const AUTH_GROUP_TAG_MAX = 2 ** 31 - 1

const uint16Tag = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 }))

/** Target portal group tag: 16 bits on the wire (RFC 7143 section 13.9), 0 is not used. */
export const PortalGroupTag = uint16Tag.pipe(Schema.brand("PortalGroupTag"))
export type PortalGroupTag = typeof PortalGroupTag.Type

/** Tag of an initiator group; never on the wire, held to the same range as portal group tags. */
export const InitiatorGroupTag = uint16Tag.pipe(Schema.brand("InitiatorGroupTag"))
export type InitiatorGroupTag = typeof InitiatorGroupTag.Type

/** Tag of an auth group; `Auth.chapGroup` names it, with 0 for none. */
export const AuthGroupTag = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: AUTH_GROUP_TAG_MAX })).pipe(
  Schema.brand("AuthGroupTag")
)
export type AuthGroupTag = typeof AuthGroupTag.Type

/** A name for a portal, initiator or auth group: not all digits, so that it is never taken for a tag. */
export const GroupName = Schema.String.check(Schema.isPattern(/^(?!\d+$)[A-Za-z0-9._-]{1,64}$/u)).pipe(
  Schema.brand("GroupName")
)
export type GroupName = typeof GroupName.Type

/**
 * `iqn.yyyy-mm.…`, `eui.…` or `naa.…` (RFC 7143 section 4.2.7), with SPDK's tolerance: any case, bytes above 0x7f.
 * Two names that differ only in case are the same; `iscsiNameKey` gives what to compare by.
 */
export const IscsiName = Schema.String.check(
  Schema.isPattern(/^(?:iqn\.[0-9]{4}-[0-9]{2}\.|eui\.|naa\.)[a-z0-9.:\u{80}-\u{10ffff}-]*$/iu),
  Schema.isMaxLength(ISCSI_NAME_BYTES_MAX)
).pipe(Schema.brand("IscsiName"))
export type IscsiName = typeof IscsiName.Type

/** What iSCSI names are compared and looked up by. */
export const iscsiNameKey = (name: string): string => name.toLowerCase()

/** What other names and patterns of initiators are compared by. */
export const textKey = (text: string): string => text.toLowerCase()

/** Logical unit number as it is given in RPCs and shown to users. */
export const Lun = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: LUN_MAX })).pipe(Schema.brand("Lun"))
export type Lun = typeof Lun.Type

const bdevNamePattern = /^[^\p{C}\p{Z}:]+$/u

/** Printable, without `:` and space, which rpc.py's `BDEV:LUN` lists are cut at. */
export const BdevName = Schema.String.check(
  Schema.isPattern(bdevNamePattern),
  Schema.isMaxLength(BDEV_NAME_LENGTH_MAX)
).pipe(Schema.brand("BdevName"))
export type BdevName = typeof BdevName.Type

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u

/** A UUID in lower case with dashes; any version, since users bring their own. */
export const Uuid = Schema.String.check(Schema.isPattern(uuidPattern)).pipe(Schema.brand("Uuid"))
export type Uuid = typeof Uuid.Type

/** Position of a record in the event log; 0 before the first. */
export const Seq = Schema.Natural
export type Seq = typeof Seq.Type

/**
 * Seq of the event that created a thing. Together with the name it tells a thing from another one of the same name
 * that came before or after it.
 */
export const Incarnation = Schema.Natural.pipe(Schema.brand("Incarnation"))
export type Incarnation = typeof Incarnation.Type

/** Relative target port identifier (SPC-4 section 7.8.6.2.6): 1..65535, unique within a target and never changed. */
export const RelativePortId = uint16Tag.pipe(Schema.brand("RelativePortId"))
export type RelativePortId = typeof RelativePortId.Type

/** Whether a number can be a portal group tag. */
export const isPortalGroupTag = Schema.is(PortalGroupTag)
/** Whether a number can be an initiator group tag. */
export const isInitiatorGroupTag = Schema.is(InitiatorGroupTag)
/** Whether a number can be an auth group tag. */
export const isAuthGroupTag = Schema.is(AuthGroupTag)
/** Whether a text can be the name of a group. */
export const isGroupName = Schema.is(GroupName)
// What files have by the ten thousand is checked without a run of the schema: it is most of what a decision would cost.
/** Whether a number can be a LUN id. */
export const isLun = (lun: number): lun is Lun => Number.isSafeInteger(lun) && lun >= 0 && lun <= LUN_MAX
/** Whether a text can be the name of a bdev. */
export const isBdevName = (text: string): text is BdevName =>
  text.length <= BDEV_NAME_LENGTH_MAX && bdevNamePattern.test(text)
/** Whether a text is a UUID in lower case. */
export const isUuid = (text: string): text is Uuid => uuidPattern.test(text)
