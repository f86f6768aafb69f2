/**
 * Who may write to a bdev that others are stacked on. What is below an overlay has to stay as it is, and what is cut
 * into parts belongs to the parts (SPDK has such bases claimed for all kinds that are stacked; here passthru, delay and
 * error share them).
 */
import { Busy } from "../DomainError.ts"
import { indexGet } from "../multi-index.ts"
import { findBdev, type State } from "../State.ts"
import type { Bdev } from "./Bdev.ts"
import { BDEV_STACK_DEPTH_MAX } from "./BdevSpec.ts"
import { baseOf } from "./bdev-evolve.ts"

/** A bdev that is written to, and the one above it by which that comes. */
interface Written {
  readonly bdev: Bdev
  readonly by: Bdev | undefined
}

/** What a write to this bdev changes: itself and what is below, down to an overlay, which keeps it. */
const writtenWith = (state: State, bdev: Bdev): ReadonlyArray<Written> => {
  const written: Array<Written> = [{ bdev, by: undefined }]
  for (let at = bdev; at.spec._tag !== "Overlay" && written.length <= BDEV_STACK_DEPTH_MAX + 1; ) {
    const below = findBdev(state, baseOf(at)?.name ?? "")
    if (below === undefined) break
    written.push({ bdev: below, by: at })
    at = below
  }
  const lowest = written.at(-1)?.bdev.spec
  return lowest !== undefined && "readOnly" in lowest && lowest.readOnly ? [] : written
}

/** What is right above, and shares blocks with what is written: parts share none with one another. */
const dependentsOf = (state: State, { bdev, by }: Written): ReadonlyArray<Bdev> =>
  indexGet(state.indexes.dependents, bdev.name).flatMap((name) => {
    const dependent = findBdev(state, name)
    const isOtherPart = by?.spec._tag === "Split" && dependent?.spec._tag === "Split" && by.name !== name
    return dependent === undefined || isOtherPart ? [] : [dependent]
  })

const overlayAbove = (state: State, written: Written): Bdev | undefined => {
  for (const dependent of dependentsOf(state, written)) {
    const isOverlay = dependent.spec._tag === "Overlay"
    const overlay = isOverlay ? dependent : overlayAbove(state, { bdev: dependent, by: undefined })
    if (overlay !== undefined) return overlay
  }
  return undefined
}

/** A part of what is written, by which the write did not come. */
const partAbove = (state: State, written: Written): Bdev | undefined =>
  written.by?.spec._tag === "Split" ? undefined : dependentsOf(state, written).find(({ spec }) => spec._tag === "Split")

/** Why a bdev cannot be a LUN: what its initiators would write to belongs to another. */
export const claimedBy = (state: State, bdev: Bdev): Busy | undefined => {
  for (const written of writtenWith(state, bdev)) {
    const holder = overlayAbove(state, written) ?? partAbove(state, written)
    if (holder === undefined) continue
    const { name } = written.bdev
    const why = holder.spec._tag === "Overlay" ? `needs what bdev ${name} holds` : `is a part of bdev ${name}`
    const reason = `cannot be written to: bdev ${holder.name} ${why}`
    const hint = `map ${holder.name} instead, or delete it first`
    return new Busy({ object: `bdev ${bdev.name}`, reason, hint, heldBy: [`bdev ${holder.name}`] })
  }
  return undefined
}

/** LUNs whose initiators write to this, by whatever is stacked on it; not those of overlays. */
const writersOf = (state: State, written: Written): ReadonlyArray<string> => {
  const { name } = written.bdev
  const own = indexGet(state.indexes.mappings, name).map(({ lun, targetKey }) => `LUN ${lun} of ${targetKey}`)
  const above = dependentsOf(state, written).flatMap((bdev) =>
    bdev.spec._tag === "Overlay" ? [] : writersOf(state, { bdev, by: undefined })
  )
  return [...own, ...above]
}

/** Why there can be no overlay on a bdev, and no parts of it: somebody writes to it. `object` is for messages. */
export const writtenBase = (state: State, object: string, base: Bdev): Busy | undefined => {
  const heldBy = writtenWith(state, base).flatMap((written) => writersOf(state, written))
  const [writer] = heldBy
  if (writer === undefined) return undefined
  const reason = `would be on bdev ${base.name}, which ${writer} writes to`
  return new Busy({ object, reason, hint: "remove that LUN first", heldBy })
}
