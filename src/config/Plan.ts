/**
 * The difference between what is there and what a file wants, as commands: removals first, then what is missing.
 *
 * - What the file declares is made so, or the file is refused where that would need a change that lunlog cannot make
 *   to a thing that exists (a disk's size, a portal group's addresses).
 * - What an earlier file has created and this one no longer declares is removed.
 * - What was created otherwise (by RPC) and the file does not declare is left alone, and named.
 */
import { Equal, HashMap, Option, Result } from "effect"
import { noQos } from "../domain/Bdev.ts"
import type { Command } from "../domain/Command.ts"
import { decide } from "../domain/decide.ts"
import { noAuth } from "../domain/IscsiOptions.ts"
import { sameAuth } from "../domain/iscsi-options-decide.ts"
import {
  activeBdevsOf,
  activeLunsOf,
  activeTargetsOf,
  authGroupsOf,
  findAuthGroup,
  findBdev,
  findInitiatorGroup,
  findLun,
  findPortalGroup,
  findTarget,
  initiatorGroupsOf,
  portalGroupsOf,
  type State
} from "../domain/State.ts"
import { bdevChanges, bdevDifference, portalGroupDifference, sameOptions, targetDifference } from "./compare.ts"
import type { Declared, DesiredState } from "./DesiredState.ts"
import { initiatorGroupChanges, mapChanges } from "./list-changes.ts"
import type { ConfigPath } from "./NativeFile.ts"

/** What has to be done, and what has to be told. */
export interface Plan {
  /** Done first; what they start must be over before the next ones. */
  readonly removals: ReadonlyArray<Declared>
  readonly changes: ReadonlyArray<Declared>
  /** Objects that the file says nothing about and that stay. */
  readonly kept: ReadonlyArray<string>
  /** Why the file cannot be applied, each with its place. */
  readonly conflicts: ReadonlyArray<{ readonly path: ConfigPath; readonly message: string }>
}

interface Draft {
  readonly now: State
  readonly wanted: DesiredState
  readonly byConfig: ReadonlySet<number>
  readonly removals: Array<Declared>
  readonly changes: Array<Declared>
  readonly kept: Array<string>
  readonly conflicts: Array<{ readonly path: ConfigPath; readonly message: string }>
}

/** A thing that the file does not declare: removed if a file has made it, else left and named. */
const leaveOrRemove = (draft: Draft, incarnation: number, label: string, path: ConfigPath, command: Command): void => {
  if (draft.byConfig.has(incarnation)) draft.removals.push({ command, path })
  else draft.kept.push(label)
}

const planOptions = (draft: Draft): void => {
  const { now, wanted } = draft
  if (wanted.options === undefined || sameOptions(now.options, wanted.state.options)) return
  draft.changes.push(wanted.options)
}

const planBdevs = (draft: Draft): void => {
  for (const { command, path } of draft.wanted.bdevs) {
    const wanted = findBdev(draft.wanted.state, command.name ?? "")
    const now = findBdev(draft.now, command.name ?? "")
    if (now === undefined) draft.changes.push({ command, path })
    else if (wanted !== undefined) {
      const changes = bdevChanges(now, wanted)
      draft.changes.push(...changes.map((change) => ({ command: change, path })))
      const difference = changes.length > 0 ? undefined : bdevDifference(now, wanted)
      if (difference !== undefined) {
        const message =
          `bdev ${now.name} ${difference}; a bdev cannot be changed: delete it by RPC first ` +
          `(its data is then gone), or put the file back`
        draft.conflicts.push({ path, message })
      }
    }
  }
  for (const declared of draft.wanted.bdevQos) {
    const { name } = declared.command
    const [now, wanted] = [draft.now, draft.wanted.state].map((state) => findBdev(state, name))
    if (!Equal.equals(now?.qos ?? noQos, wanted?.qos ?? noQos)) draft.changes.push(declared)
  }
  // What is stacked goes before its base.
  for (const bdev of activeBdevsOf(draft.now).toReversed()) {
    if (findBdev(draft.wanted.state, bdev.name) !== undefined) continue
    const command = { _tag: "DeleteBdev" as const, name: bdev.name }
    leaveOrRemove(draft, bdev.incarnation, `bdev ${bdev.name}`, ["bdevs"], command)
  }
}

/** Commands that do nothing where things are so already. */
const planSettings = (draft: Draft, declared: ReadonlyArray<Declared>): void => {
  for (const one of declared) {
    const decision = decide(draft.now, one.command)
    // What cannot be decided yet is about something that this plan creates.
    const matters = Result.isSuccess(decision) ? decision.success.length > 0 : isSetInWanted(draft, one.command)
    if (matters) draft.changes.push(one)
  }
}

const isSetInWanted = ({ wanted }: Draft, command: Command): boolean =>
  command._tag !== "SetPortalGroupAuth" || !sameAuth(findPortalGroup(wanted.state, command.tag)?.auth ?? noAuth, noAuth)

const planAuthGroups = (draft: Draft): void => {
  for (const { command, path } of draft.wanted.authGroups) {
    const now = findAuthGroup(draft.now, command.tag)
    const wanted = findAuthGroup(draft.wanted.state, command.tag)
    if (now === undefined) draft.changes.push({ command, path })
    else if (wanted !== undefined && !Equal.equals(now.secrets, wanted.secrets)) {
      draft.changes.push({ command: { _tag: "DeleteAuthGroup", tag: command.tag }, path }, { command, path })
    }
  }
  for (const { incarnation, tag } of authGroupsOf(draft.now)) {
    if (findAuthGroup(draft.wanted.state, tag) !== undefined) continue
    leaveOrRemove(draft, incarnation, `auth group ${tag}`, ["authGroups"], { _tag: "DeleteAuthGroup", tag })
  }
}

const planPortalGroups = (draft: Draft): void => {
  for (const { command, path } of draft.wanted.portalGroups) {
    const wanted = findPortalGroup(draft.wanted.state, command.tag)
    const now = findPortalGroup(draft.now, command.tag)
    if (now === undefined) draft.changes.push({ command, path })
    else if (wanted !== undefined) {
      const difference = portalGroupDifference(now, wanted)
      if (difference === undefined) continue
      const message =
        `portal group ${now.tag} ${difference}; a portal group cannot be changed: delete it by RPC first ` +
        `(targets lose their maps to it until the next start), or use another tag`
      draft.conflicts.push({ path, message })
    }
  }
  for (const { incarnation, tag } of portalGroupsOf(draft.now)) {
    if (findPortalGroup(draft.wanted.state, tag) !== undefined) continue
    const command = { _tag: "DeletePortalGroup" as const, tag }
    leaveOrRemove(draft, incarnation, `portal group ${tag}`, ["portalGroups"], command)
  }
}

const planInitiatorGroups = (draft: Draft): void => {
  for (const { command, path } of draft.wanted.initiatorGroups) {
    const wanted = findInitiatorGroup(draft.wanted.state, command.tag)
    const now = findInitiatorGroup(draft.now, command.tag)
    if (now === undefined) draft.changes.push({ command, path })
    else if (wanted !== undefined) {
      draft.changes.push(...initiatorGroupChanges(now, wanted).map((change) => ({ command: change, path })))
    }
  }
  for (const { incarnation, tag } of initiatorGroupsOf(draft.now)) {
    if (findInitiatorGroup(draft.wanted.state, tag) !== undefined) continue
    const command = { _tag: "DeleteInitiatorGroup" as const, tag }
    leaveOrRemove(draft, incarnation, `initiator group ${tag}`, ["initiatorGroups"], command)
  }
}

const planTargets = (draft: Draft): void => {
  const wantedTargets = activeTargetsOf(draft.wanted.state)
  for (const [index, wanted] of wantedTargets.entries()) {
    const declared = draft.wanted.targets[index]
    if (declared === undefined) continue
    const now = findTarget(draft.now, wanted.name)
    if (now === undefined) {
      draft.changes.push(declared)
      continue
    }
    const difference = targetDifference(now, wanted)
    if (difference !== undefined) {
      const message =
        `target ${now.name} ${difference}; that cannot be changed: delete the target by RPC first ` +
        `(its sessions are closed), or put the file back`
      draft.conflicts.push({ path: declared.path, message })
      continue
    }
    // Maps go before their groups, which would take them along.
    for (const command of mapChanges(now, wanted)) {
      const list = command._tag === "RemovePgIgMaps" ? draft.removals : draft.changes
      list.push({ command, path: declared.path })
    }
    planLuns(draft, now.name, declared.path)
  }
  for (const { incarnation, name } of activeTargetsOf(draft.now)) {
    if (findTarget(draft.wanted.state, name) !== undefined) continue
    const command = { _tag: "DeleteTargetNode" as const, target: name }
    leaveOrRemove(draft, incarnation, `target ${name}`, ["targets"], command)
  }
}

const planLuns = (draft: Draft, name: string, path: ConfigPath): void => {
  const now = findTarget(draft.now, name)
  const wanted = findTarget(draft.wanted.state, name)
  if (now === undefined || wanted === undefined) return
  for (const { bdev, incarnation, lun } of activeLunsOf(now)) {
    const other = findLun(wanted, lun)
    if (other?.bdev.name === bdev.name) continue
    const command = { _tag: "RemoveLun" as const, target: name, lun }
    if (draft.byConfig.has(incarnation)) draft.removals.push({ command, path })
    else if (other === undefined) draft.kept.push(`LUN ${lun} of ${name}`)
    else {
      const what = `LUN ${lun} of ${name} is bdev ${bdev.name}, mapped by RPC`
      const message = `${what}; remove it by RPC first, or use another id`
      draft.conflicts.push({ path, message })
    }
  }
  for (const { bdev, lun } of activeLunsOf(wanted)) {
    if (Option.getOrUndefined(HashMap.get(now.luns, lun))?.bdev.name === bdev.name) continue
    draft.changes.push({ command: { _tag: "AddLun", target: name, bdev: bdev.name, lun }, path })
  }
}

/** Compares. `byConfig`: incarnations of what a configuration file has created. */
export const planOf = (now: State, wanted: DesiredState, byConfig: ReadonlySet<number>): Plan => {
  const draft: Draft = { now, wanted, byConfig, removals: [], changes: [], kept: [], conflicts: [] }
  planOptions(draft)
  // LUNs and targets go before the bdevs behind them.
  const targets: Draft = { ...draft, removals: [], changes: [] }
  planTargets(targets)
  planBdevs(draft)
  planPortalGroups(draft)
  planInitiatorGroups(draft)
  planAuthGroups(draft)
  planSettings(draft, wanted.portalGroupAuth)
  planSettings(targets, wanted.redirects)
  const { conflicts, kept } = draft
  return {
    removals: [...targets.removals, ...draft.removals],
    changes: [...draft.changes, ...targets.changes],
    kept,
    conflicts
  }
}
