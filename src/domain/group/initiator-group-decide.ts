/** The rules of initiator groups. Changes of members are all or nothing. */
import { Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, type DomainError, InvalidArgument, LimitExceeded, NotFound } from "../DomainError.ts"
import { type Decision, hasControlCharacter, quote, utf8Length } from "../decision.ts"
import { type InitiatorGroupTag, ISCSI_NAME_BYTES_MAX, isInitiatorGroupTag, textKey } from "../ids.ts"
import { compileNetmask } from "../netmask.ts"
import { findInitiatorGroup, type State } from "../State.ts"
import { parseGroupName } from "./group-name-decide.ts"
import {
  INITIATORS_PER_GROUP_MAX,
  type InitiatorGroup,
  InitiatorPattern,
  NETMASKS_PER_GROUP_MAX,
  Netmask
} from "./InitiatorGroup.ts"
import { mapsRemoved } from "./portal-group-decide.ts"

interface Members {
  readonly initiators: ReadonlyArray<InitiatorPattern>
  readonly netmasks: ReadonlyArray<Netmask>
}

/** The group, or why there is none. */
export const requireInitiatorGroup = (state: State, tag: number): Result.Result<InitiatorGroup, NotFound> => {
  const group = findInitiatorGroup(state, tag)
  if (group !== undefined) return Result.succeed(group)
  const object = `initiator group ${tag}`
  return Result.fail(new NotFound({ object, reason: "does not exist", hint: "create it first, or check the tag" }))
}

const parseTag = (tag: number): Result.Result<InitiatorGroupTag, InvalidArgument> => {
  if (isInitiatorGroupTag(tag)) return Result.succeed(tag)
  const object = `initiator group ${tag}`
  return Result.fail(new InvalidArgument({ object, reason: "has a tag out of range", hint: "use 1 to 65535" }))
}

const parseInitiator = (text: string): Result.Result<InitiatorPattern, InvalidArgument> => {
  const bang = text.startsWith("!") ? "!" : ""
  const name = text.slice(bang.length)
  const object = `initiator ${quote(text)}`
  const hint = "use ANY or an initiator's iSCSI name, with ! in front to deny it"
  if (name === "") return Result.fail(new InvalidArgument({ object, reason: "has no name", hint }))
  if (utf8Length(name) > ISCSI_NAME_BYTES_MAX) {
    const reason = `is longer than the ${ISCSI_NAME_BYTES_MAX} bytes of an iSCSI name`
    return Result.fail(new InvalidArgument({ object, reason, hint }))
  }
  if (hasControlCharacter(name) || /\s/u.test(name) || name.startsWith("!")) {
    const reason = "has a character that no initiator's name has"
    return Result.fail(new InvalidArgument({ object, reason, hint }))
  }
  return Result.succeed(InitiatorPattern.make(bang + (/^(?:any|all)$/iu.test(name) ? "ANY" : name)))
}

const parseNetmask = (text: string): Result.Result<Netmask, InvalidArgument> => {
  const matcher = compileNetmask(text)
  if (Result.isFailure(matcher)) {
    return Result.fail(new InvalidArgument({ object: `netmask ${quote(text)}`, ...matcher.failure }))
  }
  return Result.succeed(Netmask.make(matcher.success._tag === "Any" ? "ANY" : text))
}

const parseMembers = (command: {
  readonly initiators: ReadonlyArray<string>
  readonly netmasks: ReadonlyArray<string>
}): Result.Result<Members, InvalidArgument> =>
  Result.gen(function* () {
    const initiators: Array<InitiatorPattern> = []
    for (const text of command.initiators) initiators.push(yield* parseInitiator(text))
    const netmasks: Array<Netmask> = []
    for (const text of command.netmasks) netmasks.push(yield* parseNetmask(text))
    return { initiators, netmasks }
  })

const checkAdditions = (
  tag: number,
  what: "initiator" | "netmask",
  present: ReadonlyArray<string>,
  added: ReadonlyArray<string>
): DomainError | undefined => {
  const limit = what === "initiator" ? INITIATORS_PER_GROUP_MAX : NETMASKS_PER_GROUP_MAX
  const count = present.length + added.length
  if (count > limit) {
    const object = `initiator group ${tag}`
    const reason = `would have ${count} ${what}s`
    return new LimitExceeded({ object, reason, hint: `a group has at most ${limit}`, limit })
  }
  const seen = new Set(present.map(textKey))
  for (const text of added) {
    if (seen.has(textKey(text))) {
      const object = `${what} ${quote(text)}`
      return new AlreadyExists({ object, reason: `is in initiator group ${tag} already`, hint: "give each one once" })
    }
    seen.add(textKey(text))
  }
  return undefined
}

const checkRemovals = (
  tag: number,
  what: "initiator" | "netmask",
  present: ReadonlyArray<string>,
  removed: ReadonlyArray<string>
): DomainError | undefined => {
  const left = new Set(present.map(textKey))
  for (const text of removed) {
    if (left.delete(textKey(text))) continue
    const object = `${what} ${quote(text)}`
    return new NotFound({ object, reason: `is not in initiator group ${tag}`, hint: "nothing was removed" })
  }
  return undefined
}

/** At least one initiator and one netmask, each once. */
export const decideCreateInitiatorGroup = (state: State, command: CommandOf<"CreateInitiatorGroup">): Decision =>
  Result.gen(function* () {
    const tag = yield* parseTag(command.tag)
    const object = `initiator group ${tag}`
    if (findInitiatorGroup(state, tag) !== undefined) {
      const hint = "use another tag, or delete it first"
      return yield* Result.fail(new AlreadyExists({ object, reason: "exists", hint }))
    }
    if (command.initiators.length === 0 || command.netmasks.length === 0) {
      const reason = "needs at least one initiator and one netmask"
      return yield* Result.fail(new InvalidArgument({ object, reason, hint: "use ANY for everyone" }))
    }
    const { initiators, netmasks } = yield* parseMembers(command)
    const refusal = checkAdditions(tag, "initiator", [], initiators) ?? checkAdditions(tag, "netmask", [], netmasks)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    const name = yield* parseGroupName(state, "initiator", tag, command.name)
    return [{ _tag: "InitiatorGroupCreated", tag, ...name, initiators, netmasks }]
  })

/** All of them, or none. */
export const decideAddInitiatorGroupMembers = (
  state: State,
  command: CommandOf<"AddInitiatorGroupMembers">
): Decision =>
  Result.gen(function* () {
    const group = yield* requireInitiatorGroup(state, command.tag)
    const { initiators, netmasks } = yield* parseMembers(command)
    const refusal =
      checkAdditions(group.tag, "initiator", group.initiators, initiators) ??
      checkAdditions(group.tag, "netmask", group.netmasks, netmasks)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    if (initiators.length === 0 && netmasks.length === 0) return []
    return [{ _tag: "InitiatorGroupMembersAdded", tag: group.tag, initiators, netmasks }]
  })

/** Old logs may hold members that today's rules refuse: what is removed is only compared, not parsed. */
const normalized = (text: string): string => text.replace(/^(!?)all$/iu, "$1ANY")

/** All of them, or none. */
export const decideRemoveInitiatorGroupMembers = (
  state: State,
  command: CommandOf<"RemoveInitiatorGroupMembers">
): Decision =>
  Result.gen(function* () {
    const group = yield* requireInitiatorGroup(state, command.tag)
    const initiators = command.initiators.map(normalized)
    const netmasks = command.netmasks.map(normalized)
    const refusal =
      checkRemovals(group.tag, "initiator", group.initiators, initiators) ??
      checkRemovals(group.tag, "netmask", group.netmasks, netmasks)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    if (initiators.length === 0 && netmasks.length === 0) return []
    return [
      {
        _tag: "InitiatorGroupMembersRemoved",
        tag: group.tag,
        initiators: initiators.map((text) => InitiatorPattern.make(text)),
        netmasks: netmasks.map((text) => Netmask.make(text))
      }
    ]
  })

/** Goes also while targets use it: their maps to it go first. Sessions stay. */
export const decideDeleteInitiatorGroup = (state: State, command: CommandOf<"DeleteInitiatorGroup">): Decision =>
  Result.map(requireInitiatorGroup(state, command.tag), ({ incarnation, tag }) => [
    ...mapsRemoved(state, (map) => map.initiatorGroup === tag, "initiator-group-deleted"),
    { _tag: "InitiatorGroupDeleted", tag, incarnation }
  ])
