/** The rules of bdevs whose device has gone: which stay declared, and how they come back. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, type DomainError, WrongState } from "../DomainError.ts"
import { type Decision, type Draft, draftOn, record } from "../decision.ts"
import type { Event } from "../Event.ts"
import { iscsiNameKey } from "../ids.ts"
import { indexGet, indexHas } from "../multi-index.ts"
import { openReplay } from "../replay/Replay.ts"
import { restoredReservations } from "../reservation/reservation-decide.ts"
import { detachedBdevsOf, findBdev, findDetachedBdev, findLun, findTarget, type State } from "../State.ts"
import type { Bdev } from "./Bdev.ts"
import type { BdevRef, BdevSpec } from "./BdevSpec.ts"
import { writtenBase } from "./bdev-claims.ts"
import { detachedOn } from "./bdev-detached-evolve.ts"
import { baseOf } from "./bdev-evolve.ts"
import { geometryOf } from "./bdev-geometry.ts"
import type { DetachedBdev, DetachedLun } from "./DetachedBdev.ts"
import { partsOf } from "./split-parts.ts"

const nothing: Decision = Result.succeed([])

/** Whether what is behind a bdev can be there again: memory that is gone cannot. */
export const canComeBack = (spec: BdevSpec): boolean => spec._tag !== "Malloc" && spec._tag !== "Null"

/** By name or UUID; one whose device is back is none any more. */
export const resolveDetachedBdev = (state: State, nameOrUuid: string): DetachedBdev | undefined => {
  if (HashMap.isEmpty(state.detachedBdevs)) return undefined
  const uuid = nameOrUuid.toLowerCase()
  const found = findDetachedBdev(state, nameOrUuid) ?? detachedBdevsOf(state).find((detached) => detached.uuid === uuid)
  return found?.attached === undefined ? found : undefined
}

const createdAgain = ({ name, uuid, uuidExplicit }: DetachedBdev, spec: BdevSpec): Event => ({
  ...({ _tag: "BdevCreated", name, uuid, uuidExplicit } as const),
  spec,
  attached: true
})

const ofSize = (spec: BdevSpec, blockCount: number | undefined): BdevSpec => {
  const isSize = blockCount !== undefined && Number.isSafeInteger(blockCount) && blockCount > 0
  return isSize && "blockCount" in spec ? { ...spec, blockCount } : spec
}

/** Why it cannot be on its base now, which may have changed, or have become another's, while it was away. */
const obstacleOn = (state: State, { name, spec }: DetachedBdev, base: Bdev): DomainError | undefined => {
  if (spec._tag !== "Split" && spec._tag !== "Overlay") return undefined
  const object = `bdev ${name}`
  const written = writtenBase(state, object, base)
  if (written !== undefined || spec._tag === "Overlay") return written
  if (geometryOf(state, { spec: { ...spec, base: refOf(base) } })?.blockCount === 0) {
    const reason = `is beyond the end of bdev ${base.name}`
    return new WrongState({ object, reason, hint: `it comes back when bdev ${base.name} is longer; or delete it` })
  }
  const sibling = partsOf(state, base.name).find((part) => part.spec.partBlocks !== spec.partBlocks)
  if (sibling === undefined) return undefined
  const reason = `is not of the size of bdev ${sibling.name}, which is a part of bdev ${base.name}, too`
  return new AlreadyExists({ object, reason, hint: `delete bdev ${name}, or those parts` })
}

/** The device is there again. What a replay has taken away, only its record brings back. */
export const decideAttachBdev = (state: State, { blockCount, name, since }: CommandOf<"AttachBdev">): Decision => {
  const detached = findDetachedBdev(state, name)
  const isAwaited = detached?.since === since && detached.attached === undefined
  if (!isAwaited || findBdev(state, name) !== undefined || openReplay(state) !== undefined) return nothing
  const [holder] = indexGet(state.indexes.uuids, detached.uuid)
  if (holder !== undefined) {
    const reason = `has the UUID ${detached.uuid}, which is that of bdev ${holder} now`
    const hint = `delete bdev ${holder}, or bdev ${name}, which is detached`
    return Result.fail(new AlreadyExists({ object: `bdev ${name}`, reason, hint }))
  }
  const base = baseOf(detached)
  const below = base === undefined ? undefined : findBdev(state, base.name)
  if (base !== undefined && below?.phase._tag !== "Active") return nothing
  const obstacle = below === undefined ? undefined : obstacleOn(state, detached, below)
  if (obstacle !== undefined) return Result.fail(obstacle)
  const spec = ofSize(detached.spec, blockCount)
  const onBase = "base" in spec && below !== undefined ? { ...spec, base: refOf(below) } : spec
  return Result.succeed([createdAgain(detached, onBase)])
}

const refOf = ({ incarnation, name }: BdevRef): BdevRef => ({ name, incarnation })

const isFree = (state: State, { lun, target: name }: DetachedLun): boolean => {
  const target = findTarget(state, name)
  return target?.phase._tag === "Active" && findLun(target, lun) === undefined
}

/** What was above comes back with it, unless its name or UUID is another's by now; what has no place yet waits. */
const restoreAbove = (draft: Draft, detached: DetachedBdev, base: Bdev): void => {
  const { name, spec, uuid } = detached
  const isTaken = HashMap.has(draft.state.bdevs, name) || indexHas(draft.state.indexes.uuids, uuid)
  if (isTaken || !("base" in spec)) return record(draft, { _tag: "BdevForgotten", name })
  if (obstacleOn(draft.state, detached, base) !== undefined) return
  record(draft, createdAgain(detached, { ...spec, base: refOf(base) }))
}

/** Its limits, its reservations, its LUNs where their ids are free, and what was stacked on it. */
export const decideRestoreAttachedBdev = (state: State, command: CommandOf<"RestoreAttachedBdev">): Decision => {
  const { incarnation, name } = command
  const bdev = findBdev(state, name)
  const detached = findDetachedBdev(state, name)
  if (bdev?.incarnation !== incarnation || bdev.phase._tag !== "Active") return nothing
  if (detached?.attached !== incarnation || openReplay(state) !== undefined) return nothing
  const draft = draftOn(state)
  const { histogram, qos } = detached
  if (qos !== undefined) record(draft, { _tag: "BdevQosSet", name, incarnation, qos })
  if (histogram !== undefined) record(draft, { _tag: "BdevHistogramSet", name, incarnation, histogram })
  const free = detached.luns.filter((lun) => isFree(state, lun))
  const targets = new Set(free.map(({ target }) => iscsiNameKey(target)))
  // Before its LUNs: who was fenced off must not write in between.
  const isReachable = (target: string): boolean => targets.has(iscsiNameKey(target))
  for (const back of restoredReservations(refOf(bdev), detached.reservations, isReachable)) record(draft, back)
  for (const { lun, target } of free) {
    record(draft, { _tag: "LunAdded", target, lun, bdev: refOf(bdev) })
  }
  for (const above of detachedOn(state, name)) restoreAbove(draft, above, bdev)
  const unmapped = detached.luns.filter((lun) => !free.includes(lun)).map(({ lun, target }) => ({ target, lun }))
  const left = unmapped.length === 0 ? {} : { unmapped }
  record(draft, { _tag: "BdevReattached", name, incarnation, ...left })
  return Result.succeed(draft.events)
}
