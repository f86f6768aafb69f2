/** The rules of what logins to a target meet (authentication, redirection), and of asking its sessions to log out. */
import { Result } from "effect"
import { parseIpv4, parseIpv6 } from "../address.ts"
import type { CommandOf } from "../Command.ts"
import { type DomainError, InvalidArgument } from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import { type Portal, type PortalGroup, portalKey } from "../group/PortalGroup.ts"
import { requirePortalGroup } from "../group/portal-group-decide.ts"
import { isPortalGroupTag } from "../ids.ts"
import { checkAuth, sameAuth } from "../options/iscsi-options-decide.ts"
import type { State } from "../State.ts"
import type { TargetNode } from "./TargetNode.ts"
import { requireTarget } from "./target-node-decide.ts"

/** Nothing to do if it is so already. Sessions stay. */
export const decideSetTargetNodeAuth = (state: State, command: CommandOf<"SetTargetNodeAuth">): Decision =>
  Result.gen(function* () {
    const { auth, name } = yield* requireTarget(state, command.target)
    const refusal = checkAuth(`authentication of target ${name}`, command.auth)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    return sameAuth(auth, command.auth) ? [] : [{ _tag: "TargetNodeAuthSet", target: name, auth: command.auth }]
  })

/** Nothing to do if it is so already. */
export const decideSetTargetNodeHistogram = (state: State, command: CommandOf<"SetTargetNodeHistogram">): Decision =>
  Result.map(requireTarget(state, command.target), ({ histogram, name }) => {
    const { enabled } = command
    return histogram === enabled ? [] : [{ _tag: "TargetNodeHistogramSet", target: name, enabled }]
  })

const redirectObject = ({ name }: TargetNode, tag: number): string => `redirect of ${name} over portal group ${tag}`

/** The portal group that a redirect is for: mapped, and one that initiators know. */
const requirePublicGroup = (state: State, target: TargetNode, tag: number): Result.Result<PortalGroup, DomainError> =>
  Result.gen(function* () {
    const object = redirectObject(target, tag)
    if (!target.pgIgMaps.some(({ portalGroup }) => portalGroup === tag)) {
      const hint = "map the portal group to the target first"
      return yield* Result.fail(new InvalidArgument({ object, reason: "is for a group that is not mapped", hint }))
    }
    const group = yield* requirePortalGroup(state, tag)
    if (!group.private) return group
    const hint = "redirect a public group; a private one is where redirects lead to"
    return yield* Result.fail(new InvalidArgument({ object, reason: "is for a private portal group", hint }))
  })

/** An address that an initiator can connect to: numeric, of one host, and without a zone. */
const isDestination = (host: string): boolean => {
  const bracketed = host.startsWith("[") && host.endsWith("]")
  const bytes = bracketed ? parseIpv6(host.slice(1, -1)) : parseIpv4(host)
  return bytes?.some((byte) => byte !== 0) ?? false
}

const checkDestination = (object: string, group: PortalGroup, { host, port }: Portal): DomainError | undefined => {
  if (!isDestination(host)) {
    const hint = "use an IPv4 address, or an IPv6 address in brackets"
    return new InvalidArgument({ object, reason: `leads to the host ${quote(host)}`, hint })
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    return new InvalidArgument({ object, reason: `leads to port ${port}`, hint: "use 1 to 65535" })
  }
  const key = portalKey({ host, port })
  if (!group.portals.some((portal) => portalKey(portal) === key)) return undefined
  const hint = "initiators would be sent in a circle; use a portal of another group"
  return new InvalidArgument({ object, reason: "leads to a portal of the same group", hint })
}

/** Both host and port, or neither. */
export const decideSetTargetNodeRedirect = (state: State, command: CommandOf<"SetTargetNodeRedirect">): Decision =>
  Result.gen(function* () {
    const target = yield* requireTarget(state, command.target)
    const group = yield* requirePublicGroup(state, target, command.portalGroup)
    const object = redirectObject(target, group.tag)
    const present = target.redirects.find(({ portalGroup }) => portalGroup === group.tag)
    const { host, permanent, port } = command
    const of = { target: target.name, portalGroup: group.tag }
    if (host === undefined && port === undefined && permanent === undefined) {
      return present === undefined ? [] : [{ _tag: "TargetNodeRedirectCleared", ...of }]
    }
    if (host === undefined || port === undefined) {
      const missing = host === undefined ? "has a port and no host" : "has a host and no port"
      const reason = host === port ? "is permanent and leads nowhere" : missing
      const hint = "give both, or neither to clear it"
      return yield* Result.fail(new InvalidArgument({ object, reason, hint }))
    }
    const refusal = checkDestination(object, group, { host, port })
    if (refusal !== undefined) return yield* Result.fail(refusal)
    const same = present?.host === host && present.port === port && present.permanent === permanent
    const forGood = permanent === undefined ? {} : { permanent }
    return same ? [] : [{ _tag: "TargetNodeRedirectSet", ...of, host, port, ...forGood }]
  })

/** Sessions may outlive the map of their portal group, so it need not be mapped. */
export const decideRequestTargetNodeLogout = (state: State, command: CommandOf<"RequestTargetNodeLogout">): Decision =>
  Result.gen(function* () {
    const { incarnation, name: target } = yield* requireTarget(state, command.target)
    const { portalGroup } = command
    if (portalGroup === undefined) return [{ _tag: "TargetNodeLogoutRequested", target, incarnation }]
    if (isPortalGroupTag(portalGroup)) {
      return [{ _tag: "TargetNodeLogoutRequested", target, incarnation, portalGroup }]
    }
    const object = `portal group ${portalGroup}`
    const hint = "use 1 to 65535, or none for all sessions of the target"
    return yield* Result.fail(new InvalidArgument({ object, reason: "has a tag out of range", hint }))
  })
