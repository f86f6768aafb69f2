/** The blocks of a bdev: its own, or what its stack makes of those at the bottom. */
import { findBdev, type State } from "../State.ts"
import type { Bdev } from "./Bdev.ts"
import { BDEV_STACK_DEPTH_MAX, type BdevSpec, type MediumSpec } from "./BdevSpec.ts"
import { baseOf } from "./bdev-evolve.ts"

/** How many blocks of how many bytes. */
export interface Geometry {
  readonly blockCount: number
  readonly blockSize: number
}

/** The bdev, its base, the base of that ...; ends early where one is on its way out. */
export const chainOf = (state: State, bdev: Pick<Bdev, "spec">): ReadonlyArray<BdevSpec> => {
  const chain: Array<BdevSpec> = [bdev.spec]
  for (let base = baseOf(bdev); base !== undefined && chain.length <= BDEV_STACK_DEPTH_MAX + 1; ) {
    const below = findBdev(state, base.name)
    if (below === undefined || below.incarnation !== base.incarnation) break
    chain.push(below.spec)
    base = baseOf(below)
  }
  return chain
}

/** What has the blocks at the bottom of a stack; undefined while a base is on its way out. */
export const mediumOf = (chain: ReadonlyArray<BdevSpec>): MediumSpec | undefined => {
  const last = chain.at(-1)
  return last === undefined || "base" in last ? undefined : last
}

/** Undefined while a base is on its way out. */
export const geometryOf = (state: State, bdev: Pick<Bdev, "spec">): Geometry | undefined => {
  const chain = chainOf(state, bdev)
  const medium = mediumOf(chain)
  if (medium === undefined) return undefined
  const blockCount = chain.reduceRight((blocks, spec) => {
    if (spec._tag !== "Split") return blocks
    return Math.max(0, Math.min(spec.partBlocks, blocks - spec.part * spec.partBlocks))
  }, medium.blockCount)
  return { blockCount, blockSize: medium.blockSize }
}
