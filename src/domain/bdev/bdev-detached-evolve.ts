/** The fold of bdevs whose device is away. See `evolve.ts` for what it guarantees. */
import { HashMap, Option } from "effect"
import type { EventOf } from "../Event.ts"
import { iscsiNameKey } from "../ids.ts"
import { indexGet } from "../multi-index.ts"
import { findBdev, findDetachedBdev, findLun, type State } from "../State.ts"
import type { Bdev } from "./Bdev.ts"
import { baseOf, evolveBdevCreated, evolveBdevRemovalStarted } from "./bdev-evolve.ts"
import type { DetachedBdev, DetachedLun } from "./DetachedBdev.ts"

const inOrder = (luns: ReadonlyArray<DetachedLun>): ReadonlyArray<DetachedLun> =>
  luns.toSorted((a, b) => (a.target === b.target ? a.lun - b.lun : a.target < b.target ? -1 : 1))

const activeLunsOn = (state: State, bdev: string): ReadonlyArray<DetachedLun> =>
  indexGet(state.indexes.mappings, bdev).flatMap(({ lun, targetKey }) => {
    const target = Option.getOrUndefined(HashMap.get(state.targets, targetKey))
    const mapping = target === undefined ? undefined : findLun(target, lun)
    if (target === undefined || mapping?.phase._tag !== "Active") return []
    return [{ target: target.name, lun: mapping.lun, incarnation: mapping.incarnation }]
  })

/** What was not restored yet when the device went again. */
const unrestored = (before: DetachedBdev, luns: ReadonlyArray<DetachedLun>): ReadonlyArray<DetachedLun> =>
  before.luns.filter(({ lun, target }) => !luns.some((now) => now.lun === lun && now.target === target))

/** A bdev begins to go; what it is stays if its device has gone, and else is not waited for any longer. */
export const evolveBdevDetaching = (state: State, event: EventOf<"BdevRemovalStarted">, seq: number): State => {
  const after = evolveBdevRemovalStarted(state, event, seq)
  const bdev = findBdev(state, event.name)
  if (after === state || bdev === undefined) return state
  if (event.detached === true) return withDetached(after, bdev, event, seq)
  const isUnrestored = findDetachedBdev(after, event.name)?.attached === event.incarnation
  return isUnrestored ? withoutDetached(after, event.name) : after
}

const withDetached = (state: State, bdev: Bdev, event: EventOf<"BdevRemovalStarted">, seq: number): State => {
  const { incarnation, name, spec, uuid, uuidExplicit } = bdev
  const known = findDetachedBdev(state, name)
  const before = known?.attached === incarnation ? known : undefined
  const luns = activeLunsOn(state, name)
  const qos = bdev.qos ?? before?.qos
  const histogram = bdev.histogram ?? before?.histogram
  const reservations = event.reservations ?? before?.reservations
  const detached: DetachedBdev = {
    ...{ name, uuid, uuidExplicit, incarnation, spec, since: seq },
    ...(event.detail === undefined ? {} : { detail: event.detail }),
    ...(qos === undefined ? {} : { qos }),
    ...(histogram === undefined ? {} : { histogram }),
    ...(reservations === undefined ? {} : { reservations }),
    luns: inOrder(before === undefined ? luns : [...luns, ...unrestored(before, luns)])
  }
  return { ...state, detachedBdevs: HashMap.set(state.detachedBdevs, name, detached) }
}

/** A bdev is there: the one whose device is back, or another of its name, and then nobody waits for that any more. */
export const evolveBdevAttached = (state: State, event: EventOf<"BdevCreated">, seq: number): State => {
  const { attached, name } = event
  const after = evolveBdevCreated(state, event, seq)
  const bdev = findBdev(after, name)
  if (after === state || bdev === undefined) return state
  if (attached !== true) return withoutDetached(after, name)
  const detached = findDetachedBdev(after, name)
  if (detached === undefined) return after
  const back = { ...detached, attached: bdev.incarnation }
  return { ...after, detachedBdevs: HashMap.set(after.detachedBdevs, name, back) }
}

/** Detached bdevs that were stacked right above one. */
export const detachedOn = (state: State, name: string): ReadonlyArray<DetachedBdev> =>
  [...HashMap.values(state.detachedBdevs)]
    .filter(({ spec }) => baseOf({ spec })?.name === name)
    .sort((a, b) => a.since - b.since)

/** Forgets a bdev, and what was stacked on it. Costs nothing while none is detached. */
export const withoutDetached = (state: State, name: string): State => {
  if (findDetachedBdev(state, name) === undefined) return state
  const without: State = { ...state, detachedBdevs: HashMap.remove(state.detachedBdevs, name) }
  return detachedOn(state, name).reduce((rest, above) => withoutDetached(rest, above.name), without)
}

/** A bdev has what it had before its device went. */
export const evolveBdevReattached = (state: State, { incarnation, name }: EventOf<"BdevReattached">): State => {
  if (findDetachedBdev(state, name)?.attached !== incarnation) return state
  return { ...state, detachedBdevs: HashMap.remove(state.detachedBdevs, name) }
}

/** Nobody waits for the device any more. */
export const evolveBdevForgotten = (state: State, { name }: EventOf<"BdevForgotten">): State =>
  withoutDetached(state, name)

/** A target is gone, and with it what its LUNs were to be again. */
export const withoutDetachedLuns = (state: State, target: string): State => {
  if (HashMap.isEmpty(state.detachedBdevs)) return state
  const key = iscsiNameKey(target)
  const detachedBdevs = HashMap.map(state.detachedBdevs, (detached) => {
    const luns = detached.luns.filter((lun) => iscsiNameKey(lun.target) !== key)
    return luns.length === detached.luns.length ? detached : { ...detached, luns }
  })
  return { ...state, detachedBdevs }
}
