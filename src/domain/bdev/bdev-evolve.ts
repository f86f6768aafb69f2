/** The fold of bdevs. See `evolve.ts` for what it guarantees. */
import { Brand, HashMap } from "effect"
import type { EventOf } from "../Event.ts"
import type { Incarnation } from "../ids.ts"
import { indexAdd, indexRemove } from "../multi-index.ts"
import { evolveNvmeNamespaceLetGo } from "../nvme/nvme-evolve.ts"
import { withoutReservations } from "../reservation/reservation-evolve.ts"
import { findBdev, type Indexes, type State } from "../State.ts"
import type { Bdev } from "./Bdev.ts"
import type { BdevRef } from "./BdevSpec.ts"

const incarnationOf = Brand.nominal<Incarnation>()

/** The bdev right below, if it is a stacked one. Every kind that has a base is one: nobody lists them. */
export const baseOf = ({ spec }: Pick<Bdev, "spec">): BdevRef | undefined => ("base" in spec ? spec.base : undefined)

/** Whether what was in it is gone, or in one below it; `find` gives the bdev that a base is. */
export const isContentLost = (bdev: Bdev, find: (base: BdevRef) => Bdev | undefined): boolean => {
  const base = baseOf(bdev)
  const below = base === undefined ? undefined : find(base)
  return bdev.contentLost || (below !== undefined && isContentLost(below, find))
}

/** `indexes` with this bdev. */
export const indexBdev = (indexes: Indexes, bdev: Bdev): Indexes => {
  const base = baseOf(bdev)
  return {
    ...indexes,
    uuids: indexAdd(indexes.uuids, bdev.uuid, bdev.name, bdev.name),
    dependents: base === undefined ? indexes.dependents : indexAdd(indexes.dependents, base.name, bdev.name, bdev.name)
  }
}

const unindexBdev = (indexes: Indexes, bdev: Bdev): Indexes => {
  const base = baseOf(bdev)
  return {
    ...indexes,
    uuids: indexRemove(indexes.uuids, bdev.uuid, bdev.name),
    dependents: base === undefined ? indexes.dependents : indexRemove(indexes.dependents, base.name, bdev.name)
  }
}

/** A bdev is there. */
export const evolveBdevCreated = (state: State, event: EventOf<"BdevCreated">, seq: number): State => {
  if (HashMap.has(state.bdevs, event.name)) return state
  const bdev: Bdev = {
    name: event.name,
    uuid: event.uuid,
    uuidExplicit: event.uuidExplicit,
    incarnation: incarnationOf(seq),
    spec: event.spec,
    phase: { _tag: "Active" },
    contentLost: false
  }
  return {
    ...state,
    bdevs: HashMap.set(state.bdevs, event.name, bdev),
    nextMallocNumber:
      event.autoNumber === undefined ? state.nextMallocNumber : Math.max(state.nextMallocNumber, event.autoNumber + 1),
    indexes: indexBdev(state.indexes, bdev)
  }
}

/** A bdev has another size; what is stacked on it has its base's. */
export const evolveBdevResized = (state: State, event: EventOf<"BdevResized">): State => {
  const bdev = findBdev(state, event.name)
  if (bdev === undefined || bdev.incarnation !== event.incarnation || !("blockCount" in bdev.spec)) return state
  const resized: Bdev = { ...bdev, spec: { ...bdev.spec, blockCount: event.blockCount } }
  return { ...state, bdevs: HashMap.set(state.bdevs, event.name, resized) }
}

/** A bdev's memory is not empty any more. */
export const evolveBdevContentLoaded = (state: State, event: EventOf<"BdevContentLoaded">): State => {
  const bdev = findBdev(state, event.name)
  if (bdev === undefined || bdev.incarnation !== event.incarnation) return state
  return { ...state, bdevs: HashMap.set(state.bdevs, event.name, { ...bdev, contentLost: false }) }
}

/** A delay bdev is slower or faster. */
export const evolveBdevLatenciesSet = (state: State, event: EventOf<"BdevLatenciesSet">): State => {
  const bdev = findBdev(state, event.name)
  if (bdev === undefined || bdev.incarnation !== event.incarnation || bdev.spec._tag !== "Delay") return state
  const changed: Bdev = { ...bdev, spec: { ...bdev.spec, ...event.latencies } }
  return { ...state, bdevs: HashMap.set(state.bdevs, event.name, changed) }
}

/** A bdev has other limits; four zeros are none. */
export const evolveBdevQosSet = (state: State, event: EventOf<"BdevQosSet">): State => {
  const bdev = findBdev(state, event.name)
  if (bdev === undefined || bdev.incarnation !== event.incarnation) return state
  const { qos: _, ...unlimited } = bdev
  const isLimited = Object.values(event.qos).some((limit) => limit > 0)
  const changed: Bdev = isLimited ? { ...unlimited, qos: event.qos } : unlimited
  return { ...state, bdevs: HashMap.set(state.bdevs, event.name, changed) }
}

/** How long its IO takes is counted, or is not. */
export const evolveBdevHistogramSet = (state: State, event: EventOf<"BdevHistogramSet">): State => {
  const bdev = findBdev(state, event.name)
  if (bdev === undefined || bdev.incarnation !== event.incarnation) return state
  const { histogram: _, ...uncounted } = bdev
  const changed: Bdev = event.histogram === undefined ? uncounted : { ...uncounted, histogram: event.histogram }
  return { ...state, bdevs: HashMap.set(state.bdevs, event.name, changed) }
}

/** A bdev takes no new mapping. */
export const evolveBdevRemovalStarted = (state: State, event: EventOf<"BdevRemovalStarted">, seq: number): State => {
  const bdev = findBdev(state, event.name)
  if (bdev === undefined || bdev.incarnation !== event.incarnation || bdev.phase._tag === "Removing") return state
  const removing: Bdev = { ...bdev, phase: { _tag: "Removing", since: seq, cause: event.cause } }
  const removed = { ...state, bdevs: HashMap.set(state.bdevs, event.name, removing) }
  const isLetGo = bdev.spec._tag === "Nvme" && event.cause === "requested"
  return isLetGo ? evolveNvmeNamespaceLetGo(removed, bdev.spec.controller) : removed
}

/** A bdev and its name are free. */
export const evolveBdevRemoved = (state: State, event: EventOf<"BdevRemoved">): State => {
  const bdev = findBdev(state, event.name)
  if (bdev === undefined || bdev.incarnation !== event.incarnation) return state
  return {
    ...withoutReservations(state, event.name),
    bdevs: HashMap.remove(state.bdevs, event.name),
    indexes: unindexBdev(state.indexes, bdev)
  }
}
