/**
 * `iscsi_*_portal_group(s)`. Every failure is -32602 `Invalid parameters`, as in SPDK, with the reason in `data`.
 *
 * Stricter than SPDK where the wire has no room: tags are 1 to 65535 (RFC 7143 section 13.9), SPDK takes any number.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { findPortalGroup, portalGroupsOf } from "../../domain/State.ts"
import type { Instance } from "../Instance.ts"
import { Int32, list, optional, text } from "../param.ts"
import { invalidParameters, type RpcError, refuseWithInvalidParameters, rpcError } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { awaitGone, dispatch, dispatchWithLease } from "./dispatch.ts"

interface PortalTexts {
  readonly host: string
  readonly port: string
}

/** SPDK's ports are strings of decimal digits. */
const parsePorts = (
  portals: ReadonlyArray<PortalTexts>
): Effect.Effect<ReadonlyArray<{ readonly host: string; readonly port: number }>, RpcError> => {
  const bad = portals.find(({ port }) => !/^\d{1,5}$/.test(port))
  if (bad === undefined) return Effect.succeed(portals.map(({ host, port }) => ({ host, port: Number(port) })))
  const data = { reason: "the port is no number", object: `portal ${bad.host}:${bad.port}`, allowed: '"1" to "65535"' }
  return Effect.fail(rpcError(invalidParameters, data))
}

/** All portals are listening when it answers, or none is and nothing has happened. */
const iscsiCreatePortalGroup = defineMethod({
  name: "iscsi_create_portal_group",
  aliases: ["add_portal_group"],
  kind: "change",
  params: Schema.Struct({
    tag: Int32,
    portals: list(Schema.Struct({ host: text(256), port: text(32) }), 1024),
    private: optional(Schema.Boolean),
    wait: optional(Schema.Boolean)
  }),
  handler: (params, call) =>
    Effect.gen(function* () {
      const dataPlane = yield* DataPlane
      const portals = yield* parsePorts(params.portals)
      const command = {
        _tag: "CreatePortalGroup" as const,
        tag: params.tag,
        portals,
        private: params.private ?? false,
        wait: params.wait ?? false
      }
      yield* dispatchWithLease(call, dataPlane.acquirePortals(portals), command, refuseWithInvalidParameters)
      return true
    })
})

const iscsiStartPortalGroup = defineMethod({
  name: "iscsi_start_portal_group",
  kind: "change",
  params: Schema.Struct({ tag: Int32 }),
  handler: ({ tag }, call) =>
    Effect.as(dispatch(call, { _tag: "StartPortalGroup", tag }, refuseWithInvalidParameters), true)
})

/** Answers when the listening sockets are closed. Sessions go on. */
const iscsiDeletePortalGroup = defineMethod({
  name: "iscsi_delete_portal_group",
  aliases: ["delete_portal_group"],
  kind: "change",
  params: Schema.Struct({ tag: Int32 }),
  handler: ({ tag }, call) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const dataPlane = yield* DataPlane
      const group = findPortalGroup(state(), tag)
      yield* dispatch(call, { _tag: "DeletePortalGroup", tag }, refuseWithInvalidParameters)
      if (group === undefined) return true
      yield* awaitGone(`portal group ${tag}`, dataPlane.awaitPortalsClosed(group.tag, group.incarnation))
      return true
    })
})

const iscsiGetPortalGroups = defineMethodWithoutParams({
  name: "iscsi_get_portal_groups",
  aliases: ["get_portal_groups"],
  kind: "query",
  handler: () =>
    Effect.map(ControlPlane, ({ state }) =>
      portalGroupsOf(state()).map((group) => ({
        tag: group.tag,
        name: group.name,
        portals: group.portals.map(({ host, port }) => ({ host, port: String(port) })),
        private: group.private
      }))
    )
})

/** This file's methods. */
export const portalGroupMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane | Instance>> = [
  iscsiCreatePortalGroup,
  iscsiStartPortalGroup,
  iscsiDeletePortalGroup,
  iscsiGetPortalGroups
]
