/**
 * The rules for replays. A record's event is taken as it is, with the fork's incarnations in place of the source's, if
 * what it acts on is there; else it is skipped and that is told. What somebody has made in the fork meanwhile gives way
 * as it would have in the source: LUNs drain, maps go.
 */
import { Brand, HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { InvalidArgument, WrongState } from "../DomainError.ts"
import { type Decision, type Draft, draftOn, record } from "../decision.ts"
import type { Event } from "../Event.ts"
import { mapsRemoved } from "../group/portal-group-decide.ts"
import { type Incarnation, type RelativePortId, textKey } from "../ids.ts"
import { indexGet } from "../multi-index.ts"
import { activeLunsOf, findBdev, findInitiatorGroup, findLun, findTarget, type State } from "../State.ts"
import { decideBdevRemoval, settleBdev, settleTarget, stackFrom, startLunRemoval } from "../target/lun-removal.ts"
import {
  incarnationInFork,
  openReplay,
  REPLAY_REASON_LENGTH_MAX,
  REPLAY_RECORDS_MAX,
  REPLAY_SKIPPED_NAMED_MAX,
  type Replay,
  type SkippedRecord
} from "./Replay.ts"
import { replayObstacle } from "./replay-obstacle.ts"

const object = "the replay"
const portIdOf = Brand.nominal<RelativePortId>()
const incarnationOf = Brand.nominal<Incarnation>()

/** Once in the life of a fork, from where it has begun. */
export const decideStartReplay = (state: State, { through }: CommandOf<"StartReplay">): Decision => {
  const { fork, replay } = state
  if (replay?.through === through) return Result.succeed([])
  if (fork === undefined) {
    const reason = "cannot begin: this target is no fork"
    return Result.fail(new WrongState({ object, reason, hint: "make one: lunlog fork --at POS --replay" }))
  }
  if (replay !== undefined) {
    const reason = `has begun already and goes up to record ${replay.through}`
    return Result.fail(new WrongState({ object, reason, hint: "fork once more to play other records" }))
  }
  const from = fork.sourceSeq
  if (!Number.isSafeInteger(through) || through < from) {
    const reason = `cannot go up to record ${through}`
    return Result.fail(new InvalidArgument({ object, reason, hint: `the fork begins after record ${from}` }))
  }
  const ended = from === through ? ([{ _tag: "ReplayEnded", cause: "finished" }] as const) : []
  return Result.succeed([{ _tag: "ReplayStarted", from, through }, ...ended])
}

/** Nothing to do if it is over. */
export const decideStopReplay = (state: State): Decision =>
  Result.succeed(openReplay(state) === undefined ? [] : [{ _tag: "ReplayEnded", cause: "stopped" }])

/** The event with the fork's incarnations; undefined if a thing that it names never came to be here. */
const inFork = (state: State, replay: Replay, event: Event): Event | undefined => {
  const incarnationHere = (source: number): Incarnation | undefined => {
    const incarnation = incarnationInFork(state, replay, source)
    return incarnation === undefined ? undefined : incarnationOf(incarnation)
  }
  if (event._tag === "LunAdded" || event._tag === "ReservationsChanged") {
    const incarnation = incarnationHere(event.bdev.incarnation)
    return incarnation === undefined ? undefined : { ...event, bdev: { ...event.bdev, incarnation } }
  }
  if (event._tag === "BdevCreated" && "base" in event.spec) {
    const incarnation = incarnationHere(event.spec.base.incarnation)
    const { base } = event.spec
    return incarnation === undefined ? undefined : { ...event, spec: { ...event.spec, base: { ...base, incarnation } } }
  }
  if (!("incarnation" in event)) return event
  const incarnation = incarnationHere(event.incarnation)
  return incarnation === undefined ? undefined : { ...event, incarnation }
}

/** A relative port id that a map made here has taken is not given twice. */
const withFreePorts = (state: State, event: Event): Event => {
  const target = event._tag === "TargetNodeMapsAdded" ? findTarget(state, event.target) : undefined
  if (event._tag !== "TargetNodeMapsAdded" || target === undefined) return event
  const taken = new Set<number>(HashMap.values(target.relativePortIds))
  let next = target.nextRelativePortId
  const ports = event.ports.flatMap((port) => {
    if (HashMap.has(target.relativePortIds, port.portalGroup)) return []
    if (!taken.has(port.relativePortId)) return [port]
    for (const { relativePortId } of event.ports) next = Math.max(next, relativePortId + 1)
    return [{ ...port, relativePortId: portIdOf(next++) }]
  })
  return { ...event, ports }
}

const without = <A extends string>(items: ReadonlyArray<A>, known: ReadonlyArray<string>): ReadonlyArray<A> => {
  const keys = new Set(known.map(textKey))
  return items.filter((item) => !keys.has(textKey(item)))
}

/** A member that was added here is not added twice. */
const withNewMembers = (state: State, event: Event): Event => {
  if (event._tag !== "InitiatorGroupMembersAdded") return event
  const group = findInitiatorGroup(state, event.tag)
  const initiators = without(event.initiators, group?.initiators ?? [])
  return { ...event, initiators, netmasks: without(event.netmasks, group?.netmasks ?? []) }
}

const isCreation = ({ _tag }: Event): boolean =>
  _tag === "BdevCreated" ||
  _tag === "NvmeControllerAttached" ||
  _tag === "LunAdded" ||
  _tag === "TargetNodeCreated" ||
  _tag === "PortalGroupCreated" ||
  _tag === "InitiatorGroupCreated" ||
  _tag === "AuthGroupCreated"

/** Incarnation in the source of what is gone with the event. */
const goneWith = (event: Event): ReadonlyArray<number> =>
  event._tag === "BdevRemoved" ||
  event._tag === "NvmeControllerDetached" ||
  event._tag === "LunRemoved" ||
  event._tag === "TargetNodeDeleted" ||
  event._tag === "PortalGroupDeleted" ||
  event._tag === "InitiatorGroupDeleted" ||
  event._tag === "AuthGroupDeleted"
    ? [event.incarnation]
    : []

/** Maps that the source did not have go with their group, before it. */
const removeOtherMaps = (draft: Draft, event: Event): void => {
  if (event._tag !== "PortalGroupDeleted" && event._tag !== "InitiatorGroupDeleted") return
  const [side, cause] =
    event._tag === "PortalGroupDeleted"
      ? (["portalGroup", "portal-group-deleted"] as const)
      : (["initiatorGroup", "initiator-group-deleted"] as const)
  for (const removal of mapsRemoved(draft.state, (map) => map[side] === event.tag, cause)) record(draft, removal)
}

/** What the source did not have, on a bdev or target that goes: it drains, and is reported like any other removal. */
const removeOtherUsers = (draft: Draft, event: Event): void => {
  if (event._tag === "TargetNodeDeletionStarted") {
    const target = findTarget(draft.state, event.target)
    const luns = target?.phase._tag === "Deleting" ? activeLunsOf(target) : []
    for (const mapping of luns) startLunRemoval(draft, event.target, mapping, "target-deleted")
  }
  if (event._tag !== "BdevRemovalStarted") return
  const bdev = findBdev(draft.state, event.name)
  if (bdev === undefined || bdev.phase._tag === "Active") return
  const lunCause = event.cause === "vanished" ? "bdev-vanished" : "bdev-deleted"
  for (const { lun, targetKey } of indexGet(draft.state.indexes.mappings, bdev.name)) {
    const target = findTarget(draft.state, targetKey)
    const mapping = target === undefined ? undefined : findLun(target, lun)
    if (target !== undefined && mapping !== undefined) startLunRemoval(draft, target.name, mapping, lunCause)
  }
  for (const above of stackFrom(draft.state, bdev)) {
    if (above.phase._tag === "Removing") continue
    for (const removal of decideBdevRemoval(draft.state, above, "base-removed")) record(draft, removal)
  }
}

const isEnding = ({ _tag }: Event): boolean =>
  _tag === "BdevRemovalStarted" || _tag === "BdevRemoved" || _tag === "LunRemoved"

/** What has lost its last user earlier than in the source, because somebody removed that here, does not wait for it. */
const settle = (draft: Draft, events: ReadonlyArray<Event>): void => {
  for (const event of events) if ("target" in event) settleTarget(draft, event.target)
  if (!events.some(isEnding)) return
  for (const { name, phase } of HashMap.values(draft.state.bdevs)) {
    if (phase._tag === "Removing") settleBdev(draft, name)
  }
}

/** Events that tell of the source's own life as a fork: they say nothing of what it was. */
const isMark = ({ _tag }: Event): boolean =>
  _tag === "Forked" || _tag === "ReplayStarted" || _tag === "RecordsReplayed" || _tag === "ReplayEnded"

interface Played {
  readonly created: Array<{ readonly source: number; readonly place: number }>
  readonly gone: Array<number>
  readonly skipped: Array<SkippedRecord>
  skippedCount: number
  playedCount: number
}

const skip = (played: Played, seq: number, reason: string): void => {
  played.skippedCount++
  if (played.skipped.length >= REPLAY_SKIPPED_NAMED_MAX) return
  played.skipped.push({ seq, reason: reason.slice(0, REPLAY_REASON_LENGTH_MAX) })
}

const playRecord = (draft: Draft, replay: Replay, played: Played, seq: number, recorded: Event): void => {
  if (isMark(recorded)) return
  played.gone.push(...goneWith(recorded))
  const here = inFork(draft.state, replay, recorded)
  if (here === undefined) return skip(played, seq, `${recorded._tag}: what it acts on was never made here`)
  const event = withNewMembers(draft.state, withFreePorts(draft.state, here))
  const obstacle = replayObstacle(draft.state, event)
  if (obstacle !== undefined) return skip(played, seq, `${event._tag}: ${obstacle}`)
  removeOtherMaps(draft, event)
  if (isCreation(event)) played.created.push({ source: seq, place: draft.events.length })
  record(draft, event)
  played.playedCount++
}

/** What was played before is not played again: no event. */
export const decideReplayRecords = (state: State, command: CommandOf<"ReplayRecords">): Decision => {
  const replay = openReplay(state)
  if (replay === undefined) {
    const reason = state.replay === undefined ? "has not begun" : "is over"
    return Result.fail(new WrongState({ object, reason, hint: "make a fork with --replay to play records" }))
  }
  const { records, through } = command
  if (!Number.isSafeInteger(through) || through > replay.through || records.length > REPLAY_RECORDS_MAX) {
    const reason = `cannot take ${records.length} records up to ${through}`
    const hint = `it plays up to ${replay.through}, at most ${REPLAY_RECORDS_MAX} at once`
    return Result.fail(new InvalidArgument({ object, reason, hint }))
  }
  if (through <= replay.position) return Result.succeed([])
  if (command.after !== undefined && command.after !== replay.position) {
    const reason = `is at record ${replay.position}, not at ${command.after}`
    return Result.fail(new WrongState({ object, reason, hint: "play what comes next" }))
  }
  const draft = draftOn(state)
  const played: Played = { created: [], gone: [], skipped: [], skippedCount: 0, playedCount: 0 }
  const due = records.filter(({ seq }) => seq > replay.position && seq <= through)
  for (const { event, seq } of due) playRecord(draft, replay, played, seq, event)
  const events = [...draft.events]
  for (const event of events) removeOtherUsers(draft, event)
  settle(draft, events)
  const { gone, playedCount, skipped, skippedCount } = played
  const total = draft.events.length
  const created = played.created.map(({ place, source }) => ({ source, back: total - place }))
  record(draft, { _tag: "RecordsReplayed", through, playedCount, skippedCount, skipped, created, gone })
  if (through === replay.through) record(draft, { _tag: "ReplayEnded", cause: "finished" })
  return Result.succeed(draft.events)
}
