/**
 * `iscsi_*_target_node(s)`, and lunlog's own `iscsi_target_node_remove_lun` and `_set_map_access`. Failures are -32602
 * `Invalid parameters`, as in SPDK, with the reason in `data`; an unknown target to delete is -2, a LUN id or name that
 * still drains -16.
 *
 * More than SPDK: LUNs are added and removed while sessions are logged in.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { LUN_MAX } from "../../domain/ids.ts"
import { activeLunsOf, activeTargetsOf, findLun, findTarget, type State } from "../../domain/State.ts"
import {
  LUNS_PER_CREATE_MAX,
  MAPS_PER_TARGET_MAX,
  type PgIgMap,
  type TargetNode
} from "../../domain/target/TargetNode.ts"
import type { Instance } from "../Instance.ts"
import { Int32, list, optional, Text } from "../param.ts"
import { errnoError, type Refusal, refuseWithInvalidParameters } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { authOf, authParams, authView } from "./auth-params.ts"
import { awaitGone, dispatch, eventOf } from "./dispatch.ts"

const mapRef = { pg_tag: Int32, ig_tag: Int32 }
/** The last two are lunlog's own: they narrow what the map gives to those whom it lets in. */
const mapRequest = Schema.Struct({
  ...mapRef,
  luns: optional(list(Int32, LUN_MAX + 1)),
  read_only: optional(Schema.Boolean)
})
const pgIgMaps = list(mapRequest, MAPS_PER_TARGET_MAX)

const mapOf = ({ ig_tag, luns, pg_tag, read_only }: typeof mapRequest.Type) => ({
  portalGroup: pg_tag,
  initiatorGroup: ig_tag,
  readOnly: read_only ?? false,
  ...(luns === undefined ? {} : { luns })
})

const iscsiCreateTargetNode = defineMethod({
  name: "iscsi_create_target_node",
  aliases: ["construct_target_node"],
  kind: "change",
  params: Schema.Struct({
    name: Text,
    alias_name: Text,
    pg_ig_maps: pgIgMaps,
    luns: list(Schema.Struct({ bdev_name: Text, lun_id: Int32 }), LUNS_PER_CREATE_MAX),
    queue_depth: Int32,
    header_digest: optional(Schema.Boolean),
    data_digest: optional(Schema.Boolean),
    require_lun_zero: optional(Schema.Boolean),
    ...authParams
  }),
  handler: (params, call) =>
    Effect.suspend(() => {
      const command = {
        _tag: "CreateTargetNode" as const,
        name: params.name,
        alias: params.alias_name,
        maps: params.pg_ig_maps.map(mapOf),
        luns: params.luns.map(({ bdev_name, lun_id }) => ({ bdev: bdev_name, lun: lun_id })),
        queueDepth: params.queue_depth,
        auth: authOf(params),
        headerDigest: params.header_digest ?? false,
        dataDigest: params.data_digest ?? false,
        requireLunZero: params.require_lun_zero ?? true
      }
      return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
    })
})

const refuseDelete: Refusal = (error) =>
  error._tag === "NotFound" ? errnoError("ENOENT") : refuseWithInvalidParameters(error)

/** Answers when the LUNs have drained and no session is left. */
const iscsiDeleteTargetNode = defineMethod({
  name: "iscsi_delete_target_node",
  aliases: ["delete_target_node"],
  kind: "change",
  params: Schema.Struct({ name: Text }),
  handler: ({ name }, call) =>
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      const dataPlane = yield* DataPlane
      const committed = yield* dispatch(call, { _tag: "DeleteTargetNode", target: name }, refuseDelete)
      const started = eventOf(committed, "TargetNodeDeletionStarted") ?? eventOf(committed, "TargetNodeDeleted")
      if (started === undefined) return true
      const { incarnation, target } = started
      const isDeleted = (state: State) => findTarget(state, target)?.incarnation !== incarnation
      const gone = Effect.andThen(controlPlane.awaitState(isDeleted), dataPlane.awaitTargetGone(target, incarnation))
      yield* awaitGone(`target ${target}`, gone)
      return true
    })
})

/** `lun_id` -1 or absent: the lowest that is free. */
const iscsiTargetNodeAddLun = defineMethod({
  name: "iscsi_target_node_add_lun",
  aliases: ["target_node_add_lun"],
  kind: "change",
  params: Schema.Struct({ name: Text, bdev_name: Text, lun_id: optional(Int32) }),
  handler: ({ name, bdev_name, lun_id = -1 }, call) =>
    Effect.suspend(() => {
      const lun = lun_id === -1 ? {} : { lun: lun_id }
      const command = { _tag: "AddLun" as const, target: name, bdev: bdev_name, ...lun }
      return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
    })
})

const refuseRemoveLun: Refusal = (error) =>
  error._tag === "NotFound" ? errnoError("ENODEV") : refuseWithInvalidParameters(error)

/**
 * Not in SPDK. Takes a LUN out of a target, under load too; answers when nothing of it is in flight. The bdev stays.
 */
const iscsiTargetNodeRemoveLun = defineMethod({
  name: "iscsi_target_node_remove_lun",
  kind: "change",
  params: Schema.Struct({ name: Text, lun_id: Int32 }),
  handler: ({ name, lun_id }, call) =>
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      const dataPlane = yield* DataPlane
      const committed = yield* dispatch(call, { _tag: "RemoveLun", target: name, lun: lun_id }, refuseRemoveLun)
      const started = eventOf(committed, "LunRemovalStarted")
      if (started === undefined) return true
      const { incarnation, lun, target } = started
      const isRemoved = (state: State) => {
        const now = findTarget(state, target)
        return (now === undefined ? undefined : findLun(now, lun))?.incarnation !== incarnation
      }
      const gone = Effect.andThen(controlPlane.awaitState(isRemoved), dataPlane.awaitLunGone(target, lun, incarnation))
      yield* awaitGone(`LUN ${lun} of ${target}`, gone)
      return true
    })
})

const iscsiTargetNodeAddPgIgMaps = defineMethod({
  name: "iscsi_target_node_add_pg_ig_maps",
  aliases: ["add_pg_ig_maps"],
  kind: "change",
  params: Schema.Struct({ name: Text, pg_ig_maps: pgIgMaps }),
  handler: ({ name, pg_ig_maps }, call) => {
    const command = { _tag: "AddPgIgMaps" as const, target: name, maps: pg_ig_maps.map(mapOf) }
    return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
  }
})

const iscsiTargetNodeRemovePgIgMaps = defineMethod({
  name: "iscsi_target_node_remove_pg_ig_maps",
  aliases: ["delete_pg_ig_maps"],
  kind: "change",
  params: Schema.Struct({ name: Text, pg_ig_maps: list(Schema.Struct(mapRef), MAPS_PER_TARGET_MAX) }),
  handler: ({ name, pg_ig_maps }, call) => {
    const maps = pg_ig_maps.map(({ ig_tag, pg_tag }) => ({ portalGroup: pg_tag, initiatorGroup: ig_tag }))
    const command = { _tag: "RemovePgIgMaps" as const, target: name, maps }
    return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
  }
})

/** Not in SPDK. Replaces what a map gives, also to the sessions that it has let in. */
const iscsiTargetNodeSetMapAccess = defineMethod({
  name: "iscsi_target_node_set_map_access",
  kind: "change",
  params: Schema.Struct({ name: Text, ...mapRequest.fields }),
  handler: ({ name, ...map }, call) => {
    const command = { _tag: "SetTargetNodeMapAccess" as const, target: name, ...mapOf(map) }
    return Effect.as(dispatch(call, command, refuseWithInvalidParameters), true)
  }
})

/** As `iscsi_create_target_node` takes it; lunlog's own members only where they say something. */
export const mapView = ({ initiatorGroup, luns, portalGroup, readOnly }: PgIgMap) => ({
  pg_tag: portalGroup,
  ig_tag: initiatorGroup,
  ...(luns === undefined ? {} : { luns }),
  ...(readOnly === undefined ? {} : { read_only: readOnly })
})

/** LUNs that drain are left out, `alias_name` when it is empty. */
const targetView = (target: TargetNode): unknown => ({
  name: target.name,
  alias_name: target.alias === "" ? undefined : target.alias,
  pg_ig_maps: target.pgIgMaps.map(mapView),
  luns: activeLunsOf(target).map(({ bdev, lun }) => ({ bdev_name: bdev.name, lun_id: lun })),
  queue_depth: target.queueDepth,
  ...authView(target.auth),
  header_digest: target.headerDigest,
  data_digest: target.dataDigest
})

const iscsiGetTargetNodes = defineMethodWithoutParams({
  name: "iscsi_get_target_nodes",
  aliases: ["get_target_nodes"],
  kind: "query",
  handler: () => Effect.map(ControlPlane, ({ state }) => activeTargetsOf(state()).map(targetView))
})

/** This file's methods. */
export const targetNodeMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane | Instance>> = [
  iscsiCreateTargetNode,
  iscsiDeleteTargetNode,
  iscsiTargetNodeAddLun,
  iscsiTargetNodeRemoveLun,
  iscsiTargetNodeAddPgIgMaps,
  iscsiTargetNodeRemovePgIgMaps,
  iscsiTargetNodeSetMapAccess,
  iscsiGetTargetNodes
]
