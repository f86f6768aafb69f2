/**
 * Target nodes, their LUN mappings, and who may reach them (maps of a portal group to an initiator group).
 *
 * A LUN mapping is named by (target, lun, incarnation). Its life: added, active, draining, removed; the id is taken
 * until the end. A target that is being deleted keeps its name until its LUNs are gone and its sessions closed.
 */
import { type HashMap, Schema } from "effect"
import { BdevRef } from "../bdev/BdevSpec.ts"
import { Portal } from "../group/PortalGroup.ts"
import { Incarnation, InitiatorGroupTag, IscsiName, Lun, PortalGroupTag, RelativePortId, Seq } from "../ids.ts"
import { Auth, AuthRequest } from "../options/IscsiOptions.ts"

/** Targets in all, also those that are being deleted. */
export const TARGETS_MAX = 1024
/** LUNs in one create command. */
export const LUNS_PER_CREATE_MAX = 64
/** Distinct portal groups of one target. SPDK has 4. */
export const PORTAL_GROUPS_PER_TARGET_MAX = 16
/** Maps of one target, and of one command. */
export const MAPS_PER_TARGET_MAX = 256
/** Bytes of UTF-8 of an alias. */
export const ALIAS_BYTES_MAX = 223

/** What a target is given at its creation and keeps. */
export const targetAttributes = {
  /** May be empty. */
  alias: Schema.String,
  /** Commands per session: MaxCmdSN = ExpCmdSN + queueDepth - 1. */
  queueDepth: Schema.Natural,
  auth: Auth,
  /** CRC32C is required; else the initiator chooses. */
  headerDigest: Schema.Boolean,
  dataDigest: Schema.Boolean
} as const

/** What a map gives to the sessions that it has let in. */
export const MapAccess = Schema.Struct({
  /** LUN ids that they see, ascending, whether the target has them or not; absent: all. */
  luns: Schema.optionalKey(Schema.Array(Lun)),
  /** They may not write. */
  readOnly: Schema.optionalKey(Schema.Literal(true))
})
export type MapAccess = typeof MapAccess.Type

/** Logins over this portal group are decided by this initiator group. */
export const PgIgMap = Schema.Struct({
  portalGroup: PortalGroupTag,
  initiatorGroup: InitiatorGroupTag,
  ...MapAccess.fields
})
export type PgIgMap = typeof PgIgMap.Type

/** Logins over a portal group are sent elsewhere (RFC 7143 section 11.13.5): status 01/01, or 01/02 for good. */
export const Redirect = Schema.Struct({
  portalGroup: PortalGroupTag,
  /** An IPv4 address, or an IPv6 address in brackets. */
  host: Portal.fields.host,
  port: Portal.fields.port,
  /** The initiator may remember it. */
  permanent: Schema.optionalKey(Schema.Literal(true))
})
export type Redirect = typeof Redirect.Type

/** Why a LUN drains. */
export const LunRemovalCause = Schema.Literals(["requested", "bdev-deleted", "bdev-vanished", "target-deleted"])
export type LunRemovalCause = typeof LunRemovalCause.Type

/** Active LUNs take commands; draining ones end those that they have. */
export const LunPhase = Schema.TaggedUnion({
  Active: {},
  Draining: { since: Seq, cause: LunRemovalCause }
})
export type LunPhase = typeof LunPhase.Type

/** A LUN of a target: which bdev it is. */
export const LunMapping = Schema.Struct({
  lun: Lun,
  bdev: BdevRef,
  incarnation: Incarnation,
  phase: LunPhase
})
export type LunMapping = typeof LunMapping.Type

/** `Deleting`: `sessionsClosed` says whether the data plane has reported that no session is left. */
export const TargetPhase = Schema.TaggedUnion({
  Active: {},
  Deleting: { since: Seq, sessionsClosed: Schema.Boolean }
})
export type TargetPhase = typeof TargetPhase.Type

/** A target in the state. */
export interface TargetNode {
  readonly name: IscsiName
  /** May be empty. */
  readonly alias: string
  readonly incarnation: Incarnation
  /** Grouped by portal group, both levels in the order of their first mention. */
  readonly pgIgMaps: ReadonlyArray<PgIgMap>
  /** By portal group tag; also of groups that are no longer mapped, so that an id never changes its meaning. */
  readonly relativePortIds: HashMap.HashMap<number, RelativePortId>
  readonly nextRelativePortId: number
  /** At most one of each mapped portal group, by its tag. */
  readonly redirects: ReadonlyArray<Redirect>
  readonly luns: HashMap.HashMap<number, LunMapping>
  /** Commands per session: MaxCmdSN = ExpCmdSN + queueDepth - 1. */
  readonly queueDepth: number
  readonly auth: Auth
  /** CRC32C is required; else the initiator chooses. */
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  /** Whether it is counted how long commands take. */
  readonly histogram: boolean
  readonly phase: TargetPhase
}

/** `boot`: the process ended while it drained. */
export const LunRemovedCause = Schema.Literals(["requested", "bdev-deleted", "bdev-vanished", "target-deleted", "boot"])
export type LunRemovedCause = typeof LunRemovedCause.Type

/** Which relative target port a portal group is. */
export const PortAssignment = Schema.Struct({ portalGroup: PortalGroupTag, relativePortId: RelativePortId })

/** What can happen to targets and LUNs. */
export const targetNodeEvents = {
  TargetNodeCreated: { name: IscsiName, ...targetAttributes },
  /** `ports` are the relative port ids of portal groups that the target had never been mapped to. */
  TargetNodeMapsAdded: {
    target: IscsiName,
    maps: Schema.Array(PgIgMap),
    ports: Schema.Array(PortAssignment)
  },
  TargetNodeMapsRemoved: {
    target: IscsiName,
    maps: Schema.Array(PgIgMap),
    cause: Schema.Literals(["requested", "portal-group-deleted", "initiator-group-deleted"])
  },
  /** What the sessions of a map see and may do, from now on. */
  TargetNodeMapAccessSet: { target: IscsiName, ...PgIgMap.fields },
  /** Later logins count. */
  TargetNodeAuthSet: { target: IscsiName, auth: Auth },
  /** Counting begins anew, or ends. */
  TargetNodeHistogramSet: { target: IscsiName, enabled: Schema.Boolean },
  TargetNodeRedirectSet: { target: IscsiName, ...Redirect.fields },
  TargetNodeRedirectCleared: { target: IscsiName, portalGroup: PortalGroupTag },
  /** Sessions (over one portal group, if it is named) were asked to log out; says nothing of what they did. */
  TargetNodeLogoutRequested: {
    target: IscsiName,
    incarnation: Incarnation,
    portalGroup: Schema.optionalKey(PortalGroupTag)
  },
  LunAdded: { target: IscsiName, lun: Lun, bdev: BdevRef },
  /** From here on the LUN does not exist for new commands. */
  LunRemovalStarted: { target: IscsiName, lun: Lun, incarnation: Incarnation, cause: LunRemovalCause },
  /** Commands that ended by themselves, commands that the deadline ended, and how long it took. */
  LunRemoved: {
    target: IscsiName,
    lun: Lun,
    incarnation: Incarnation,
    cause: LunRemovedCause,
    drained: Schema.Natural,
    aborted: Schema.Natural,
    durationMillis: Schema.Natural
  },
  /** From here on nobody can log in; sessions are asked to leave and cut in the end. */
  TargetNodeDeletionStarted: { target: IscsiName, incarnation: Incarnation },
  /** Sessions that logged out, and sessions that were cut. */
  TargetNodeSessionsClosed: {
    target: IscsiName,
    incarnation: Incarnation,
    closed: Schema.Natural,
    cut: Schema.Natural
  },
  TargetNodeDeleted: { target: IscsiName, incarnation: Incarnation }
} as const

const mapRef = { portalGroup: Schema.Number, initiatorGroup: Schema.Number }
const mapRequest = {
  ...mapRef,
  /** LUN ids that its sessions see; absent: all. */
  luns: Schema.optionalKey(Schema.Array(Schema.Number)),
  /** Its sessions may not write. */
  readOnly: Schema.optionalKey(Schema.Boolean)
}
const mapRequests = Schema.Array(Schema.Struct(mapRequest))

/** What can be asked of targets and LUNs. */
export const targetNodeCommands = {
  CreateTargetNode: {
    /** A full iSCSI name, or what follows `<nodeBase>:`. */
    name: Schema.String,
    alias: Schema.String,
    maps: mapRequests,
    luns: Schema.Array(Schema.Struct({ bdev: Schema.String, lun: Schema.Number })),
    /** Below 1 or above the option's maximum: the maximum. */
    queueDepth: Schema.Number,
    auth: Auth,
    headerDigest: Schema.Boolean,
    dataDigest: Schema.Boolean,
    /** SPDK's rule that LUN 0 and at least one map must be there; a config file may do without. */
    requireLunZero: Schema.Boolean
  },
  DeleteTargetNode: { target: Schema.String },
  /** `lun` absent: the lowest that is free. */
  AddLun: { target: Schema.String, bdev: Schema.String, lun: Schema.optionalKey(Schema.Number) },
  RemoveLun: { target: Schema.String, lun: Schema.Number },
  AddPgIgMaps: { target: Schema.String, maps: mapRequests },
  RemovePgIgMaps: { target: Schema.String, maps: Schema.Array(Schema.Struct(mapRef)) },
  /** Of a map that is there, also for the sessions that it has let in. No event if it is so already. */
  SetTargetNodeMapAccess: { target: Schema.String, ...mapRequest },
  /** No event if it is so already. */
  SetTargetNodeAuth: { target: Schema.String, auth: AuthRequest },
  /** Whether it is counted how long commands take. No event if it is so already. */
  SetTargetNodeHistogram: { target: Schema.String, enabled: Schema.Boolean },
  /** Neither host nor port: logins are not redirected any more. No event if it is so already. */
  SetTargetNodeRedirect: {
    target: Schema.String,
    portalGroup: Schema.Number,
    host: Schema.optionalKey(Schema.String),
    port: Schema.optionalKey(Schema.Number),
    permanent: Schema.optionalKey(Schema.Literal(true))
  },
  /** Of all sessions, or of those over one portal group. */
  RequestTargetNodeLogout: { target: Schema.String, portalGroup: Schema.optionalKey(Schema.Number) },
  /** A fact: nothing of the LUN is in flight any more. */
  RecordLunDrained: {
    target: IscsiName,
    lun: Lun,
    incarnation: Incarnation,
    drained: Schema.Natural,
    aborted: Schema.Natural,
    durationMillis: Schema.Natural
  },
  /** A fact: a target that is being deleted has no session left. */
  RecordTargetSessionsClosed: {
    target: IscsiName,
    incarnation: Incarnation,
    closed: Schema.Natural,
    cut: Schema.Natural
  }
} as const

/** A LUN mapping as the bdev behind it knows it. */
export interface MappingRef {
  /** Key of the target in the state. */
  readonly targetKey: string
  readonly lun: Lun
}
