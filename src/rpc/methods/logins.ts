/**
 * What logins meet: authentication of discovery, portal groups and targets, redirects of targets, and requests to log
 * out. Errors are -32602 with SPDK's sentences.
 *
 * More than SPDK: the setting of a portal group holds for discovery over it, redirects outlive a restart and
 * may be permanent.
 */
import { Effect, Schema } from "effect"
import type { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import { Int32, optional, Text } from "../param.ts"
import { errnoError, invalidParameters, type Refusal, type RpcError, rpcError, type WireError } from "../RpcError.ts"
import { defineMethod, type RpcMethod } from "../RpcMethod.ts"
import { authOf, authParams } from "./auth-params.ts"
import { dispatch } from "./dispatch.ts"

const invalid = (message: string): WireError => ({ code: -32602, message })

/** `missing` if the object is not there, else `otherwise`. */
const refuseMissing =
  (missing: string, otherwise: WireError): Refusal =>
  (error) =>
    error._tag === "NotFound" ? invalid(missing) : otherwise

const iscsiSetDiscoveryAuth = defineMethod({
  name: "iscsi_set_discovery_auth",
  aliases: ["set_iscsi_discovery_auth"],
  kind: "change",
  params: Schema.Struct(authParams),
  handler: (params, call) => {
    const command = { _tag: "SetDiscoveryAuth", auth: authOf(params) } as const
    return Effect.as(
      dispatch(call, command, () => invalid("Invalid combination of CHAP params")),
      true
    )
  }
})

const wrongAuth = invalid("Invalid combination of auth params")

const iscsiPortalGroupSetAuth = defineMethod({
  name: "iscsi_portal_group_set_auth",
  kind: "change",
  params: Schema.Struct({ tag: Int32, ...authParams }),
  handler: ({ tag, ...params }, call) => {
    const command = { _tag: "SetPortalGroupAuth", tag, auth: authOf(params) } as const
    return Effect.as(dispatch(call, command, refuseMissing(`Could not find portal group ${tag}`, wrongAuth)), true)
  }
})

const iscsiTargetNodeSetAuth = defineMethod({
  name: "iscsi_target_node_set_auth",
  aliases: ["set_iscsi_target_node_auth"],
  kind: "change",
  params: Schema.Struct({ name: Text, ...authParams }),
  handler: ({ name, ...params }, call) => {
    const command = { _tag: "SetTargetNodeAuth", target: name, auth: authOf(params) } as const
    return Effect.as(dispatch(call, command, refuseMissing(`Could not find target ${name}`, wrongAuth)), true)
  }
})

const redirectFailed = (name: string): WireError => {
  const { code, message } = errnoError("EINVAL")
  return invalid(`Failed to redirect target ${name}, (${code}): ${message}`)
}

/** SPDK's ports are strings of decimal digits. */
const portOf = (name: string, text: string): Effect.Effect<number, RpcError> => {
  if (/^\d{1,5}$/.test(text)) return Effect.succeed(Number(text))
  const data = { reason: "redirect_port is no number", object: `redirect of ${name}`, allowed: '"1" to "65535"' }
  return Effect.fail(rpcError(redirectFailed(name), data))
}

/** Neither host nor port: logins are served here again. Sessions stay in any case. */
const iscsiTargetNodeSetRedirect = defineMethod({
  name: "iscsi_target_node_set_redirect",
  kind: "change",
  params: Schema.Struct({
    name: Text,
    pg_tag: Int32,
    redirect_host: optional(Text),
    redirect_port: optional(Text),
    permanent: optional(Schema.Boolean)
  }),
  handler: ({ name, permanent, pg_tag, redirect_host, redirect_port }, call) =>
    Effect.gen(function* () {
      const command = {
        _tag: "SetTargetNodeRedirect" as const,
        target: name,
        portalGroup: pg_tag,
        ...(redirect_host === undefined ? {} : { host: redirect_host }),
        ...(redirect_port === undefined ? {} : { port: yield* portOf(name, redirect_port) }),
        ...(permanent === true ? { permanent } : {})
      }
      yield* dispatch(call, command, refuseMissing(`Target ${name} is not found`, redirectFailed(name)))
      return true
    })
})

/** `pg_tag` -1 or absent: all sessions of the target. Answers when they are asked, not when they are gone. */
const iscsiTargetNodeRequestLogout = defineMethod({
  name: "iscsi_target_node_request_logout",
  kind: "change",
  params: Schema.Struct({ name: Text, pg_tag: optional(Int32) }),
  handler: ({ name, pg_tag = -1 }, call) => {
    const group = pg_tag === -1 ? {} : { portalGroup: pg_tag }
    const command = { _tag: "RequestTargetNodeLogout" as const, target: name, ...group }
    return Effect.as(dispatch(call, command, refuseMissing(`Target ${name} is not found`, invalidParameters)), true)
  }
})

/** This file's methods. */
export const loginMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane>> = [
  iscsiSetDiscoveryAuth,
  iscsiPortalGroupSetAuth,
  iscsiTargetNodeSetAuth,
  iscsiTargetNodeSetRedirect,
  iscsiTargetNodeRequestLogout
]
