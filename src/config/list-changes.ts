/**
 * Changes of ordered lists: members of initiator groups (the first match decides) and maps of targets. Appending
 * keeps an order; where the order itself has changed, the list is taken out and put in again.
 */
import { Equal } from "effect"
import type { CommandOf } from "../domain/Command.ts"
import type { InitiatorGroup } from "../domain/InitiatorGroup.ts"
import { textKey } from "../domain/ids.ts"
import type { PgIgMap, TargetNode } from "../domain/TargetNode.ts"

/** What has to go and what has to come, so that `now` becomes `wanted`. */
export const listChanges = <A>(
  now: ReadonlyArray<A>,
  wanted: ReadonlyArray<A>,
  keyOf: (item: A) => string
): { readonly removed: ReadonlyArray<A>; readonly added: ReadonlyArray<A> } => {
  const wantedKeys = new Set(wanted.map(keyOf))
  const nowKeys = new Set(now.map(keyOf))
  const stays = now.filter((item) => wantedKeys.has(keyOf(item)))
  const added = wanted.filter((item) => !nowKeys.has(keyOf(item)))
  const result = [...stays, ...added].map(keyOf)
  const keepsOrder = wanted.every((item, index) => keyOf(item) === result[index])
  if (!keepsOrder) return { removed: now, added: wanted }
  return { removed: now.filter((item) => !wantedKeys.has(keyOf(item))), added }
}

type MemberCommand = CommandOf<"AddInitiatorGroupMembers"> | CommandOf<"RemoveInitiatorGroupMembers">

/** Makes a group's members those of another. */
export const initiatorGroupChanges = (now: InitiatorGroup, wanted: InitiatorGroup): ReadonlyArray<MemberCommand> => {
  const initiators = listChanges<string>(now.initiators, wanted.initiators, textKey)
  const netmasks = listChanges<string>(now.netmasks, wanted.netmasks, textKey)
  const { tag } = now
  const commands: Array<MemberCommand> = []
  if (initiators.removed.length + netmasks.removed.length > 0) {
    const members = { initiators: initiators.removed, netmasks: netmasks.removed }
    commands.push({ _tag: "RemoveInitiatorGroupMembers", tag, ...members })
  }
  if (initiators.added.length + netmasks.added.length > 0) {
    commands.push({ _tag: "AddInitiatorGroupMembers", tag, initiators: initiators.added, netmasks: netmasks.added })
  }
  return commands
}

type MapCommand = CommandOf<"AddPgIgMaps"> | CommandOf<"RemovePgIgMaps"> | CommandOf<"SetTargetNodeMapAccess">

/**
 * Makes a target's maps those of another. The target's relative port ids stay, and a map that only gives something else
 * is changed in place, so that its sessions follow.
 */
export const mapChanges = (now: TargetNode, wanted: TargetNode): ReadonlyArray<MapCommand> => {
  const keyOf = ({ initiatorGroup, portalGroup }: PgIgMap) => `${portalGroup}:${initiatorGroup}`
  const { added, removed } = listChanges(now.pgIgMaps, wanted.pgIgMaps, keyOf)
  const target = now.name
  const commands: Array<MapCommand> = []
  if (removed.length > 0) commands.push({ _tag: "RemovePgIgMaps", target, maps: removed })
  if (added.length > 0) commands.push({ _tag: "AddPgIgMaps", target, maps: added })
  for (const map of wanted.pgIgMaps) {
    const before = now.pgIgMaps.find((other) => keyOf(other) === keyOf(map))
    if (before === undefined || added.includes(map) || Equal.equals(before, map)) continue
    commands.push({ _tag: "SetTargetNodeMapAccess", target, ...map })
  }
  return commands
}
