/**
 * The three-way merge of objects: what is to be, from what was applied last, what the file says and what runs.
 *
 * | last | file | running |                                                                    |
 * | ---- | ---- | ------- | ------------------------------------------------------------------ |
 * | any  | yes  | yes     | merged aspect by aspect; all of it as the file says if last has none |
 * | same | yes  | no      | stays away: that is drift (`enforce` makes it)                     |
 * | else | yes  | no      | made                                                               |
 * | yes  | no   | yes     | removed, if it is the one that was there then                      |
 * | no   | no   | yes     | kept (`prune` removes it)                                          |
 */
import type { MergeRules } from "./Aspect.ts"
import { mergeAspects } from "./aspects.ts"
import { forEachKind, type Kind } from "./kinds.ts"
import type { Model } from "./Model.ts"

/** What is merged. `base` is undefined if no file was applied. */
export interface MergeSides {
  readonly base: Model | undefined
  readonly wanted: Model
  readonly now: Model
  /** What the file is about; all if undefined. Everything else stays as it runs. */
  readonly scope?: (section: keyof Model, key: string) => boolean
}

/** What is to be, and what stays though no file has it. */
export interface Merged {
  readonly goal: Model
  /** Labels. */
  readonly kept: ReadonlyArray<string>
}

const isSameObject = <A>({ aspects }: Kind<A>, a: A, b: A): boolean =>
  aspects.every((aspect) => aspect.changes(a, b).length === 0)

/** The running object itself if it stays as it is: most of a large file does, and need not be looked at again. */
const mergeObject = <A>(kind: Kind<A>, base: A | undefined, wanted: A, now: A, rules: MergeRules): A => {
  const isUntouched = base !== undefined && !rules.enforce && !rules.prune && isSameObject(kind, base, wanted)
  if (isUntouched) return now
  const merged = mergeAspects(kind.aspects, base, wanted, now, rules)
  return isSameObject(kind, now, merged) ? now : merged
}

interface KindSides<A> {
  readonly base: ReadonlyMap<string, A>
  readonly wanted: ReadonlyMap<string, A>
  readonly now: ReadonlyMap<string, A>
  readonly inScope: (key: string) => boolean
}

const mergeKind = <A>(kind: Kind<A>, sides: KindSides<A>, rules: MergeRules, kept: Array<string>): Map<string, A> => {
  const { base, inScope, now, wanted } = sides
  const goal = new Map<string, A>()
  for (const [key, running] of now) {
    const declared = wanted.get(key)
    if (!inScope(key)) goal.set(key, running)
    else if (declared !== undefined) {
      goal.set(key, mergeObject(kind, base.get(key), declared, running, rules))
    } else {
      const wasDeclared = base.has(key) && rules.isOfLastFile(kind.incarnationOf(running))
      const stays = kind.deletionOf === undefined || (!wasDeclared && !rules.prune)
      if (stays) goal.set(key, running)
      if (stays && kind.deletionOf !== undefined) kept.push(kind.labelOf(running))
    }
  }
  for (const [key, declared] of wanted) {
    if (now.has(key) || !inScope(key)) continue
    const last = base.get(key)
    const isDrift = !rules.enforce && last !== undefined && isSameObject(kind, last, declared)
    if (!isDrift) goal.set(key, declared)
  }
  return goal
}

/** Merges all kinds. */
export const mergeModels = ({ base, now, scope, wanted }: MergeSides, rules: MergeRules): Merged => {
  let goal = now
  const kept: Array<string> = []
  forEachKind(<A>(kind: Kind<A>) => {
    const sides = {
      base: base === undefined ? new Map<string, A>() : kind.objectsOf(base),
      wanted: kind.objectsOf(wanted),
      now: kind.objectsOf(now),
      inScope: (key: string) => scope?.(kind.section, key) ?? true
    }
    goal = kind.withObjects(goal, mergeKind(kind, sides, rules, kept))
  })
  return { goal, kept }
}
