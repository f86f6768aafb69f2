/** The rules of the names of groups. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, type DomainError, InvalidArgument, NotFound } from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import { type GroupName, isGroupName } from "../ids.ts"
import type { State } from "../State.ts"
import type { GroupKind } from "./GroupName.ts"

interface NamedGroup {
  readonly tag: number
  readonly name?: GroupName
}

const groupsOf = (state: State, kind: GroupKind): HashMap.HashMap<number, NamedGroup> => {
  switch (kind) {
    case "portal":
      return state.portalGroups
    case "initiator":
      return state.initiatorGroups
    case "auth":
      return state.authGroups
  }
}

/** The group of a kind that has a name. */
export const findGroupNamed = (state: State, kind: GroupKind, name: string): NamedGroup | undefined => {
  for (const group of HashMap.values(groupsOf(state, kind))) if (group.name === name) return group
  return undefined
}

/** A name that the group `tag` may have, as the members of an event; none is none. */
export const parseGroupName = (
  state: State,
  kind: GroupKind,
  tag: number,
  name: string | undefined
): Result.Result<{ readonly name?: GroupName }, DomainError> => {
  if (name === undefined) return Result.succeed({})
  const object = `${kind} group ${tag}`
  if (!isGroupName(name)) {
    const hint = "use 1 to 64 letters, digits, dots, dashes and underscores, not digits alone"
    return Result.fail(new InvalidArgument({ object, reason: `has the name ${quote(name)}`, hint }))
  }
  const holder = findGroupNamed(state, kind, name)
  if (holder === undefined || holder.tag === tag) return Result.succeed({ name })
  const reason = `cannot be called ${quote(name)}: ${kind} group ${holder.tag} is`
  return Result.fail(new AlreadyExists({ object, reason, hint: "use another name" }))
}

/** Nothing to do if it is so already. */
export const decideNameGroup = (state: State, { kind, name, tag }: CommandOf<"NameGroup">): Decision =>
  Result.gen(function* () {
    const group = HashMap.get(groupsOf(state, kind), tag)
    if (group._tag === "None") {
      const object = `${kind} group ${tag}`
      const hint = "create it first, or check the tag"
      return yield* Result.fail(new NotFound({ object, reason: "does not exist", hint }))
    }
    const parsed = yield* parseGroupName(state, kind, tag, name)
    return group.value.name === parsed.name ? [] : [{ _tag: "GroupNamed", kind, tag, ...parsed }]
  })
