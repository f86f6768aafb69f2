/**
 * `iscsi_*_initiator_group(s)`. Every failure is -32602 `Invalid parameters`, as in SPDK, with the reason in `data`.
 *
 * Stricter than SPDK: a netmask that cannot be parsed is refused, where SPDK keeps it and it never matches.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import { INITIATORS_PER_GROUP_MAX, NETMASKS_PER_GROUP_MAX } from "../../domain/group/InitiatorGroup.ts"
import { initiatorGroupsOf } from "../../domain/State.ts"
import { Int32, list, optional, Text } from "../param.ts"
import { refuseWithInvalidParameters } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { dispatch } from "./dispatch.ts"

const initiators = list(Text, INITIATORS_PER_GROUP_MAX)
const netmasks = list(Text, NETMASKS_PER_GROUP_MAX)

const iscsiCreateInitiatorGroup = defineMethod({
  name: "iscsi_create_initiator_group",
  aliases: ["add_initiator_group"],
  kind: "change",
  params: Schema.Struct({ tag: Int32, initiators, netmasks }),
  handler: (params, call) =>
    Effect.as(dispatch(call, { _tag: "CreateInitiatorGroup", ...params }, refuseWithInvalidParameters), true)
})

const members = Schema.Struct({ tag: Int32, initiators: optional(initiators), netmasks: optional(netmasks) })

const iscsiInitiatorGroupAddInitiators = defineMethod({
  name: "iscsi_initiator_group_add_initiators",
  aliases: ["add_initiators_to_initiator_group"],
  kind: "change",
  params: members,
  handler: ({ tag, initiators = [], netmasks = [] }, call) => {
    const command = { _tag: "AddInitiatorGroupMembers" as const, tag, initiators, netmasks }
    return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
  }
})

const iscsiInitiatorGroupRemoveInitiators = defineMethod({
  name: "iscsi_initiator_group_remove_initiators",
  aliases: ["delete_initiators_from_initiator_group"],
  kind: "change",
  params: members,
  handler: ({ tag, initiators = [], netmasks = [] }, call) => {
    const command = { _tag: "RemoveInitiatorGroupMembers" as const, tag, initiators, netmasks }
    return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
  }
})

const iscsiDeleteInitiatorGroup = defineMethod({
  name: "iscsi_delete_initiator_group",
  aliases: ["delete_initiator_group"],
  kind: "change",
  params: Schema.Struct({ tag: Int32 }),
  handler: ({ tag }, call) =>
    Effect.as(dispatch(call, { _tag: "DeleteInitiatorGroup", tag }, refuseWithInvalidParameters), true)
})

const iscsiGetInitiatorGroups = defineMethodWithoutParams({
  name: "iscsi_get_initiator_groups",
  aliases: ["get_initiator_groups"],
  kind: "query",
  handler: () =>
    Effect.map(ControlPlane, ({ state }) =>
      initiatorGroupsOf(state()).map(({ tag, name, initiators, netmasks }) => ({ tag, name, initiators, netmasks }))
    )
})

/** This file's methods. */
export const initiatorGroupMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane>> = [
  iscsiCreateInitiatorGroup,
  iscsiInitiatorGroupAddInitiators,
  iscsiInitiatorGroupRemoveInitiators,
  iscsiDeleteInitiatorGroup,
  iscsiGetInitiatorGroups
]
