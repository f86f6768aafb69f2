/**
 * `iscsi_*_auth_group(s)`: CHAP secrets. They are sealed here before anything else sees them, and opened here alone,
 * for `iscsi_get_auth_groups`: this socket (mode 0600) shows them as SPDK does, nothing else does. Errors are -32602
 * with SPDK's sentences, and repeat no secret.
 *
 * Stricter than SPDK: tags are 1 and above, since 0 stands for no group; `muser` and `msecret` go together.
 */
import { Effect, Schema } from "effect"
import {
  type AuthGroup,
  type AuthSecret,
  authGroupObject,
  SECRETS_PER_CREATE_MAX,
  type SecretRequest,
  sealingContext
} from "../../domain/auth/AuthGroup.ts"
import { checkSecretText } from "../../domain/auth/auth-group-decide.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import { Secrets, type SecretUnreadable, type SecretWithheld } from "../../domain/Secrets.ts"
import { authGroupsOf, findAuthGroup } from "../../domain/State.ts"
import { Instance } from "../Instance.ts"
import { authFileClaim } from "../load-auth-file.ts"
import { Int32, list, optional, Text } from "../param.ts"
import { errnoError, type Refusal, type RpcError, refusal, refuseWithErrno, rpcError } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { dispatch } from "./dispatch.ts"

/** SPDK's sentence with the text of the error's errno. */
const sentence =
  (text: (errno: string) => string): Refusal =>
  (error) => ({ code: -32602, message: text(refuseWithErrno(error).message) })

const refuseSecret = (tag: number): Refusal =>
  sentence((errno) => `Could not add secret to auth group (${tag}), ${errno}`)

const notFound = (tag: number): Refusal => sentence(() => `Could not find auth group (${tag})`)

/** One refusal for the group itself, another for a secret of it. */
const either =
  (tag: number, ofGroup: Refusal, ofSecret: Refusal): Refusal =>
  (error) =>
    error.object === authGroupObject(tag) ? ofGroup(error) : ofSecret(error)

const secretParams = { user: Text, secret: Text, muser: optional(Text), msecret: optional(Text) }
const secretStruct = Schema.Struct(secretParams)
type SecretParams = typeof secretStruct.Type

const sealText = (tag: number, user: string, direction: "secret" | "msecret", text: string) =>
  Effect.flatMap(Secrets, ({ seal }) => {
    const wrong = checkSecretText(tag, user, text)
    if (wrong !== undefined) return Effect.fail(refusal(wrong, refuseSecret(tag)(wrong)))
    return seal(sealingContext(tag, user, direction), text)
  })

const sealParams = (tag: number, params: SecretParams): Effect.Effect<SecretRequest, RpcError, Secrets> =>
  Effect.gen(function* () {
    const { msecret, muser, user } = params
    const secret = yield* sealText(tag, user, "secret", params.secret)
    const mutual = msecret === undefined ? {} : { msecret: yield* sealText(tag, user, "msecret", msecret) }
    return { user, secret, ...(muser === undefined ? {} : { muser }), ...mutual }
  })

/**
 * Whether the auth file has made this very group. SPDK saves such groups beside the name of the file, and cannot load
 * what it has saved: the group is there already.
 */
const isOfAuthFile = (tag: number, secrets: ReadonlyArray<SecretRequest>) =>
  Effect.gen(function* () {
    if (!(yield* Instance).isClaimed(authFileClaim(tag))) return false
    const group = findAuthGroup((yield* ControlPlane).state(), tag)
    const present = group?.secrets.map(({ mutual, secret, user }) => [
      user,
      secret.fingerprint,
      mutual?.user,
      mutual?.secret.fingerprint
    ])
    const given = secrets.map(({ msecret, muser, secret, user }) => [
      user,
      secret.fingerprint,
      muser,
      msecret?.fingerprint
    ])
    return JSON.stringify(present) === JSON.stringify(given)
  })

const iscsiCreateAuthGroup = defineMethod({
  name: "iscsi_create_auth_group",
  aliases: ["add_iscsi_auth_group"],
  kind: "change",
  params: Schema.Struct({ tag: Int32, secrets: optional(list(secretStruct, SECRETS_PER_CREATE_MAX)) }),
  handler: ({ secrets = [], tag }, call) =>
    Effect.gen(function* () {
      const sealed = yield* Effect.forEach(secrets, (secret) => sealParams(tag, secret))
      if (yield* isOfAuthFile(tag, sealed)) return true
      const ofGroup = sentence((errno) => `Could not add auth group (${tag}), ${errno}`)
      const command = { _tag: "CreateAuthGroup", tag, secrets: sealed } as const
      yield* dispatch(call, command, either(tag, ofGroup, refuseSecret(tag)))
      return true
    })
})

const iscsiDeleteAuthGroup = defineMethod({
  name: "iscsi_delete_auth_group",
  aliases: ["delete_iscsi_auth_group"],
  kind: "change",
  params: Schema.Struct({ tag: Int32 }),
  handler: ({ tag }, call) => Effect.as(dispatch(call, { _tag: "DeleteAuthGroup", tag }, notFound(tag)), true)
})

const iscsiAuthGroupAddSecret = defineMethod({
  name: "iscsi_auth_group_add_secret",
  aliases: ["add_secret_to_iscsi_auth_group"],
  kind: "change",
  params: Schema.Struct({ tag: Int32, ...secretParams }),
  handler: ({ tag, ...params }, call) =>
    Effect.gen(function* () {
      const command = { _tag: "AddAuthGroupSecret", tag, secret: yield* sealParams(tag, params) } as const
      yield* dispatch(call, command, either(tag, notFound(tag), refuseSecret(tag)))
      return true
    })
})

const iscsiAuthGroupRemoveSecret = defineMethod({
  name: "iscsi_auth_group_remove_secret",
  aliases: ["delete_secret_from_iscsi_auth_group"],
  kind: "change",
  params: Schema.Struct({ tag: Int32, user: Text }),
  handler: ({ tag, user }, call) => {
    const ofSecret = sentence((errno) => `Could not delete secret from CHAP group (${tag}), ${errno}`)
    const command = { _tag: "RemoveAuthGroupSecret", tag, user } as const
    return Effect.as(dispatch(call, command, either(tag, notFound(tag), ofSecret)), true)
  }
})

const secretView = (tag: number, { mutual, secret, user }: AuthSecret) =>
  Effect.gen(function* () {
    const { unseal } = yield* Secrets
    return {
      user,
      secret: yield* unseal(sealingContext(tag, user, "secret"), secret),
      muser: mutual?.user,
      msecret: mutual && (yield* unseal(sealingContext(tag, user, "msecret"), mutual.secret))
    }
  })

const notShown = (error: SecretUnreadable | SecretWithheld): RpcError => {
  if (error._tag === "SecretWithheld") {
    return rpcError(errnoError("EPERM"), { reason: error.message, object: "auth groups" })
  }
  return rpcError(errnoError("EIO"), {
    reason: error.message,
    object: "auth groups",
    hint: "put the secret-key of this event log back into the state directory, or create the group anew"
  })
}

/** With the secrets in clear, as `iscsi_get_auth_groups` and saved configurations have them. */
export const authGroupView = ({ secrets, tag }: AuthGroup) =>
  Effect.mapError(
    Effect.map(
      Effect.forEach(secrets, (secret) => secretView(tag, secret)),
      (views) => ({ tag, secrets: views })
    ),
    notShown
  )

const iscsiGetAuthGroups = defineMethodWithoutParams({
  name: "iscsi_get_auth_groups",
  aliases: ["get_iscsi_auth_groups"],
  kind: "query",
  handler: () =>
    Effect.flatMap(ControlPlane, ({ state }) =>
      Effect.forEach(authGroupsOf(state()), (group) =>
        Effect.map(authGroupView(group), ({ secrets, tag }) => ({ tag, name: group.name, secrets }))
      )
    )
})

/** This file's methods. */
export const authGroupMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane | Instance | Secrets>> = [
  iscsiCreateAuthGroup,
  iscsiDeleteAuthGroup,
  iscsiAuthGroupAddSecret,
  iscsiAuthGroupRemoveSecret,
  iscsiGetAuthGroups
]
