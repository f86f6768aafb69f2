/** The rules of portal groups, and what deleting one takes with it. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, type DomainError, InvalidArgument, LimitExceeded, NotFound } from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import type { Event } from "../Event.ts"
import { isPortalGroupTag, type PortalGroupTag } from "../ids.ts"
import { indexGet } from "../multi-index.ts"
import { checkAuth, sameAuth } from "../options/iscsi-options-decide.ts"
import { findPortalGroup, type State, targetsOf } from "../State.ts"
import type { PgIgMap } from "../target/TargetNode.ts"
import { parseGroupName } from "./group-name-decide.ts"
import {
  PORTAL_HOST_LENGTH_MAX,
  PORTALS_MAX,
  PORTALS_PER_GROUP_MAX,
  type Portal,
  type PortalGroup,
  parsePortalHost,
  portalKey
} from "./PortalGroup.ts"

/** The group, or why there is none. */
export const requirePortalGroup = (state: State, tag: number): Result.Result<PortalGroup, NotFound> => {
  const group = findPortalGroup(state, tag)
  if (group !== undefined) return Result.succeed(group)
  return Result.fail(
    new NotFound({ object: `portal group ${tag}`, reason: "does not exist", hint: "create it first, or check the tag" })
  )
}

const parseTag = (tag: number): Result.Result<PortalGroupTag, InvalidArgument> =>
  isPortalGroupTag(tag)
    ? Result.succeed(tag)
    : Result.fail(
        new InvalidArgument({
          object: `portal group ${tag}`,
          reason: "has a tag that does not fit the 16 bits of a target portal group tag",
          hint: "use 1 to 65535"
        })
      )

const checkPortal = (state: State, portal: Portal, seen: Set<string>): DomainError | undefined => {
  const object = `portal ${quote(portal.host)}:${portal.port}`
  if (portal.host.length > PORTAL_HOST_LENGTH_MAX || parsePortalHost(portal.host) === undefined) {
    return new InvalidArgument({
      object,
      reason: "has a host that is not an address",
      hint: "use an IPv4 address, an IPv6 address in brackets, * or [*]"
    })
  }
  if (!Number.isInteger(portal.port) || portal.port < 1 || portal.port > 65535) {
    return new InvalidArgument({ object, reason: "has a port out of range", hint: "use 1 to 65535; iSCSI has 3260" })
  }
  const key = portalKey(portal)
  const [owner] = indexGet(state.indexes.portals, key)
  if (owner !== undefined) {
    return new AlreadyExists({
      object,
      reason: `belongs to portal group ${owner}`,
      hint: "use another address or port, or delete that group"
    })
  }
  if (seen.has(key)) {
    return new AlreadyExists({ object, reason: "is given twice", hint: "give each address and port once" })
  }
  seen.add(key)
  return undefined
}

const portalCount = (state: State): number =>
  HashMap.reduce(state.portalGroups, 0, (count, group) => count + group.portals.length)

const checkCount = (state: State, tag: number, added: number): LimitExceeded | undefined => {
  const object = `portal group ${tag}`
  if (added > PORTALS_PER_GROUP_MAX) {
    const reason = `would have ${added} portals`
    const hint = `a group has at most ${PORTALS_PER_GROUP_MAX}`
    return new LimitExceeded({ object, reason, hint, limit: PORTALS_PER_GROUP_MAX })
  }
  const present = portalCount(state)
  if (present + added <= PORTALS_MAX) return undefined
  const reason = `has ${added} portals, and ${present} are there already`
  return new LimitExceeded({ object, reason, hint: `all groups have at most ${PORTALS_MAX}`, limit: PORTALS_MAX })
}

/** A tag and portals that are free. */
export const decideCreatePortalGroup = (state: State, command: CommandOf<"CreatePortalGroup">): Decision =>
  Result.gen(function* () {
    const tag = yield* parseTag(command.tag)
    if (findPortalGroup(state, tag) !== undefined) {
      const object = `portal group ${tag}`
      return yield* Result.fail(
        new AlreadyExists({ object, reason: "exists", hint: "use another tag, or delete it first" })
      )
    }
    const excess = checkCount(state, tag, command.portals.length)
    if (excess !== undefined) return yield* Result.fail(excess)
    const seen = new Set<string>()
    for (const portal of command.portals) {
      const refusal = checkPortal(state, portal, seen)
      if (refusal !== undefined) return yield* Result.fail(refusal)
    }
    const portals = command.portals.map(({ host, port }) => ({ host, port }))
    const name = yield* parseGroupName(state, "portal", tag, command.name)
    return [{ _tag: "PortalGroupCreated", tag, ...name, portals, private: command.private, wait: command.wait }]
  })

/** Nothing to do if it accepts already. */
export const decideStartPortalGroup = (state: State, command: CommandOf<"StartPortalGroup">): Decision =>
  Result.map(requirePortalGroup(state, command.tag), (group) =>
    group.wait ? [{ _tag: "PortalGroupStarted", tag: group.tag }] : []
  )

/** Nothing to do if it is so already. */
export const decideSetPortalGroupAuth = (state: State, command: CommandOf<"SetPortalGroupAuth">): Decision =>
  Result.gen(function* () {
    const { auth, tag } = yield* requirePortalGroup(state, command.tag)
    const refusal = checkAuth(`authentication of portal group ${tag}`, command.auth)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    return sameAuth(auth, command.auth) ? [] : [{ _tag: "PortalGroupAuthSet", tag, auth: command.auth }]
  })

/** One event for each target that loses maps. */
export const mapsRemoved = (
  state: State,
  loses: (map: PgIgMap) => boolean,
  cause: "portal-group-deleted" | "initiator-group-deleted"
): ReadonlyArray<Event> =>
  targetsOf(state).flatMap((target) => {
    const maps = target.pgIgMaps.filter(loses)
    return maps.length === 0 ? [] : [{ _tag: "TargetNodeMapsRemoved", target: target.name, maps, cause } as const]
  })

/** Its maps go first. Sessions stay. */
export const decideDeletePortalGroup = (state: State, command: CommandOf<"DeletePortalGroup">): Decision =>
  Result.map(requirePortalGroup(state, command.tag), ({ incarnation, tag }) => [
    ...mapsRemoved(state, (map) => map.portalGroup === tag, "portal-group-deleted"),
    { _tag: "PortalGroupDeleted", tag, incarnation }
  ])
