/**
 * The removal of LUNs, bdevs and targets as far as it is decided: what starts to drain together, and what is gone once
 * nothing holds it. The data plane drains in between and reports facts; a fact about something else of the same name
 * decides nothing.
 */
import { HashMap, Option, Result } from "effect"
import type { Bdev, BdevRemovalCause } from "../bdev/Bdev.ts"
import { canComeBack } from "../bdev/bdev-detached-decide.ts"
import { baseOf } from "../bdev/bdev-evolve.ts"
import type { CommandOf } from "../Command.ts"
import { type Decision, type Draft, draftOn, record } from "../decision.ts"
import type { Event } from "../Event.ts"
import type { IscsiName } from "../ids.ts"
import { indexGet, indexHas } from "../multi-index.ts"
import type { UnitReservations } from "../reservation/Reservation.ts"
import {
  activeLunsOf,
  bdevsOf,
  findBdev,
  findLun,
  findReservations,
  findTarget,
  lunsOf,
  type State,
  targetsOf
} from "../State.ts"
import type { LunMapping, LunRemovalCause, TargetNode } from "./TargetNode.ts"

const nothing: Decision = Result.succeed([])

/** Lets one LUN drain, if it does not already. */
export const startLunRemoval = (
  draft: Draft,
  target: IscsiName,
  { incarnation, lun, phase }: LunMapping,
  cause: LunRemovalCause
): void => {
  if (phase._tag === "Active") record(draft, { _tag: "LunRemovalStarted", target, lun, incarnation, cause })
}

const isHeld = (state: State, name: string): boolean =>
  indexHas(state.indexes.mappings, name) || indexHas(state.indexes.dependents, name)

/** Removes a bdev that waits for nothing but its last user, if that one is gone; then perhaps its base. */
export const settleBdev = (draft: Draft, name: string): void => {
  let bdev = findBdev(draft.state, name)
  while (bdev !== undefined && bdev.phase._tag === "Removing" && !isHeld(draft.state, bdev.name)) {
    record(draft, { _tag: "BdevRemoved", name: bdev.name, incarnation: bdev.incarnation })
    const base = baseOf(bdev)
    bdev = base === undefined ? undefined : findBdev(draft.state, base.name)
  }
}

/** Removes a target that is being deleted, if its LUNs are gone and its sessions closed. */
export const settleTarget = (draft: Draft, name: string): void => {
  const target = findTarget(draft.state, name)
  if (target?.phase._tag !== "Deleting" || !target.phase.sessionsClosed || !HashMap.isEmpty(target.luns)) return
  record(draft, { _tag: "TargetNodeDeleted", target: target.name, incarnation: target.incarnation })
}

/** The bdev and all that is stacked above it, each before what is above it. Bounded by the depth of stacks. */
export const stackFrom = (state: State, bdev: Bdev): ReadonlyArray<Bdev> => {
  const stack = [bdev]
  for (const below of stack) {
    for (const name of indexGet(state.indexes.dependents, below.name)) {
      const above = findBdev(state, name)
      if (above !== undefined && !stack.includes(above)) stack.push(above)
    }
  }
  return stack
}

const startLunRemovals = (draft: Draft, bdev: Bdev, cause: LunRemovalCause): void => {
  for (const { lun, targetKey } of indexGet(draft.state.indexes.mappings, bdev.name)) {
    const target = Option.getOrUndefined(HashMap.get(draft.state.targets, targetKey))
    const mapping = target === undefined ? undefined : findLun(target, lun)
    if (target !== undefined && mapping !== undefined) startLunRemoval(draft, target.name, mapping, cause)
  }
}

/** What is registered with a bdev and outlives a loss of power. */
const lastingReservations = (state: State, name: string): { readonly reservations?: UnitReservations } => {
  const unit = findReservations(state, name)
  return unit?.persistent === true && unit.registrations.length > 0 ? { reservations: unit } : {}
}

/** A bdev goes: it, its stack, and all their LUNs start together; what nobody uses is gone at once. */
export const decideBdevRemoval = (
  state: State,
  bdev: Bdev,
  cause: BdevRemovalCause,
  detail?: string
): ReadonlyArray<Event> => {
  const draft = draftOn(state)
  const stack = stackFrom(state, bdev).filter(({ phase }) => phase._tag === "Active")
  const stays = cause === "vanished" && canComeBack(bdev.spec)
  for (const { incarnation, name } of stack) {
    const own =
      name === bdev.name ? { cause, ...(detail === undefined ? {} : { detail }) } : { cause: "base-removed" as const }
    const kept = stays ? { detached: true as const, ...lastingReservations(state, name) } : {}
    record(draft, { _tag: "BdevRemovalStarted", name, incarnation, ...own, ...kept })
  }
  for (const each of stack) startLunRemovals(draft, each, cause === "vanished" ? "bdev-vanished" : "bdev-deleted")
  for (const { name } of stack.toReversed()) settleBdev(draft, name)
  return draft.events
}

/** A target goes: its LUNs drain, those that do already go on. */
export const decideTargetRemoval = (state: State, target: TargetNode): ReadonlyArray<Event> => {
  const draft = draftOn(state)
  record(draft, { _tag: "TargetNodeDeletionStarted", target: target.name, incarnation: target.incarnation })
  for (const mapping of activeLunsOf(target)) startLunRemoval(draft, target.name, mapping, "target-deleted")
  return draft.events
}

/** A LUN is out of use: it goes, and with it what waited for it. */
export const decideRecordLunDrained = (state: State, fact: CommandOf<"RecordLunDrained">): Decision => {
  const target = findTarget(state, fact.target)
  const mapping = target === undefined ? undefined : findLun(target, fact.lun)
  if (target === undefined || mapping?.incarnation !== fact.incarnation || mapping.phase._tag !== "Draining") {
    return nothing
  }
  const { aborted, drained, durationMillis, incarnation, lun } = fact
  const { cause } = mapping.phase
  const draft = draftOn(state)
  const ending = { cause, drained, aborted, durationMillis }
  record(draft, { _tag: "LunRemoved", target: target.name, lun, incarnation, ...ending })
  settleBdev(draft, mapping.bdev.name)
  settleTarget(draft, target.name)
  return Result.succeed(draft.events)
}

/** The last session of a target that is being deleted has ended. */
export const decideRecordTargetSessionsClosed = (
  state: State,
  fact: CommandOf<"RecordTargetSessionsClosed">
): Decision => {
  const target = findTarget(state, fact.target)
  if (target?.incarnation !== fact.incarnation || target.phase._tag !== "Deleting" || target.phase.sessionsClosed) {
    return nothing
  }
  const { closed, cut, incarnation } = fact
  const draft = draftOn(state)
  record(draft, { _tag: "TargetNodeSessionsClosed", target: target.name, incarnation, closed, cut })
  settleTarget(draft, target.name)
  return Result.succeed(draft.events)
}

/** The device behind a bdev is gone: as if it had been deleted. */
export const decideRecordBdevVanished = (state: State, fact: CommandOf<"RecordBdevVanished">): Decision => {
  const bdev = findBdev(state, fact.name)
  if (bdev?.incarnation !== fact.incarnation || bdev.phase._tag === "Removing") return nothing
  return Result.succeed(decideBdevRemoval(state, bdev, "vanished", fact.detail))
}

const isRemoving = (state: State, name: string): boolean => findBdev(state, name)?.phase._tag === "Removing"

/**
 * A start that resumes: what the end of the process has cut short is over, and nothing of it was in flight any more.
 * A log that lost records, or a fork, may begin between two events of one removal: what it had not reached follows.
 */
export const finishInterruptedRemovals = (draft: Draft): void => {
  const ending = { cause: "boot", drained: 0, aborted: 0, durationMillis: 0 } as const
  const removing = bdevsOf(draft.state).filter(({ phase }) => phase._tag === "Removing")
  for (const { incarnation, name, phase } of removing.flatMap((bdev) => stackFrom(draft.state, bdev))) {
    if (phase._tag === "Removing" || isRemoving(draft.state, name)) continue
    record(draft, { _tag: "BdevRemovalStarted", name, incarnation, cause: "base-removed" })
  }
  for (const target of targetsOf(draft.state)) {
    for (const { bdev, incarnation, lun, phase } of lunsOf(target)) {
      const stays = phase._tag === "Active" && target.phase._tag === "Active" && !isRemoving(draft.state, bdev.name)
      if (stays) continue
      record(draft, { _tag: "LunRemoved", target: target.name, lun, incarnation, ...ending })
      settleBdev(draft, bdev.name)
    }
    if (target.phase._tag === "Active") continue
    record(draft, { _tag: "TargetNodeDeleted", target: target.name, incarnation: target.incarnation })
  }
  for (const { name } of bdevsOf(draft.state).toReversed()) settleBdev(draft, name)
}
