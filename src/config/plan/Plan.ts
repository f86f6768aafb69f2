/**
 * What has to be done so that a running target is what a file says: the three-way merge (`merge.ts`) gives what is to
 * be, its differences from what runs are the steps, its differences from the file are the drift. A plan is computed
 * from plain values and changes nothing.
 */
import { Result } from "effect"
import { baseOf } from "../../domain/bdev/bdev-evolve.ts"
import { declaredState } from "../../domain/bdev/declared-state.ts"
import type { DesiredEntry } from "../../domain/config/AppliedConfig.ts"
import { iscsiNameKey } from "../../domain/ids.ts"
import { indexGet } from "../../domain/multi-index.ts"
import { activeLunsOf, detachedBdevsOf, type State } from "../../domain/State.ts"
import { parseTargetName } from "../../domain/target/target-node-name.ts"
import type { Wanted } from "../native/DesiredState.ts"
import type { ConfigPath } from "../native/NativeFile.ts"
import type { FieldChange } from "./Aspect.ts"
import { appliedModel, entriesOf, hashOf, outOfScope, replaceInScope } from "./applied-entries.ts"
import { declarationsOf } from "./declarations.ts"
import { detachedText, sortOutDetached } from "./detached-works.ts"
import { type Difference, type Drift, differenceOf, driftBetween } from "./difference.ts"
import { forEachKind, type Kind, modelOf, type Singles } from "./kinds.ts"
import type { Model } from "./Model.ts"
import { mergeModels } from "./merge.ts"
import { type Conflict, stagesOf, type Work } from "./stages.ts"
import { takenDownBetween, withTakenDown } from "./taken-down.ts"

/** How far a file goes, and which part of it. */
export interface PlanOptions {
  /** What was changed by RPC is made again what the file says. */
  readonly enforce: boolean
  /** What no file has made goes too. */
  readonly prune: boolean
  /** Disks in memory may be made anew, and lose what is on them. */
  readonly replace: boolean
  /** Only this target and what it needs. */
  readonly target?: string
}

/** One object that is going to be changed. */
export interface Step {
  readonly action: Difference["action"]
  /** Such as `bdev Malloc0`. */
  readonly object: string
  readonly detail: string
  readonly changes: ReadonlyArray<FieldChange>
  readonly path: ConfigPath
  /** Targets whose sessions lose a LUN, or end. */
  readonly disturbs: ReadonlyArray<string>
}

/** What has to be done, and what has to be told. */
export interface Plan {
  readonly steps: ReadonlyArray<Step>
  /** The steps as commands, in an order that works. */
  readonly works: ReadonlyArray<Work>
  /** What stays though the file says otherwise: it was changed since the file was applied. */
  readonly drift: ReadonlyArray<Drift>
  /** What stays though no file has it. */
  readonly kept: ReadonlyArray<string>
  /** What counts as running though its device is away, in words. */
  readonly detached: ReadonlyArray<string>
  /** Why the plan cannot be carried out. */
  readonly conflicts: ReadonlyArray<Conflict>
  /** What to record at the end. */
  readonly desired: ReadonlyArray<DesiredEntry>
  readonly fileHash: string
  /** What is to be. */
  readonly goal: Model
  /** What to record before the first command: it is down in between. Empty if nothing is. */
  readonly takenDown: ReadonlyArray<DesiredEntry>
  /** What stays down at the end, for it is no part of this. */
  readonly staysDown: ReadonlyArray<DesiredEntry>
}

/** Nothing more than the file says. */
export const defaultPlanOptions: PlanOptions = { enforce: false, prune: false, replace: false }

type Scope = (section: keyof Model, key: string) => boolean

/** The target, its groups, and its bdevs with all that is below them. */
const neededBy = (wanted: Model, key: string): ReadonlySet<string> => {
  const needed = new Set([`targets/${key}`])
  const target = wanted.targets.get(key)
  if (target === undefined) return needed
  for (const { initiatorGroup, portalGroup } of target.pgIgMaps) {
    needed.add(`portalGroups/${portalGroup}`).add(`initiatorGroups/${initiatorGroup}`)
    const discovery = wanted.portalGroups.get(String(portalGroup))?.auth.chapGroup ?? 0
    if (discovery !== 0) needed.add(`authGroups/${discovery}`)
  }
  if (target.auth.chapGroup !== 0) needed.add(`authGroups/${target.auth.chapGroup}`)
  for (const { bdev } of activeLunsOf(target)) {
    let at = wanted.bdevs.get(bdev.name)
    while (at !== undefined && !needed.has(`bdevs/${at.name}`)) {
      needed.add(`bdevs/${at.name}`)
      at = wanted.bdevs.get(baseOf(at)?.name ?? "")
    }
  }
  return needed
}

const scopeOf = (wanted: Model, key: string | undefined): Scope | undefined => {
  if (key === undefined) return undefined
  const needed = neededBy(wanted, key)
  return (section, own) => needed.has(`${section}/${own}`)
}

/** Targets that have a LUN of this bdev, or of one that is stacked on it. */
const usersOf = (now: State, bdev: string): ReadonlyArray<string> => {
  const stack = [bdev]
  for (const below of stack)
    stack.push(...indexGet(now.indexes.dependents, below).filter((name) => !stack.includes(name)))
  return stack.flatMap((name) => indexGet(now.indexes.mappings, name).map(({ targetKey }) => targetKey))
}

/** Groups leave sessions alone; a LUN that goes, or a target, does not. */
const disturbedBy = (now: State, { action, changes, key, section }: Difference): ReadonlyArray<string> => {
  const isAnew = action === "remove" || action === "replace"
  if (section === "bdevs") return isAnew ? [...new Set(usersOf(now, key))] : []
  if (section !== "targets") return []
  const losesLun = changes.some(({ field, from }) => from !== undefined && field.startsWith("LUN "))
  return isAnew || losesLun ? [key] : []
}

/** Disks that would lose their data. */
const dataLoss = (now: Model, differences: ReadonlyArray<Difference>): ReadonlyArray<Difference> => {
  const replaced = new Set(differences.filter(({ action }) => action === "replace").map(({ object }) => object))
  const lost = new Set<string>()
  forEachKind(<A>({ holdsData, labelOf, objectsOf }: Kind<A>) => {
    for (const object of objectsOf(now).values()) {
      if (replaced.has(labelOf(object)) && holdsData(object)) lost.add(labelOf(object))
    }
  })
  return differences.filter(({ object }) => lost.has(object))
}

const changeText = ({ field, from, to }: FieldChange): string => {
  if (to === undefined) return `${field} ${from}, which the file does not ask for`
  return from === undefined ? `no ${field}, and the file asks for ${to}` : `${field} ${from} and not ${to}`
}

const lossMessage = ({ changes, object }: Difference): string =>
  `${object} has ${changes.map(changeText).join(", ")}; that cannot be changed without making the disk anew, and its ` +
  "data would be gone: apply with --replace if that is meant, or put the file back"

/** What is refused because something is away that was removed by RPC. */
const withDriftHint = (drift: ReadonlyArray<Drift>, { message, path }: Conflict): Conflict => {
  const away = drift.filter(({ field, running }) => field === undefined && running === undefined)
  if (away.length === 0) return { message, path }
  const names = away.slice(0, 3).map(({ object }) => object)
  return { path, message: `${message} (removed by RPC: ${names.join(", ")}; --enforce makes it again)` }
}

/**
 * Full name of the target that is asked for, as a key: by the file's own prefix of names, else the only one that is
 * called so after its first colon.
 */
const targetKeyOf = (desired: Wanted, name: string | undefined, known: ReadonlySet<string>): string | undefined => {
  if (name === undefined) return undefined
  const full = parseTargetName(name, desired.state.options.nodeBase)
  const key = iscsiNameKey(Result.isSuccess(full) ? full.success : name)
  const called = [...known].filter((one) => one.slice(one.indexOf(":") + 1) === name.toLowerCase())
  return known.has(key) || called.length !== 1 ? key : called[0]
}

/** The single sections that a file has. */
export const singlesOf = ({ log, options }: Wanted): Singles => ({
  options: options !== undefined,
  log: log !== undefined
})

/** `seq` is the last of the log. */
export const planOf = (state: State, desired: Wanted, options: PlanOptions, seq: number): Plan => {
  const now = declaredState(state)
  const running = modelOf(now)
  const wanted = modelOf(desired.state, singlesOf(desired))
  const last = appliedModel(now.appliedConfig)
  const known = new Set([...wanted.targets.keys(), ...(last?.targets.keys() ?? [])])
  const targetKey = targetKeyOf(desired, options.target, known)
  const scope = scopeOf(wanted, targetKey)
  const appliedAt = now.appliedConfig?.seq ?? 0
  const rules = { ...options, isOfLastFile: (incarnation: number) => incarnation < appliedAt }
  const asked = scope === undefined ? wanted : restricted(wanted, scope)
  const before = withTakenDown(running, now.configTakenDown, asked)
  const sides = { base: last, wanted, now: before, ...(scope === undefined ? {} : { scope }) }
  const { goal, kept } = mergeModels(sides, rules)
  const differences = differenceOf(running, goal)
  const declared = declarationsOf(desired)
  const lost = options.replace ? [] : dataLoss(running, differences)
  const conflicts: Array<Conflict> = lost.map((one) => ({
    path: declared.pathOf(one.section, one.key),
    message: lossMessage(one)
  }))
  if (targetKey !== undefined && !known.has(targetKey)) {
    conflicts.push({
      path: ["targets"],
      message: `no target ${options.target} is declared; --target takes one that is`
    })
  }
  const drift = driftBetween(asked, goal)
  const staged = stagesOf(now, goal, declared, seq)
  const sorted = sortOutDetached(state, staged.works)
  conflicts.push(...staged.conflicts.map((conflict) => withDriftHint(drift, conflict)), ...sorted.conflicts)
  const own = entriesOf(desired.events)
  const entries = scope === undefined ? own : replaceInScope(now.appliedConfig?.desired ?? [], own, scope)
  const staysDown = scope === undefined ? [] : outOfScope(now.configTakenDown, scope)
  return {
    steps: differences.map((one) => stepOf(now, declared.pathOf(one.section, one.key), one)),
    works: sorted.works,
    drift,
    kept,
    detached: detachedBdevsOf(state)
      .filter(({ name }) => goal.bdevs.has(name))
      .map(detachedText),
    conflicts,
    desired: entries,
    fileHash: hashOf(entries),
    goal,
    takenDown: [...takenDownBetween(before, staged.bare, goal), ...staysDown],
    staysDown
  }
}

const stepOf = (now: State, path: ConfigPath, difference: Difference): Step => {
  const { action, changes, detail, object } = difference
  return { action, object, detail, changes, path, disturbs: disturbedBy(now, difference) }
}

const restricted = (model: Model, scope: Scope): Model => {
  let inScope = model
  forEachKind(<A>(kind: Kind<A>) => {
    const own = [...kind.objectsOf(model)].filter(([key]) => scope(kind.section, key))
    inScope = kind.withObjects(inScope, new Map(own))
  })
  return inScope
}

/** What was changed since a file was applied; nothing if none was. */
export const driftOfState = (state: State): ReadonlyArray<Drift> => {
  const now = declaredState(state)
  const last = appliedModel(now.appliedConfig)
  return last === undefined ? [] : driftBetween(last, withTakenDown(modelOf(now), now.configTakenDown, last))
}
