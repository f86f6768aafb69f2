/** What two models differ in, object by object; the same serves for steps (from running to goal) and for drift. */
import type { FieldChange } from "./Aspect.ts"
import { inPlaceChanges } from "./aspects.ts"
import { forEachKind, type Kind } from "./kinds.ts"
import type { Model } from "./Model.ts"

/** One object that differs. `replace`: it is made anew, because it cannot be changed so. */
export interface Difference {
  readonly action: "create" | "change" | "replace" | "remove"
  readonly section: keyof Model
  readonly key: string
  /** Such as `bdev Malloc0`. */
  readonly object: string
  /** Of a new object: what it is. */
  readonly detail: string
  readonly changes: ReadonlyArray<FieldChange>
}

/** From `from` to `to`; only objects of `keysOf`, if that is given. */
export const differenceOf = (from: Model, to: Model, only?: Model): ReadonlyArray<Difference> => {
  const found: Array<Difference> = []
  forEachKind(<A>(kind: Kind<A>) => {
    const { aspects, detailOf, labelOf, objectsOf, section } = kind
    const [before, after] = [objectsOf(from), objectsOf(to)]
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      if (only !== undefined && !objectsOf(only).has(key)) continue
      const [a, b] = [before.get(key), after.get(key)]
      if (a === b) continue
      if (a !== undefined && b !== undefined) {
        const changes = aspects.flatMap((aspect) => aspect.changes(a, b))
        if (changes.length === 0) continue
        const action = inPlaceChanges(aspects, a, b) === undefined ? "replace" : "change"
        found.push({ action, section, key, object: labelOf(b), detail: "", changes })
      } else if (b !== undefined) {
        found.push({ action: "create", section, key, object: labelOf(b), detail: detailOf(b), changes: [] })
      } else if (a !== undefined) {
        found.push({ action: "remove", section, key, object: labelOf(a), detail: "", changes: [] })
      }
    }
  })
  return found
}

/** A difference between what was declared and what runs. */
export interface Drift {
  readonly object: string
  readonly field?: string
  /** As the file has it; absent if it is not in the file. */
  readonly declared?: string
  /** As it runs; absent if it does not. */
  readonly running?: string
  /** A sentence without its end. */
  readonly message: string
}

const fieldMessage = (object: string, { field, from, to }: FieldChange): string => {
  const value = (text: string | undefined) => (text === undefined || text === "" ? "" : ` (${text})`)
  if (from === undefined) return `${field} of ${object}${value(to)} was added by RPC`
  if (to === undefined) return `${field} of ${object}${value(from)} was removed by RPC`
  return `${field} of ${object} is ${to}, and ${from} in the file`
}

const driftOf = ({ action, changes, object }: Difference): ReadonlyArray<Drift> => {
  if (action === "remove") return [{ object, declared: object, message: `${object} was removed by RPC` }]
  return changes.map((change) => ({
    object,
    field: change.field,
    ...(change.from === undefined ? {} : { declared: change.from }),
    ...(change.to === undefined ? {} : { running: change.to }),
    message: fieldMessage(object, change)
  }))
}

/** How `running` differs from what is declared, in the declared objects only. */
export const driftBetween = (declared: Model, running: Model): ReadonlyArray<Drift> =>
  differenceOf(declared, running, declared).flatMap(driftOf)
