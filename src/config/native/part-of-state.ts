/** The part of a state that one target needs: its groups, its bdevs and what those are stacked on. */
import { HashMap } from "effect"
import type { BdevSpec } from "../../domain/bdev/BdevSpec.ts"
import { findBdev, findPortalGroup, findTarget, lunsOf, type State } from "../../domain/State.ts"

/** Bdevs by name, each with what it is stacked on. */
const withBases = (state: State, names: Iterable<string>): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const name of names) {
    for (let next: string | undefined = name; next !== undefined && !found.has(next); ) {
      found.add(next)
      const spec: BdevSpec | undefined = findBdev(state, next)?.spec
      next = spec !== undefined && "base" in spec ? spec.base.name : undefined
    }
  }
  return found
}

/** Options stay: they are of the target as a whole. Undefined if there is no target of that name, in full. */
export const partOfState = (state: State, name: string): State | undefined => {
  const target = findTarget(state, name)
  if (target?.phase._tag !== "Active") return undefined
  const portalGroups = new Set<number>(target.pgIgMaps.map(({ portalGroup }) => portalGroup))
  const initiatorGroups = new Set<number>(target.pgIgMaps.map(({ initiatorGroup }) => initiatorGroup))
  const authGroups = new Set([
    target.auth.chapGroup,
    ...[...portalGroups].map((tag) => findPortalGroup(state, tag)?.auth.chapGroup)
  ])
  const bdevs = withBases(
    state,
    lunsOf(target).map(({ bdev }) => bdev.name)
  )
  return {
    ...state,
    targets: HashMap.filter(state.targets, (one) => one === target),
    portalGroups: HashMap.filter(state.portalGroups, ({ tag }) => portalGroups.has(tag)),
    initiatorGroups: HashMap.filter(state.initiatorGroups, ({ tag }) => initiatorGroups.has(tag)),
    authGroups: HashMap.filter(state.authGroups, ({ tag }) => authGroups.has(tag)),
    bdevs: HashMap.filter(state.bdevs, (bdev) => bdevs.has(bdev.name))
  }
}
