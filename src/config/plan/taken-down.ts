/**
 * What an application takes down on its way and puts up again: the maps of a portal group that gets other addresses,
 * the LUNs of a disk that is made anew, and these themselves. It is recorded before that, so that a next application
 * after one that was broken off finds what was there: else what is missing would pass for removed by RPC.
 */
import type { DesiredEntry } from "../../domain/config/AppliedConfig.ts"
import { entriesOf, modelOfEntries } from "./applied-entries.ts"
import { inPlaceChanges } from "./aspects.ts"
import { forEachKind, type Kind } from "./kinds.ts"
import type { IsThere, Model } from "./Model.ts"

/** Whether `bare` lacks something of `before` that `goal` has. */
const isDiminished = <A>({ aspects }: Kind<A>, before: A, bare: A | undefined, goal: A): boolean => {
  if (bare === undefined) return true
  if (bare === before || bare === goal) return false
  const fields = (from: A, to: A) => aspects.flatMap((aspect) => aspect.changes(from, to)).map(({ field }) => field)
  const lost = new Set(fields(before, bare))
  return lost.size > 0 && fields(bare, goal).some((field) => lost.has(field))
}

/** Changes of one object that are made at different times, or take out a list and put it in again. */
const inSeveralSteps = <A>({ aspects }: Kind<A>, before: A, goal: A): boolean => {
  const changes = inPlaceChanges(aspects, before, goal)
  if (changes === undefined || changes.before.length + changes.after.length < 2) return false
  return changes.before.length > 0 || changes.after.some(({ _tag }) => _tag.startsWith("Remove"))
}

/** Objects of `before` that will be `goal`, and of which something is missing in `bare`, where all is taken down. */
export const takenDownBetween = (before: Model, bare: Model, goal: Model): ReadonlyArray<DesiredEntry> => {
  const entries: Array<DesiredEntry> = []
  forEachKind(<A>(kind: Kind<A>) => {
    const { eventsOf, objectsOf } = kind
    if (eventsOf === undefined) return
    const [wanted, left] = [objectsOf(goal), objectsOf(bare)]
    for (const [key, object] of objectsOf(before)) {
      const next = wanted.get(key)
      if (next === undefined) continue
      const isDown = isDiminished(kind, object, left.get(key), next) || inSeveralSteps(kind, object, next)
      if (isDown) entries.push(...entriesOf(eventsOf(object)))
    }
  })
  return entries
}

/** `running` with what is down of the objects that a file wants: as it was before. */
export const withTakenDown = (running: Model, takenDown: ReadonlyArray<DesiredEntry>, wanted: Model): Model => {
  if (takenDown.length === 0) return running
  const down = modelOfEntries(takenDown)
  const isThere: IsThere = (section, key) => running[section].has(key) || wanted[section].has(key)
  let model = running
  forEachKind(<A>(kind: Kind<A>) => {
    const { objectsOf, restored, withObjects } = kind
    const objects = new Map(objectsOf(running))
    for (const [key, before] of objectsOf(down)) {
      const present = objects.get(key)
      const isWanted = objectsOf(wanted).has(key)
      if (restored !== undefined && (isWanted || present !== undefined)) {
        objects.set(key, restored(present, before, isThere))
      } else if (isWanted) {
        // What was made anew since is no change by RPC.
        objects.set(key, before)
      }
    }
    model = withObjects(model, objects)
  })
  return model
}
