/** The rules of target nodes and of adding LUNs to them; `lun-removal.ts` has the way out. */
import { HashMap, Result } from "effect"
import { claimedBy } from "../bdev/bdev-claims.ts"
import { requireBdev } from "../bdev/bdev-decide.ts"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, Busy, type DomainError, InvalidArgument, LimitExceeded, NotFound } from "../DomainError.ts"
import { type Decision, draftOn, hasControlCharacter, quote, utf8Length } from "../decision.ts"
import type { EventOf } from "../Event.ts"
import { type IscsiName, isLun, LUN_MAX } from "../ids.ts"
import { checkAuth } from "../options/iscsi-options-decide.ts"
import { findLun, findTarget, lunsOf, type State } from "../State.ts"
import { decideTargetRemoval, startLunRemoval } from "./lun-removal.ts"
import { ALIAS_BYTES_MAX, LUNS_PER_CREATE_MAX, TARGETS_MAX, type TargetNode } from "./TargetNode.ts"
import { addMaps, removeMaps, setMapAccess } from "./target-node-maps.ts"
import { parseTargetName } from "./target-node-name.ts"

/** The target, if it is there to stay. */
export const requireTarget = (state: State, name: string): Result.Result<TargetNode, NotFound> => {
  const target = findTarget(state, name)
  const object = `target ${quote(name)}`
  if (target === undefined) {
    return Result.fail(new NotFound({ object, reason: "does not exist", hint: "give its full name" }))
  }
  if (target.phase._tag === "Active") return Result.succeed(target)
  return Result.fail(new NotFound({ object, reason: "is being deleted", hint: "wait until it is gone" }))
}

/** What a target that is being deleted waits for. */
const holdersOfTarget = (target: TargetNode): ReadonlyArray<string> => [
  ...lunsOf(target).map(({ lun }) => `LUN ${lun}`),
  ...(target.phase._tag === "Deleting" && !target.phase.sessionsClosed ? ["its sessions"] : [])
]

const checkNameIsFree = (state: State, name: IscsiName): DomainError | undefined => {
  const object = `target ${name}`
  const holder = findTarget(state, name)
  if (holder === undefined) return undefined
  if (holder.phase._tag === "Active") {
    return new AlreadyExists({ object, reason: "exists", hint: "use another name, or delete it first" })
  }
  const heldBy = holdersOfTarget(holder)
  return new Busy({ object, reason: "is still being deleted", hint: `wait for ${heldBy.join(", ")}`, heldBy })
}

const checkLunList = (object: string, command: CommandOf<"CreateTargetNode">): DomainError | undefined => {
  const { luns, maps, requireLunZero } = command
  const limit = requireLunZero ? LUNS_PER_CREATE_MAX : LUN_MAX + 1
  if (luns.length > limit) {
    const reason = `would have ${luns.length} LUNs`
    return new LimitExceeded({ object, reason, hint: `give at most ${limit}`, limit })
  }
  if (!requireLunZero) return undefined
  if (!luns.some(({ lun }) => lun === 0)) {
    return new InvalidArgument({ object, reason: "would have no LUN 0", hint: "give one of the bdevs the LUN id 0" })
  }
  if (maps.length > 0) return undefined
  return new InvalidArgument({ object, reason: "would have no pg-ig map", hint: "give at least one" })
}

const checkAlias = (object: string, alias: string): DomainError | undefined => {
  if (utf8Length(alias) <= ALIAS_BYTES_MAX && !hasControlCharacter(alias)) return undefined
  const hint = `use at most ${ALIAS_BYTES_MAX} bytes without control characters`
  return new InvalidArgument({ object, reason: `has the alias ${quote(alias)}`, hint })
}

const checkTargetCount = (state: State, object: string): DomainError | undefined => {
  if (HashMap.size(state.targets) < TARGETS_MAX) return undefined
  const reason = `would be number ${TARGETS_MAX + 1}`
  return new LimitExceeded({ object, reason, hint: `at most ${TARGETS_MAX} can be there`, limit: TARGETS_MAX })
}

const decideLun = (
  state: State,
  target: IscsiName,
  bdevName: string,
  lun: number
): Result.Result<EventOf<"LunAdded">, DomainError> =>
  Result.flatMap(requireBdev(state, bdevName), (bdev): Result.Result<EventOf<"LunAdded">, DomainError> => {
    const { incarnation, name } = bdev
    const claimed = claimedBy(state, bdev)
    if (claimed !== undefined) return Result.fail(claimed)
    if (isLun(lun)) return Result.succeed({ _tag: "LunAdded", target, lun, bdev: { name, incarnation } })
    const object = `LUN ${lun} of ${target}`
    return Result.fail(new InvalidArgument({ object, reason: "is out of range", hint: `use 0 to ${LUN_MAX}` }))
  })

const decideLuns = (
  state: State,
  target: IscsiName,
  requests: CommandOf<"CreateTargetNode">["luns"]
): Result.Result<ReadonlyArray<EventOf<"LunAdded">>, DomainError> => {
  const added = new Map<number, EventOf<"LunAdded">>()
  for (const { bdev, lun } of requests) {
    if (added.has(lun)) {
      const object = `LUN ${lun} of ${target}`
      return Result.fail(new AlreadyExists({ object, reason: "is given twice", hint: "give each LUN id to one bdev" }))
    }
    const decided = decideLun(state, target, bdev, lun)
    if (Result.isFailure(decided)) return Result.fail(decided.failure)
    added.set(lun, decided.success)
  }
  return Result.succeed([...added.values()])
}

/** Below 1 or above the maximum is the maximum, as in SPDK. */
const clampQueueDepth = (queueDepth: number, maxQueueDepth: number): number =>
  Number.isInteger(queueDepth) && queueDepth >= 1 && queueDepth <= maxQueueDepth ? queueDepth : maxQueueDepth

/** A target with its maps and LUNs, all or nothing. */
export const decideCreateTargetNode = (state: State, command: CommandOf<"CreateTargetNode">): Decision =>
  Result.gen(function* () {
    const name = yield* parseTargetName(command.name, state.options.nodeBase)
    const object = `target ${name}`
    const { alias, auth, dataDigest, headerDigest } = command
    const refusal =
      checkNameIsFree(state, name) ??
      checkTargetCount(state, object) ??
      checkAlias(object, alias) ??
      checkAuth(object, auth) ??
      checkLunList(object, command)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    const luns = yield* decideLuns(state, name, command.luns)
    const unmapped = { name, pgIgMaps: [], relativePortIds: HashMap.empty(), nextRelativePortId: 1 }
    const maps = yield* addMaps(state, unmapped, command.maps)
    const queueDepth = clampQueueDepth(command.queueDepth, state.options.maxQueueDepth)
    const created = { _tag: "TargetNodeCreated", name, alias, queueDepth, auth, headerDigest, dataDigest } as const
    return maps.maps.length === 0 ? [created, ...luns] : [created, maps, ...luns]
  })

/** Its LUNs drain and its sessions are closed first. */
export const decideDeleteTargetNode = (state: State, command: CommandOf<"DeleteTargetNode">): Decision =>
  Result.map(requireTarget(state, command.target), (target) => decideTargetRemoval(state, target))

const lowestFreeLun = (target: TargetNode): number => {
  let lun = 0
  while (HashMap.has(target.luns, lun)) lun++
  return lun
}

const checkLunIsFree = (target: TargetNode, lun: number): DomainError | undefined => {
  const object = `LUN ${lun} of ${target.name}`
  const holder = findLun(target, lun)
  if (holder === undefined) return undefined
  if (holder.phase._tag === "Active") {
    const reason = `is bdev ${holder.bdev.name}`
    return new AlreadyExists({ object, reason, hint: "use another LUN id, or remove that LUN first" })
  }
  const heldBy = [`commands on bdev ${holder.bdev.name}`]
  return new Busy({ object, reason: "is still being removed", hint: "wait until its commands have ended", heldBy })
}

/** Also while sessions are logged in: they are told. */
export const decideAddLun = (state: State, command: CommandOf<"AddLun">): Decision =>
  Result.gen(function* () {
    const target = yield* requireTarget(state, command.target)
    const lun = command.lun ?? lowestFreeLun(target)
    if (command.lun === undefined && lun > LUN_MAX) {
      const object = `target ${target.name}`
      const hint = "remove a LUN first"
      return yield* Result.fail(new LimitExceeded({ object, reason: "has no free LUN id", hint, limit: LUN_MAX + 1 }))
    }
    const taken = checkLunIsFree(target, lun)
    if (taken !== undefined) return yield* Result.fail(taken)
    return [yield* decideLun(state, target.name, command.bdev, lun)]
  })

/** Its commands drain first. */
export const decideRemoveLun = (state: State, command: CommandOf<"RemoveLun">): Decision =>
  Result.gen(function* () {
    const target = yield* requireTarget(state, command.target)
    const mapping = findLun(target, command.lun)
    const object = `LUN ${command.lun} of ${target.name}`
    if (mapping === undefined) {
      return yield* Result.fail(new NotFound({ object, reason: "does not exist", hint: "list the target's LUNs" }))
    }
    if (mapping.phase._tag === "Draining") {
      const hint = "wait until its commands have ended"
      return yield* Result.fail(new NotFound({ object, reason: "is being removed", hint }))
    }
    const draft = draftOn(state)
    startLunRemoval(draft, target.name, mapping, "requested")
    return draft.events
  })

/** All of them, or none. */
export const decideAddPgIgMaps = (state: State, command: CommandOf<"AddPgIgMaps">): Decision =>
  Result.gen(function* () {
    const target = yield* requireTarget(state, command.target)
    const event = yield* addMaps(state, target, command.maps)
    return event.maps.length === 0 ? [] : [event]
  })

/** All of them, or none. Sessions stay. */
export const decideRemovePgIgMaps = (state: State, command: CommandOf<"RemovePgIgMaps">): Decision =>
  Result.gen(function* () {
    const target = yield* requireTarget(state, command.target)
    const event = yield* removeMaps(target, command.maps)
    return event.maps.length === 0 ? [] : [event]
  })

/** Sessions of the map follow with their next command. */
export const decideSetTargetNodeMapAccess = (state: State, command: CommandOf<"SetTargetNodeMapAccess">): Decision =>
  Result.gen(function* () {
    const target = yield* requireTarget(state, command.target)
    const event = yield* setMapAccess(target, command)
    return event === undefined ? [] : [event]
  })
