/** The rules of pg-ig maps: which portal groups lead to a target, and who may come through each. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, type DomainError, InvalidArgument, LimitExceeded, NotFound } from "../DomainError.ts"
import type { EventOf } from "../Event.ts"
import { requireInitiatorGroup } from "../group/initiator-group-decide.ts"
import { requirePortalGroup } from "../group/portal-group-decide.ts"
import { isLun, LUN_MAX, type Lun, RelativePortId } from "../ids.ts"
import type { State } from "../State.ts"
import {
  MAPS_PER_TARGET_MAX,
  type MapAccess,
  type PgIgMap,
  PORTAL_GROUPS_PER_TARGET_MAX,
  type TargetNode
} from "./TargetNode.ts"

type MapRequests = CommandOf<"AddPgIgMaps">["maps"]
type MapRefs = CommandOf<"RemovePgIgMaps">["maps"]

/** What the rules need of a target, so that they serve one that is about to be created too. */
export type Mapped = Pick<TargetNode, "name" | "pgIgMaps" | "relativePortIds" | "nextRelativePortId">

const mapKey = (map: { readonly portalGroup: number; readonly initiatorGroup: number }): string =>
  `${map.portalGroup}:${map.initiatorGroup}`

const checkMapLimits = (object: string, maps: ReadonlyArray<PgIgMap>): LimitExceeded | undefined => {
  if (maps.length > MAPS_PER_TARGET_MAX) {
    const reason = `would have ${maps.length} maps`
    const hint = `a target has at most ${MAPS_PER_TARGET_MAX}`
    return new LimitExceeded({ object, reason, hint, limit: MAPS_PER_TARGET_MAX })
  }
  const groups = new Set(maps.map((map) => map.portalGroup)).size
  if (groups <= PORTAL_GROUPS_PER_TARGET_MAX) return undefined
  const reason = `would be mapped to ${groups} portal groups`
  const hint = `a target has at most ${PORTAL_GROUPS_PER_TARGET_MAX}`
  return new LimitExceeded({ object, reason, hint, limit: PORTAL_GROUPS_PER_TARGET_MAX })
}

/** Ids for portal groups that the target has never been mapped to: counted up, so that none ever comes back. */
const newPorts = (target: Mapped, maps: ReadonlyArray<PgIgMap>): EventOf<"TargetNodeMapsAdded">["ports"] => {
  const groups = [...new Set(maps.map((map) => map.portalGroup))]
  return groups
    .filter((portalGroup) => !HashMap.has(target.relativePortIds, portalGroup))
    .map((portalGroup, position) => ({
      portalGroup,
      relativePortId: RelativePortId.make(target.nextRelativePortId + position)
    }))
}

const mapObject = (target: Pick<TargetNode, "name">, request: MapRefs[number]): string =>
  `map ${mapKey(request)} of target ${target.name}`

/** Ascending, each once; LUNs may come later than the map that names them. */
const visibleLuns = (
  object: string,
  requested: ReadonlyArray<number>
): Result.Result<ReadonlyArray<Lun>, DomainError> => {
  const luns = requested.filter(isLun)
  if (luns.length < requested.length) {
    const reason = `names the LUN ${requested.find((lun) => !isLun(lun))}`
    return Result.fail(new InvalidArgument({ object, reason, hint: `use 0 to ${LUN_MAX}` }))
  }
  if (luns.length === 0) {
    const hint = "give at least one, or leave out the list for all LUNs"
    return Result.fail(new InvalidArgument({ object, reason: "has an empty list of LUNs", hint }))
  }
  const twice = luns.find((lun, index) => luns.indexOf(lun) !== index)
  if (twice === undefined) return Result.succeed(luns.toSorted((a, b) => a - b))
  return Result.fail(new InvalidArgument({ object, reason: `names LUN ${twice} twice`, hint: "give each LUN id once" }))
}

const accessOf = (object: string, { luns, readOnly }: MapRequests[number]): Result.Result<MapAccess, DomainError> => {
  const rights = readOnly === true ? ({ readOnly } as const) : {}
  if (luns === undefined) return Result.succeed(rights)
  return Result.map(visibleLuns(object, luns), (visible) => ({ luns: visible, ...rights }))
}

const sameAccess = (a: MapAccess, b: MapAccess): boolean =>
  a.readOnly === b.readOnly && a.luns?.join() === b.luns?.join()

/** All of `requests`, or none: both groups must exist, and no map may be there twice. */
export const addMaps = (
  state: State,
  target: Mapped,
  requests: MapRequests
): Result.Result<EventOf<"TargetNodeMapsAdded">, DomainError> =>
  Result.gen(function* () {
    const object = `target ${target.name}`
    const present = new Set(target.pgIgMaps.map(mapKey))
    const maps: Array<PgIgMap> = []
    for (const request of requests) {
      const { tag: portalGroup } = yield* requirePortalGroup(state, request.portalGroup)
      const { tag: initiatorGroup } = yield* requireInitiatorGroup(state, request.initiatorGroup)
      if (present.has(mapKey(request))) {
        const reason = `has the map ${mapKey(request)} already`
        return yield* Result.fail(new AlreadyExists({ object, reason, hint: "give each map once; none was added" }))
      }
      present.add(mapKey(request))
      maps.push({ portalGroup, initiatorGroup, ...(yield* accessOf(mapObject(target, request), request)) })
    }
    const excess = checkMapLimits(object, [...target.pgIgMaps, ...maps])
    if (excess !== undefined) return yield* Result.fail(excess)
    return { _tag: "TargetNodeMapsAdded", target: target.name, maps, ports: newPorts(target, maps) }
  })

/** All of `requests`, or none. */
export const removeMaps = (
  target: TargetNode,
  requests: MapRefs
): Result.Result<EventOf<"TargetNodeMapsRemoved">, NotFound> => {
  const left = new Map(target.pgIgMaps.map((map) => [mapKey(map), map]))
  const maps: Array<PgIgMap> = []
  for (const request of requests) {
    const map = left.get(mapKey(request))
    if (map === undefined) {
      const reason = `has no map ${mapKey(request)}`
      return Result.fail(new NotFound({ object: `target ${target.name}`, reason, hint: "none was removed" }))
    }
    left.delete(mapKey(request))
    maps.push(map)
  }
  return Result.succeed({ _tag: "TargetNodeMapsRemoved", target: target.name, maps, cause: "requested" })
}

/** What sessions of a map see and may do; undefined if it is so already. */
export const setMapAccess = (
  target: TargetNode,
  request: MapRequests[number]
): Result.Result<EventOf<"TargetNodeMapAccessSet"> | undefined, DomainError> =>
  Result.gen(function* () {
    const object = mapObject(target, request)
    const map = target.pgIgMaps.find((present) => mapKey(present) === mapKey(request))
    if (map === undefined) {
      const hint = "list the target's maps, or add this one"
      return yield* Result.fail(new NotFound({ object, reason: "does not exist", hint }))
    }
    const access = yield* accessOf(object, request)
    const { initiatorGroup, portalGroup } = map
    if (sameAccess(map, access)) return undefined
    return { _tag: "TargetNodeMapAccessSet", target: target.name, portalGroup, initiatorGroup, ...access }
  })
