/**
 * Portal groups: the addresses that the target listens on, under the tag that initiators see in TargetAddress.
 *
 * A host:port exists once over all groups. Deleting a group takes its maps away from all targets and leaves sessions alone.
 */
import { Schema } from "effect"
import { Incarnation, PortalGroupTag } from "./ids.ts"

/** Portals of one group. */
export const PORTALS_PER_GROUP_MAX = 1024
/** Portals over all groups: each is a listening socket. */
export const PORTALS_MAX = 4096
/** Characters of a host. */
export const PORTAL_HOST_LENGTH_MAX = 256

/** `host` is an IPv4 address, an IPv6 address in brackets, `*` (any IPv4) or `[*]` (any IPv6). */
export const Portal = Schema.Struct({
  host: Schema.String.check(Schema.isMaxLength(PORTAL_HOST_LENGTH_MAX)),
  port: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 }))
})
export type Portal = typeof Portal.Type

/** What portals are compared and looked up by. */
export const portalKey = (portal: Portal): string => `${portal.host.toLowerCase()}:${portal.port}`

export const PortalGroup = Schema.Struct({
  tag: PortalGroupTag,
  incarnation: Incarnation,
  portals: Schema.Array(Portal),
  /** Not told to discovery sessions; a destination of redirects. */
  private: Schema.Boolean,
  /** Sockets are open, but nothing is accepted before StartPortalGroup. */
  wait: Schema.Boolean
})
export type PortalGroup = typeof PortalGroup.Type

export const portalGroupEvents = {
  PortalGroupCreated: {
    tag: PortalGroupTag,
    portals: Schema.Array(Portal),
    private: Schema.Boolean,
    wait: Schema.Boolean
  },
  PortalGroupStarted: { tag: PortalGroupTag },
  PortalGroupDeleted: { tag: PortalGroupTag, incarnation: Incarnation }
} as const

export const portalGroupCommands = {
  CreatePortalGroup: {
    tag: Schema.Number,
    portals: Schema.Array(Schema.Struct({ host: Schema.String, port: Schema.Number })),
    private: Schema.Boolean,
    wait: Schema.Boolean
  },
  /** No event if it accepts already. */
  StartPortalGroup: { tag: Schema.Number },
  DeletePortalGroup: { tag: Schema.Number }
} as const
