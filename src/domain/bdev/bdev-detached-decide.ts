/** The rules of bdevs whose device has gone: which stay declared, and how they come back. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists } from "../DomainError.ts"
import { type Decision, draftOn, record } from "../decision.ts"
import type { Event } from "../Event.ts"
import { indexGet, indexHas } from "../multi-index.ts"
import { openReplay } from "../replay/Replay.ts"
import { detachedBdevsOf, findBdev, findDetachedBdev, findLun, findTarget, type State } from "../State.ts"
import type { BdevRef, BdevSpec } from "./BdevSpec.ts"
import { detachedOn } from "./bdev-detached-evolve.ts"
import { baseOf } from "./bdev-evolve.ts"
import type { DetachedBdev, DetachedLun } from "./DetachedBdev.ts"

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
  const spec = ofSize(detached.spec, blockCount)
  const onBase = "base" in spec && below !== undefined ? { ...spec, base: refOf(below) } : spec
  return Result.succeed([createdAgain(detached, onBase)])
}

const refOf = ({ incarnation, name }: BdevRef): BdevRef => ({ name, incarnation })

const isFree = (state: State, { lun, target: name }: DetachedLun): boolean => {
  const target = findTarget(state, name)
  return target?.phase._tag === "Active" && findLun(target, lun) === undefined
}

/** What was above comes back with it, unless its name or UUID is another's by now. */
const aboveAgain = (state: State, detached: DetachedBdev, base: BdevRef): Event => {
  const { name, spec, uuid } = detached
  const isTaken = HashMap.has(state.bdevs, name) || indexHas(state.indexes.uuids, uuid)
  if (isTaken || !("base" in spec)) return { _tag: "BdevForgotten", name }
  return createdAgain(detached, { ...spec, base })
}

/** Its limits, its LUNs where their ids are free, and what was stacked on it. */
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
  for (const { lun, target } of free) {
    record(draft, { _tag: "LunAdded", target, lun, bdev: refOf(bdev) })
  }
  for (const above of detachedOn(state, name)) record(draft, aboveAgain(draft.state, above, refOf(bdev)))
  const unmapped = detached.luns.filter((lun) => !free.includes(lun)).map(({ lun, target }) => ({ target, lun }))
  const left = unmapped.length === 0 ? {} : { unmapped }
  record(draft, { _tag: "BdevReattached", name, incarnation, ...left })
  return Result.succeed(draft.events)
}
