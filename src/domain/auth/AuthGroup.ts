/**
 * Auth groups: the CHAP secrets that a target or a discovery may be opened with. A group is used by its tag
 * (`Auth.chapGroup`), also before it exists; deleting one leaves those that name it without secrets.
 *
 * Secrets are never here in clear: the edge seals them (`Secrets.ts`), and nothing below it can open them.
 */
import { Schema } from "effect"
import { AuthGroupTag, GroupName, Incarnation } from "../ids.ts"

/** Groups in all. */
export const AUTH_GROUPS_MAX = 1024
/** Secrets in one create command, as in SPDK. */
export const SECRETS_PER_CREATE_MAX = 64
/** Secrets of one group. */
export const SECRETS_PER_GROUP_MAX = 256
/** Bytes of UTF-8 of a user's name. */
export const AUTH_USER_BYTES_MAX = 255
/** Bytes of UTF-8 of a secret. */
export const SECRET_BYTES_MAX = 255
/** RFC 7143 section 9.2.1: 96 bits. Who has seen a login can find a shorter secret by trying; it is warned of. */
export const SECRET_BYTES_ADVISED_MIN = 12

/** A secret as the log holds it. */
export const SealedSecret = Schema.Struct({
  /** Base64 of nonce, ciphertext and tag; opened only with the key of the state directory. */
  sealed: Schema.String,
  /** Equal for equal secrets in the same place, so that they can be compared without being opened. */
  fingerprint: Schema.String
})
export type SealedSecret = typeof SealedSecret.Type

/** Name that CHAP_N carries (RFC 7143 section 12.1.3). */
export const AuthUser = Schema.String.check(Schema.isMaxLength(AUTH_USER_BYTES_MAX)).pipe(Schema.brand("AuthUser"))
export type AuthUser = typeof AuthUser.Type

/** What an initiator proves itself with, and what the target answers with if it is asked to. */
export const AuthSecret = Schema.Struct({
  user: AuthUser,
  secret: SealedSecret,
  mutual: Schema.optionalKey(Schema.Struct({ user: AuthUser, secret: SealedSecret }))
})
export type AuthSecret = typeof AuthSecret.Type

/** An auth group in the state. Secrets are in the order in which they came; each user has one. */
export const AuthGroup = Schema.Struct({
  tag: AuthGroupTag,
  incarnation: Incarnation,
  /** What a configuration file calls it. */
  name: Schema.optionalKey(GroupName),
  secrets: Schema.Array(AuthSecret)
})
export type AuthGroup = typeof AuthGroup.Type

/** What errors call a group. */
export const authGroupObject = (tag: number): string => `auth group ${tag}`

/** What a secret is sealed for: one that is moved to another place in the log does not open there. */
export const sealingContext = (tag: number, user: string, direction: "secret" | "msecret"): string =>
  JSON.stringify(["auth group", tag, user, direction])

/** What can happen to auth groups. */
export const authGroupEvents = {
  AuthGroupCreated: { tag: AuthGroupTag, name: Schema.optionalKey(GroupName), secrets: Schema.Array(AuthSecret) },
  AuthGroupSecretAdded: { tag: AuthGroupTag, secret: AuthSecret },
  AuthGroupSecretRemoved: { tag: AuthGroupTag, user: AuthUser },
  AuthGroupDeleted: { tag: AuthGroupTag, incarnation: Incarnation }
} as const

/** A secret as it is asked for: `muser` and `msecret` go together. */
export const SecretRequest = Schema.Struct({
  user: Schema.String,
  secret: SealedSecret,
  muser: Schema.optionalKey(Schema.String),
  msecret: Schema.optionalKey(SealedSecret)
})
export type SecretRequest = typeof SecretRequest.Type

/** What can be asked of auth groups. */
export const authGroupCommands = {
  CreateAuthGroup: {
    tag: Schema.Number,
    name: Schema.optionalKey(Schema.String),
    secrets: Schema.Array(SecretRequest)
  },
  AddAuthGroupSecret: { tag: Schema.Number, secret: SecretRequest },
  RemoveAuthGroupSecret: { tag: Schema.Number, user: Schema.String },
  DeleteAuthGroup: { tag: Schema.Number }
} as const
