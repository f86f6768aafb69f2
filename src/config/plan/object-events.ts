/** Objects as events that make them on an empty state, and back: for what has to be remembered while it is down. */
import { HashMap } from "effect"
import type { Bdev } from "../../domain/bdev/Bdev.ts"
import type { Event } from "../../domain/Event.ts"
import type { InitiatorGroup } from "../../domain/group/InitiatorGroup.ts"
import type { PortalGroup } from "../../domain/group/PortalGroup.ts"
import { activeLunsOf } from "../../domain/State.ts"
import type { TargetNode } from "../../domain/target/TargetNode.ts"
import type { IsThere } from "./Model.ts"

/** With its limits, and what is counted of it. */
export const bdevEventsOf = (bdev: Bdev): ReadonlyArray<Event> => {
  const { histogram, incarnation, name, qos, spec, uuid, uuidExplicit } = bdev
  return [
    { _tag: "BdevCreated", name, uuid, uuidExplicit, spec },
    ...(qos === undefined ? [] : [{ _tag: "BdevQosSet" as const, name, incarnation, qos }]),
    ...(histogram === undefined ? [] : [{ _tag: "BdevHistogramSet" as const, name, incarnation, histogram }])
  ]
}

/** With what discovery over it needs. */
export const portalGroupEventsOf = (group: PortalGroup): ReadonlyArray<Event> => {
  const { auth, name, portals, private: isPrivate, tag, wait } = group
  const named = name === undefined ? {} : { name }
  return [
    { _tag: "PortalGroupCreated", tag, ...named, portals, private: isPrivate, wait },
    { _tag: "PortalGroupAuthSet", tag, auth }
  ]
}

/** With its members. */
export const initiatorGroupEventsOf = (group: InitiatorGroup): ReadonlyArray<Event> => {
  const { initiators, name, netmasks, tag } = group
  return [{ _tag: "InitiatorGroupCreated", tag, ...(name === undefined ? {} : { name }), initiators, netmasks }]
}

/** `group` with the members that it had `before`. */
export const restoredInitiatorGroup = (group: InitiatorGroup | undefined, before: InitiatorGroup): InitiatorGroup =>
  group === undefined
    ? before
    : {
        ...group,
        initiators: [...new Set([...before.initiators, ...group.initiators])],
        netmasks: [...new Set([...before.netmasks, ...group.netmasks])]
      }

/** With its maps, redirects and LUNs. */
export const targetEventsOf = (node: TargetNode): ReadonlyArray<Event> => {
  const { alias, auth, dataDigest, headerDigest, histogram, name, name: target, pgIgMaps: maps, queueDepth } = node
  return [
    { _tag: "TargetNodeCreated", name, alias, queueDepth, auth, headerDigest, dataDigest },
    ...(maps.length === 0 ? [] : [{ _tag: "TargetNodeMapsAdded" as const, target, maps, ports: [] }]),
    ...node.redirects.map((redirect) => ({ _tag: "TargetNodeRedirectSet" as const, target, ...redirect })),
    ...(histogram ? [{ _tag: "TargetNodeHistogramSet" as const, target, enabled: true }] : []),
    ...activeLunsOf(node).map(({ bdev, lun }) => ({ _tag: "LunAdded" as const, target, lun, bdev }))
  ]
}

const mapKey = ({ initiatorGroup, portalGroup }: TargetNode["pgIgMaps"][number]) => `${portalGroup}:${initiatorGroup}`

/** Without what refers to something that is away. */
const usable = (node: TargetNode, isThere: IsThere): TargetNode => {
  const pgIgMaps = node.pgIgMaps.filter(
    ({ initiatorGroup, portalGroup }) =>
      isThere("portalGroups", String(portalGroup)) && isThere("initiatorGroups", String(initiatorGroup))
  )
  const mapped = new Set(pgIgMaps.map(({ portalGroup }) => portalGroup))
  return {
    ...node,
    pgIgMaps,
    redirects: node.redirects.filter(({ portalGroup }) => mapped.has(portalGroup)),
    luns: HashMap.filter(node.luns, ({ bdev }) => isThere("bdevs", bdev.name))
  }
}

/** `node` with the maps, redirects, LUNs and histogram that it had `before` and has no more; what it has stays. */
export const restoredTarget = (node: TargetNode | undefined, was: TargetNode, isThere: IsThere): TargetNode => {
  const before = usable(was, isThere)
  if (node === undefined) return before
  const present = new Map(node.pgIgMaps.map((map) => [mapKey(map), map]))
  const had = new Set(before.pgIgMaps.map(mapKey))
  const redirected = new Set(node.redirects.map(({ portalGroup }) => portalGroup))
  return {
    ...node,
    pgIgMaps: [
      ...before.pgIgMaps.map((map) => present.get(mapKey(map)) ?? map),
      ...node.pgIgMaps.filter((map) => !had.has(mapKey(map)))
    ],
    redirects: [...node.redirects, ...before.redirects.filter(({ portalGroup }) => !redirected.has(portalGroup))],
    histogram: node.histogram || before.histogram,
    // One that still drains is as good as gone.
    luns: HashMap.union(
      before.luns,
      HashMap.filter(node.luns, ({ phase }) => phase._tag === "Active")
    )
  }
}
