/** The rules of auth groups, and of what a secret in clear must be before the edge seals it. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, type DomainError, InvalidArgument, LimitExceeded, NotFound } from "../DomainError.ts"
import { type Decision, hasControlCharacter, quote, utf8Length } from "../decision.ts"
import { parseGroupName } from "../group/group-name-decide.ts"
import { AUTH_GROUP_TAG_MAX, type AuthGroupTag, isAuthGroupTag } from "../ids.ts"
import { findAuthGroup, type State } from "../State.ts"
import {
  AUTH_GROUPS_MAX,
  AUTH_USER_BYTES_MAX,
  type AuthGroup,
  type AuthSecret,
  AuthUser,
  authGroupObject,
  SECRET_BYTES_ADVISED_MIN,
  SECRET_BYTES_MAX,
  SECRETS_PER_GROUP_MAX,
  type SecretRequest
} from "./AuthGroup.ts"

const userObject = (tag: number, user: string): string => `user ${quote(user)} of ${authGroupObject(tag)}`

/** Why a text cannot be a secret; the text itself is in no error. */
export const checkSecretText = (tag: number, user: string, secret: string): InvalidArgument | undefined => {
  if (secret !== "" && utf8Length(secret) <= SECRET_BYTES_MAX && !hasControlCharacter(secret)) return undefined
  const hint = `use 1 to ${SECRET_BYTES_MAX} bytes without control characters; 12 to 16 suit every initiator`
  return new InvalidArgument({ object: userObject(tag, user), reason: "has a secret that is none", hint })
}

/** Whether a secret, in clear, is one to warn of. */
export const isShortSecret = (secret: string): boolean => utf8Length(secret) < SECRET_BYTES_ADVISED_MIN

/** The end of a warning about a secret that is short. */
export const shortSecretHint =
  `has less than ${SECRET_BYTES_ADVISED_MIN} bytes: who has seen a login can find it by trying; ` +
  `use ${SECRET_BYTES_ADVISED_MIN} to 16 random ones`

/** The end of a warning about a user whose initiator and target would answer with the same secret. */
export const equalSecretsHint = "cannot log in: one secret for both directions; give the mutual one another"

/** The group, or why there is none. */
export const requireAuthGroup = (state: State, tag: number): Result.Result<AuthGroup, NotFound> => {
  const group = findAuthGroup(state, tag)
  if (group !== undefined) return Result.succeed(group)
  const object = authGroupObject(tag)
  return Result.fail(new NotFound({ object, reason: "does not exist", hint: "create it first, or check the tag" }))
}

const parseTag = (tag: number): Result.Result<AuthGroupTag, InvalidArgument> => {
  if (isAuthGroupTag(tag)) return Result.succeed(tag)
  const reason = "has a tag out of range; 0 stands for no group"
  const hint = `use 1 to ${AUTH_GROUP_TAG_MAX}`
  return Result.fail(new InvalidArgument({ object: authGroupObject(tag), reason, hint }))
}

const parseUser = (object: string, user: string): Result.Result<AuthUser, InvalidArgument> => {
  if (user !== "" && utf8Length(user) <= AUTH_USER_BYTES_MAX && !hasControlCharacter(user)) {
    return Result.succeed(AuthUser.make(user))
  }
  const reason = `has the user name ${quote(user)}`
  const hint = `use 1 to ${AUTH_USER_BYTES_MAX} bytes without control characters`
  return Result.fail(new InvalidArgument({ object, reason, hint }))
}

const parseSecret = (tag: number, request: SecretRequest): Result.Result<AuthSecret, InvalidArgument> =>
  Result.gen(function* () {
    const { msecret, muser, secret } = request
    const object = userObject(tag, request.user)
    const user = yield* parseUser(object, request.user)
    if (muser === undefined && msecret === undefined) return { user, secret }
    if (muser === undefined || msecret === undefined) {
      const [present, absent] = muser === undefined ? ["msecret", "muser"] : ["muser", "msecret"]
      const reason = `has ${present} without ${absent}`
      const hint = "give both for mutual CHAP, or none of them"
      return yield* Result.fail(new InvalidArgument({ object, reason, hint }))
    }
    return { user, secret, mutual: { user: yield* parseUser(object, muser), secret: msecret } }
  })

const checkUserIsFree = (tag: number, present: ReadonlyArray<AuthSecret>, user: string): DomainError | undefined => {
  if (!present.some((secret) => secret.user === user)) return undefined
  const hint = "give each user one secret; to change it, remove it first"
  return new AlreadyExists({ object: userObject(tag, user), reason: "has a secret already", hint })
}

const checkSecretCount = (tag: number, count: number): DomainError | undefined => {
  const limit = SECRETS_PER_GROUP_MAX
  if (count <= limit) return undefined
  const reason = `would be one of ${count}`
  return new LimitExceeded({
    object: `a secret of ${authGroupObject(tag)}`,
    reason,
    hint: `give at most ${limit}`,
    limit
  })
}

const addSecret = (
  tag: number,
  present: ReadonlyArray<AuthSecret>,
  request: SecretRequest
): Result.Result<AuthSecret, DomainError> =>
  Result.gen(function* () {
    const secret = yield* parseSecret(tag, request)
    const refusal = checkUserIsFree(tag, present, secret.user) ?? checkSecretCount(tag, present.length + 1)
    return refusal === undefined ? secret : yield* Result.fail(refusal)
  })

/** A tag that is free, and each user once. */
export const decideCreateAuthGroup = (state: State, command: CommandOf<"CreateAuthGroup">): Decision =>
  Result.gen(function* () {
    const tag = yield* parseTag(command.tag)
    const object = authGroupObject(tag)
    if (findAuthGroup(state, tag) !== undefined) {
      const hint = "use another tag, or delete it first"
      return yield* Result.fail(new AlreadyExists({ object, reason: "exists", hint }))
    }
    if (HashMap.size(state.authGroups) >= AUTH_GROUPS_MAX) {
      const limit = AUTH_GROUPS_MAX
      const reason = `would be number ${limit + 1}`
      return yield* Result.fail(new LimitExceeded({ object, reason, hint: `at most ${limit} can be there`, limit }))
    }
    const secrets: Array<AuthSecret> = []
    for (const request of command.secrets) secrets.push(yield* addSecret(tag, secrets, request))
    const name = yield* parseGroupName(state, "auth", tag, command.name)
    return [{ _tag: "AuthGroupCreated", tag, ...name, secrets }]
  })

/** A user that the group does not have. */
export const decideAddAuthGroupSecret = (state: State, command: CommandOf<"AddAuthGroupSecret">): Decision =>
  Result.gen(function* () {
    const { secrets, tag } = yield* requireAuthGroup(state, command.tag)
    return [{ _tag: "AuthGroupSecretAdded", tag, secret: yield* addSecret(tag, secrets, command.secret) }]
  })

/** Logins that are through stay. */
export const decideRemoveAuthGroupSecret = (state: State, command: CommandOf<"RemoveAuthGroupSecret">): Decision =>
  Result.gen(function* () {
    const { secrets, tag } = yield* requireAuthGroup(state, command.tag)
    const found = secrets.find(({ user }) => user === command.user)
    if (found !== undefined) return [{ _tag: "AuthGroupSecretRemoved", tag, user: found.user }]
    const object = userObject(tag, command.user)
    return yield* Result.fail(new NotFound({ object, reason: "has no secret", hint: "list the group's users" }))
  })

/** Goes also while targets name it: they are then without secrets, and whoever needs one is refused. */
export const decideDeleteAuthGroup = (state: State, command: CommandOf<"DeleteAuthGroup">): Decision =>
  Result.map(requireAuthGroup(state, command.tag), ({ incarnation, tag }) => [
    { _tag: "AuthGroupDeleted", tag, incarnation }
  ])
