/** The fold of target nodes and their LUNs. See `evolve.ts` for what it guarantees. */
import { Brand, HashMap } from "effect"
import { withoutDetachedLuns } from "../bdev/bdev-detached-evolve.ts"
import type { EventOf } from "../Event.ts"
import { type Incarnation, iscsiNameKey, type Lun } from "../ids.ts"
import { indexAdd, indexRemove } from "../multi-index.ts"
import { withoutUnreachable } from "../reservation/reservation-evolve.ts"
import { findLun, findTarget, type Indexes, type State } from "../State.ts"
import type { LunMapping, PgIgMap, Redirect, TargetNode } from "./TargetNode.ts"

const incarnationOf = Brand.nominal<Incarnation>()

const withTarget = (state: State, target: TargetNode): State => ({
  ...state,
  targets: HashMap.set(state.targets, iscsiNameKey(target.name), target)
})

const mappingId = (targetKey: string, lun: Lun): string => `${targetKey}/${String(lun).padStart(3, "0")}`

/** `indexes` with one LUN of a target. */
export const indexLun = (indexes: Indexes, targetKey: string, mapping: LunMapping): Indexes => ({
  ...indexes,
  mappings: indexAdd(indexes.mappings, mapping.bdev.name, mappingId(targetKey, mapping.lun), {
    targetKey,
    lun: mapping.lun
  })
})

const unindexLun = (indexes: Indexes, targetKey: string, mapping: LunMapping): Indexes => ({
  ...indexes,
  mappings: indexRemove(indexes.mappings, mapping.bdev.name, mappingId(targetKey, mapping.lun))
})

const sameMap = (a: PgIgMap, b: PgIgMap): boolean =>
  a.portalGroup === b.portalGroup && a.initiatorGroup === b.initiatorGroup

/** Each portal group's maps stay together, in the order in which they came. */
const addMap = (maps: ReadonlyArray<PgIgMap>, map: PgIgMap): ReadonlyArray<PgIgMap> => {
  if (maps.some((present) => sameMap(present, map))) return maps
  const last = maps.findLastIndex((present) => present.portalGroup === map.portalGroup)
  return last < 0 ? [...maps, map] : maps.toSpliced(last + 1, 0, map)
}

/** A target without maps and LUNs is there. */
export const evolveTargetNodeCreated = (state: State, event: EventOf<"TargetNodeCreated">, seq: number): State => {
  if (findTarget(state, event.name) !== undefined) return state
  return withTarget(state, {
    name: event.name,
    alias: event.alias,
    incarnation: incarnationOf(seq),
    pgIgMaps: [],
    relativePortIds: HashMap.empty(),
    nextRelativePortId: 1,
    redirects: [],
    luns: HashMap.empty(),
    queueDepth: event.queueDepth,
    auth: event.auth,
    headerDigest: event.headerDigest,
    dataDigest: event.dataDigest,
    histogram: false,
    phase: { _tag: "Active" }
  })
}

/** Maps, and port ids of portal groups that are new to the target. */
export const evolveTargetNodeMapsAdded = (state: State, event: EventOf<"TargetNodeMapsAdded">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined) return state
  let { nextRelativePortId, relativePortIds } = target
  for (const port of event.ports) {
    if (HashMap.has(relativePortIds, port.portalGroup)) continue
    relativePortIds = HashMap.set(relativePortIds, port.portalGroup, port.relativePortId)
    nextRelativePortId = Math.max(nextRelativePortId, port.relativePortId + 1)
  }
  const pgIgMaps = event.maps.reduce(addMap, target.pgIgMaps)
  return withTarget(state, { ...target, pgIgMaps, relativePortIds, nextRelativePortId })
}

/** Maps are gone, and redirects of portal groups that are not mapped any more; port ids stay. */
export const evolveTargetNodeMapsRemoved = (state: State, event: EventOf<"TargetNodeMapsRemoved">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined) return state
  const pgIgMaps = target.pgIgMaps.filter((present) => !event.maps.some((map) => sameMap(present, map)))
  const redirects = target.redirects.filter((redirect) =>
    pgIgMaps.some(({ portalGroup }) => portalGroup === redirect.portalGroup)
  )
  return withTarget(state, { ...target, pgIgMaps, redirects })
}

/** A map gives its sessions something else. */
export const evolveTargetNodeMapAccessSet = (state: State, event: EventOf<"TargetNodeMapAccessSet">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined) return state
  const { _tag, target: _, ...map } = event
  const pgIgMaps = target.pgIgMaps.map((present) => (sameMap(present, map) ? map : present))
  return withTarget(state, { ...target, pgIgMaps })
}

/** What logins need. */
export const evolveTargetNodeAuthSet = (state: State, event: EventOf<"TargetNodeAuthSet">): State => {
  const target = findTarget(state, event.target)
  return target === undefined ? state : withTarget(state, { ...target, auth: event.auth })
}

/** How long commands take is counted, or is not. */
export const evolveTargetNodeHistogramSet = (state: State, event: EventOf<"TargetNodeHistogramSet">): State => {
  const target = findTarget(state, event.target)
  return target === undefined ? state : withTarget(state, { ...target, histogram: event.enabled })
}

const withoutRedirect = (target: TargetNode, portalGroup: number): ReadonlyArray<Redirect> =>
  target.redirects.filter((redirect) => redirect.portalGroup !== portalGroup)

/** Logins over a portal group are sent elsewhere. */
export const evolveTargetNodeRedirectSet = (state: State, event: EventOf<"TargetNodeRedirectSet">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined) return state
  const { host, permanent, port, portalGroup } = event
  const redirect = { portalGroup, host, port, ...(permanent === undefined ? {} : { permanent }) }
  const redirects = [...withoutRedirect(target, portalGroup), redirect]
  return withTarget(state, { ...target, redirects: redirects.sort((a, b) => a.portalGroup - b.portalGroup) })
}

/** Logins over a portal group are served there again. */
export const evolveTargetNodeRedirectCleared = (state: State, event: EventOf<"TargetNodeRedirectCleared">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined) return state
  return withTarget(state, { ...target, redirects: withoutRedirect(target, event.portalGroup) })
}

/** A LUN is there. */
export const evolveLunAdded = (state: State, event: EventOf<"LunAdded">, seq: number): State => {
  const target = findTarget(state, event.target)
  if (target === undefined || HashMap.has(target.luns, event.lun)) return state
  const mapping: LunMapping = {
    lun: event.lun,
    bdev: event.bdev,
    incarnation: incarnationOf(seq),
    phase: { _tag: "Active" }
  }
  return {
    ...withTarget(state, { ...target, luns: HashMap.set(target.luns, event.lun, mapping) }),
    indexes: indexLun(state.indexes, iscsiNameKey(target.name), mapping)
  }
}

/** A LUN takes no new commands. */
export const evolveLunRemovalStarted = (state: State, event: EventOf<"LunRemovalStarted">, seq: number): State => {
  const target = findTarget(state, event.target)
  if (target === undefined) return state
  const mapping = findLun(target, event.lun)
  if (mapping === undefined || mapping.incarnation !== event.incarnation || mapping.phase._tag === "Draining") {
    return state
  }
  const draining: LunMapping = { ...mapping, phase: { _tag: "Draining", since: seq, cause: event.cause } }
  return withTarget(state, { ...target, luns: HashMap.set(target.luns, event.lun, draining) })
}

/** A LUN id is free. */
export const evolveLunRemoved = (state: State, event: EventOf<"LunRemoved">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined) return state
  const mapping = findLun(target, event.lun)
  if (mapping === undefined || mapping.incarnation !== event.incarnation) return state
  const after: State = {
    ...withTarget(state, { ...target, luns: HashMap.remove(target.luns, event.lun) }),
    indexes: unindexLun(state.indexes, iscsiNameKey(target.name), mapping)
  }
  return withoutUnreachable(after, target, mapping.bdev.name)
}

/** A target takes no logins. */
export const evolveTargetNodeDeletionStarted = (
  state: State,
  event: EventOf<"TargetNodeDeletionStarted">,
  seq: number
): State => {
  const target = findTarget(state, event.target)
  if (target === undefined || target.incarnation !== event.incarnation || target.phase._tag === "Deleting") return state
  return withTarget(state, { ...target, phase: { _tag: "Deleting", since: seq, sessionsClosed: false } })
}

/** A target that is being deleted has no session. */
export const evolveTargetNodeSessionsClosed = (state: State, event: EventOf<"TargetNodeSessionsClosed">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined || target.incarnation !== event.incarnation || target.phase._tag === "Active") return state
  return withTarget(state, { ...target, phase: { ...target.phase, sessionsClosed: true } })
}

/** A target and its name are free. */
export const evolveTargetNodeDeleted = (state: State, event: EventOf<"TargetNodeDeleted">): State => {
  const target = findTarget(state, event.target)
  if (target === undefined || target.incarnation !== event.incarnation) return state
  const key = iscsiNameKey(target.name)
  const after: State = {
    ...state,
    targets: HashMap.remove(state.targets, key),
    indexes: HashMap.reduce(target.luns, state.indexes, (indexes, mapping) => unindexLun(indexes, key, mapping))
  }
  const bdevs = new Set([...HashMap.values(target.luns)].map(({ bdev }) => bdev.name))
  const reachable = [...bdevs].reduce<State>((state, bdev) => withoutUnreachable(state, target, bdev), after)
  return withoutDetachedLuns(reachable, target.name)
}
