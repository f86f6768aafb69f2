/** Which target each bdev is used with, so that reactors open together what belongs together. */
import type { Bdev } from "../domain/bdev/Bdev.ts"
import { activeLunsOf, bdevsOf, type State, targetsOf } from "../domain/State.ts"
import { bdevKey } from "./BdevEntry.ts"

const keyOfBase = ({ spec }: Bdev): string | undefined => ("base" in spec ? bdevKey(spec.base) : undefined)

/**
 * For each bdev that a target exports, or that shares a stack or a target with one: the first of all targets that they
 * have in common, by the bdev's key. All bdevs of one name can be opened in one place, and never have to be moved.
 */
export const exportersOf = (state: State): ReadonlyMap<string, string> => {
  const neighbours = new Map<string, Array<string>>()
  const join = (a: string, b: string): void => {
    for (const [from, to] of [
      [a, b],
      [b, a]
    ] as const) {
      const known = neighbours.get(from)
      if (known === undefined) neighbours.set(from, [to])
      else known.push(to)
    }
  }
  // No bdev's key is a target's: it ends with its incarnation.
  for (const bdev of bdevsOf(state)) {
    const base = keyOfBase(bdev)
    if (base !== undefined) join(bdevKey(bdev), base)
  }
  for (const target of targetsOf(state)) for (const { bdev } of activeLunsOf(target)) join(target.name, bdevKey(bdev))
  const found = new Map<string, string>()
  for (const { name } of targetsOf(state)) {
    if (found.has(name)) continue
    const reached = new Set<string>([name])
    // A set that grows while it is gone through hands out what was added.
    for (const key of reached) for (const other of neighbours.get(key) ?? []) reached.add(other)
    for (const key of reached) found.set(key, name)
  }
  return found
}
