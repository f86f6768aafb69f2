/**
 * Portal groups: the addresses that the target listens on, under the tag that initiators see in TargetAddress.
 *
 * A host:port exists once over all groups. Deleting a group takes its maps away from all targets and leaves sessions
 * alone.
 */
import { Schema } from "effect"
import { type AddressBytes, parseIpv4, parseIpv6 } from "../address.ts"
import { GroupName, Incarnation, PortalGroupTag } from "../ids.ts"
import { Auth, AuthRequest } from "../options/IscsiOptions.ts"

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

/** The address of a portal's host, and the zone of a link-local one (`[fe80::1%eth0]`); undefined if it is none. */
export const parsePortalHost = (host: string): { readonly bytes: AddressBytes; readonly zone: string } | undefined => {
  if (host === "*") return { bytes: [0, 0, 0, 0], zone: "" }
  if (host === "[*]") return { bytes: new Array<number>(16).fill(0), zone: "" }
  if (!host.startsWith("[") || !host.endsWith("]")) {
    const bytes = parseIpv4(host)
    return bytes === undefined ? undefined : { bytes, zone: "" }
  }
  const [address = "", zone = "", ...more] = host.slice(1, -1).split("%")
  const bytes = parseIpv6(address)
  if (bytes === undefined || more.length > 0 || !/^[A-Za-z0-9_.-]{0,15}$/u.test(zone)) return undefined
  return { bytes, zone }
}

/** What portals are compared and looked up by: two spellings of one address are the same. */
export const portalKey = (portal: Portal): string => {
  const parsed = parsePortalHost(portal.host)
  const address = parsed === undefined ? portal.host : `${parsed.bytes.join(".")}%${parsed.zone}`
  return `${address}:${portal.port}`
}

/** A portal group in the state. */
export const PortalGroup = Schema.Struct({
  tag: PortalGroupTag,
  incarnation: Incarnation,
  /** What a configuration file calls it; initiators see the tag. */
  name: Schema.optionalKey(GroupName),
  portals: Schema.Array(Portal),
  /** Not told to discovery sessions; a destination of redirects. */
  private: Schema.Boolean,
  /** Sockets are open, but nothing is accepted before StartPortalGroup. */
  wait: Schema.Boolean,
  /** For discovery sessions over this group, besides what all of them need. */
  auth: Auth
})
export type PortalGroup = typeof PortalGroup.Type

/** What can happen to portal groups. */
export const portalGroupEvents = {
  PortalGroupCreated: {
    tag: PortalGroupTag,
    name: Schema.optionalKey(GroupName),
    portals: Schema.Array(Portal),
    private: Schema.Boolean,
    wait: Schema.Boolean
  },
  PortalGroupStarted: { tag: PortalGroupTag },
  PortalGroupAuthSet: { tag: PortalGroupTag, auth: Auth },
  PortalGroupDeleted: { tag: PortalGroupTag, incarnation: Incarnation }
} as const

/** What can be asked of portal groups. */
export const portalGroupCommands = {
  CreatePortalGroup: {
    tag: Schema.Number,
    name: Schema.optionalKey(Schema.String),
    portals: Schema.Array(Schema.Struct({ host: Schema.String, port: Schema.Number })),
    private: Schema.Boolean,
    wait: Schema.Boolean
  },
  /** No event if it accepts already. */
  StartPortalGroup: { tag: Schema.Number },
  /** No event if it is so already. */
  SetPortalGroupAuth: { tag: Schema.Number, auth: AuthRequest },
  DeletePortalGroup: { tag: Schema.Number }
} as const
