/** What is declared, whether or not its device is there: what plans compare with files, and exports write. */
import { HashMap } from "effect"
import { iscsiNameKey } from "../ids.ts"
import { detachedBdevsOf, findBdev, findDetachedBdev, findLun, findTarget, type State } from "../State.ts"
import type { LunMapping } from "../target/TargetNode.ts"
import { indexLun } from "../target/target-node-evolve.ts"
import type { Bdev } from "./Bdev.ts"
import { baseOf, indexBdev } from "./bdev-evolve.ts"
import type { DetachedBdev } from "./DetachedBdev.ts"

const asBdev = ({ histogram, incarnation, name, qos, spec, uuid, uuidExplicit }: DetachedBdev): Bdev => ({
  ...{ name, uuid, uuidExplicit, incarnation, spec, contentLost: false },
  phase: { _tag: "Active" },
  ...(qos === undefined ? {} : { qos }),
  ...(histogram === undefined ? {} : { histogram })
})

const withBdev = (state: State, bdev: Bdev): State => ({
  ...state,
  bdevs: HashMap.set(state.bdevs, bdev.name, bdev),
  indexes: indexBdev(state.indexes, bdev)
})

const withLun = (state: State, bdev: Bdev, { incarnation, lun, target: name }: DetachedBdev["luns"][number]): State => {
  const target = findTarget(state, name)
  if (target?.phase._tag !== "Active") return state
  const taken = findLun(target, lun)
  if (taken !== undefined && taken.incarnation !== incarnation) return state
  const mapping: LunMapping = {
    lun,
    bdev: { name: bdev.name, incarnation: bdev.incarnation },
    incarnation,
    phase: { _tag: "Active" }
  }
  const key = iscsiNameKey(target.name)
  const luns = HashMap.set(target.luns, lun, mapping)
  return {
    ...state,
    targets: HashMap.set(state.targets, key, { ...target, luns }),
    indexes: indexLun(state.indexes, key, mapping)
  }
}

/** As if every detached bdev were there, also while it drains, with the LUNs that are free for it: none is detached. */
export const declaredState = (state: State): State => {
  if (HashMap.isEmpty(state.detachedBdevs)) return state
  let declared: State = { ...state, detachedBdevs: HashMap.empty() }
  for (const detached of detachedBdevsOf(state)) {
    if (detached.attached === undefined) declared = withBdev(declared, asBdev(detached))
    const bdev = findBdev(declared, detached.name)
    if (bdev?.phase._tag !== "Active") continue
    for (const lun of detached.luns) declared = withLun(declared, bdev, lun)
  }
  return declared
}

/** Why a bdev is detached, in words; undefined where that is said of its base already. */
export const detachedReason = (state: State, { detail, spec }: DetachedBdev): string | undefined => {
  const base = baseOf({ spec })
  if (detail !== undefined || base === undefined) return detail ?? "its device is not there"
  if (findDetachedBdev(state, base.name) !== undefined) return undefined
  return spec._tag === "Split" ? `it is beyond the end of bdev ${base.name}` : `it waits for bdev ${base.name}`
}
