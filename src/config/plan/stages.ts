/**
 * From what runs to what is to be, in commands: what goes first, then what comes, each in an order that works. Every
 * command is decided on a copy of the state, so that a plan that cannot be carried out is known before it is begun, and
 * what a removal takes along (the maps of a portal group, the LUNs of a bdev) is made again.
 */
import { Result } from "effect"
import { holdersOf } from "../../domain/bdev/bdev-decide.ts"
import { baseOf } from "../../domain/bdev/bdev-evolve.ts"
import type { Command } from "../../domain/Command.ts"
import { decide } from "../../domain/decide.ts"
import type { Event } from "../../domain/Event.ts"
import { evolve } from "../../domain/evolve.ts"
import { activeLunsOf, findBdev, inPlace, type State } from "../../domain/State.ts"
import type { ConfigPath } from "../native/NativeFile.ts"
import { inPlaceChanges } from "./aspects.ts"
import type { Declarations } from "./declarations.ts"
import { forEachKind, type Kind, modelOf } from "./kinds.ts"
import type { Model } from "./Model.ts"

/**
 * One command. Those of a level need nothing of one another but their order; `release` and `delete` must be over, also
 * for the data plane, before the next level begins.
 */
export interface Work {
  readonly command: Command
  readonly path: ConfigPath
  readonly level: number
  /** The data plane must have taken note of all before it. */
  readonly waits: boolean
}

/** What is wrong, and where it comes from. */
export interface Conflict {
  readonly path: ConfigPath
  readonly message: string
}

/** Commands in order, and why some of them would be refused. */
export interface Staged {
  readonly works: ReadonlyArray<Work>
  readonly conflicts: ReadonlyArray<Conflict>
  /** What is there when everything that has to go is gone, and nothing has come. */
  readonly bare: Model
}

const releaseLevel = 0
const deleteLevel = 1
const createLevel = 2

interface Trial {
  readonly goal: Model
  readonly declared: Declarations
  readonly works: Array<Work>
  readonly conflicts: Array<Conflict>
  state: State
  seq: number
}

/** Facts that the data plane would report of removals, when nobody uses what is removed. */
const factsAfter = (events: ReadonlyArray<Event>): ReadonlyArray<Command> =>
  events.flatMap((event): ReadonlyArray<Command> => {
    if (event._tag === "LunRemovalStarted") {
      const { incarnation, lun, target } = event
      return [{ _tag: "RecordLunDrained", target, lun, incarnation, drained: 0, aborted: 0, durationMillis: 0 }]
    }
    if (event._tag !== "TargetNodeDeletionStarted") return []
    const { incarnation, target } = event
    return [{ _tag: "RecordTargetSessionsClosed", target, incarnation, closed: 0, cut: 0 }]
  })

/** Decides and folds, with what follows by itself; gives the refusal. */
const attempt = (trial: Trial, command: Command): string | undefined => {
  const decision = decide(trial.state, command)
  if (Result.isFailure(decision)) return decision.failure.message
  for (const event of decision.success) trial.state = evolve(trial.state, event, ++trial.seq)
  for (const fact of factsAfter(decision.success)) {
    const refusal = attempt(trial, fact)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

const push = (trial: Trial, level: number, command: Command, path: ConfigPath, waits = false): void => {
  const refusal = attempt(trial, command)
  if (refusal !== undefined) trial.conflicts.push({ path, message: refusal })
  trial.works.push({ command, path, level, waits })
}

const objectsNow = <A>(trial: Trial, kind: Kind<A>): ReadonlyMap<string, A> => kind.runningIn(trial.state)

/** Targets go with their LUNs and sessions; LUNs go before what is behind them. */
const release = (trial: Trial): void =>
  forEachKind(<A>(kind: Kind<A>) => {
    const goal = kind.objectsOf(trial.goal)
    for (const [key, running] of objectsNow(trial, kind)) {
      const path = trial.declared.pathOf(kind.section, key)
      const wanted = goal.get(key)
      const changes = wanted === undefined ? undefined : inPlaceChanges(kind.aspects, running, wanted)
      const deletion = changes === undefined && kind.section === "targets" ? kind.deletionOf?.(running) : undefined
      for (const command of changes?.before ?? (deletion === undefined ? [] : [deletion])) {
        push(trial, releaseLevel, command, path)
      }
    }
  })

/** A bdev that is not to be any more, and that something else needs. */
const heldBdev = (trial: Trial, name: string): string | undefined => {
  const bdev = findBdev(trial.state, name)
  const holders = bdev === undefined || trial.goal.bdevs.has(name) ? [] : holdersOf(trial.state, bdev)
  if (holders.length === 0) return undefined
  const message = `bdev ${name} is not declared any more, but ${holders.join(", ")} made by RPC uses it`
  return `${message}; declare it again, or remove that by RPC first`
}

/** Groups and bdevs; what is stacked goes before its base. */
const deletions = (trial: Trial): void =>
  forEachKind(<A>(kind: Kind<A>) => {
    if (kind.deletionOf === undefined || kind.section === "targets") return
    const goal = kind.objectsOf(trial.goal)
    for (const [key, running] of [...objectsNow(trial, kind)].toReversed()) {
      const wanted = goal.get(key)
      if (wanted !== undefined && inPlaceChanges(kind.aspects, running, wanted) !== undefined) continue
      const path = trial.declared.pathOf(kind.section, key)
      const held = kind.section === "bdevs" ? heldBdev(trial, key) : undefined
      if (held !== undefined) trial.conflicts.push({ path, message: held })
      // One that was stacked on another is gone with it.
      const isThere = kind.section !== "bdevs" || findBdev(trial.state, key)?.phase._tag === "Active"
      if (isThere) push(trial, deleteLevel, kind.deletionOf(running), path)
    }
  })

/** How many bdevs that are still to be made are below this one. */
const depthOf = (trial: Trial, key: string, missing: ReadonlySet<string>): number => {
  let depth = 0
  let at = trial.goal.bdevs.get(key)
  while (at !== undefined && depth <= missing.size) {
    const base = baseOf(at)
    if (base === undefined || !missing.has(base.name)) return depth
    depth++
    at = trial.goal.bdevs.get(base.name)
  }
  return depth
}

interface Creation {
  readonly command: Command
  readonly path: ConfigPath
  readonly depth: number
}

/** With the target as it is to be: what was changed by hand stays, also when the target is made anew. */
const targetCreation = (trial: Trial, key: string, command: Command): Command => {
  const target = trial.goal.targets.get(key)
  if (command._tag !== "CreateTargetNode" || target === undefined) return command
  const { alias, auth, dataDigest, headerDigest, name, pgIgMaps, queueDepth } = target
  const luns = activeLunsOf(target).map(({ bdev, lun }) => ({ lun, bdev: bdev.name }))
  return { ...command, name, alias, auth, dataDigest, headerDigest, queueDepth, maps: pgIgMaps, luns }
}

const missingIn = <A>(trial: Trial, kind: Kind<A>): ReadonlyArray<Creation> => {
  const present = objectsNow(trial, kind)
  const missing = [...kind.objectsOf(trial.goal)].filter(([key]) => !present.has(key))
  const keys = new Set(missing.map(([key]) => key))
  return missing.flatMap(([key, object]) => {
    const declared = trial.declared.creationOf(kind.section, key)
    if (declared === undefined) {
      const message = `${kind.labelOf(object)}, made by RPC, would go with what it is on; remove it by RPC first`
      trial.conflicts.push({ path: [kind.section], message })
      return []
    }
    const command = targetCreation(trial, key, declared.command)
    return [{ command, path: declared.path, depth: kind.section === "bdevs" ? depthOf(trial, key, keys) : 0 }]
  })
}

/** Bases before what is stacked on them, all bdevs and groups before targets. */
const creations = (trial: Trial): number => {
  let last = createLevel
  forEachKind(<A>(kind: Kind<A>) => {
    const isTarget = kind.section === "targets"
    if (isTarget) last++
    for (const { command, depth, path } of missingIn(trial, kind).toSorted((a, b) => a.depth - b.depth)) {
      const level = isTarget ? last : createLevel + depth
      last = Math.max(last, level)
      push(trial, level, command, path, depth > 0)
    }
  })
  return last
}

const adjust = <A>(trial: Trial, kind: Kind<A>, level: number): void => {
  const present = objectsNow(trial, kind)
  for (const [key, wanted] of kind.objectsOf(trial.goal)) {
    const running = present.get(key)
    const changes = running === undefined ? undefined : inPlaceChanges(kind.aspects, running, wanted)
    const path = trial.declared.pathOf(kind.section, key)
    for (const command of [...(changes?.before ?? []), ...(changes?.after ?? [])]) push(trial, level, command, path)
  }
}

/** Options first: what is created after them depends on them. All other changes come when everything is there. */
const adjustments = (trial: Trial, level: number, withOptions: boolean): void =>
  forEachKind(<A>(kind: Kind<A>) => {
    if ((kind.section === "options") === withOptions) adjust(trial, kind, level)
  })

/** `seq` is the last of the log. */
export const stagesOf = (now: State, goal: Model, declared: Declarations, seq: number): Staged => {
  const trial: Trial = { goal, declared, works: [], conflicts: [], state: now, seq }
  release(trial)
  deletions(trial)
  const bare = modelOf(trial.state)
  adjustments(trial, createLevel, true)
  let last = createLevel
  trial.state = inPlace(trial.state, (draft) => {
    trial.state = draft
    last = creations(trial)
    return trial.state
  })
  adjustments(trial, last + 1, false)
  const works = trial.works.toSorted((a, b) => a.level - b.level)
  return { works, conflicts: trial.conflicts, bare }
}

/** Whether something may have to drain before the next level. */
export const mayDrain = ({ level }: Work): boolean => level <= deleteLevel
