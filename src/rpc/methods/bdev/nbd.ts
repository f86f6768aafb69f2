/**
 * `nbd_start_disk`, so that files saved by SPDK load: it is recorded and has no effect. There is no device on this
 * machine afterwards, so `nbd_get_disks` lists none; `nbd_stop_disk` forgets what was recorded.
 */
import { Effect, Schema } from "effect"
import { resolveBdev } from "../../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { optional, Text } from "../../param.ts"
import { decodeFailed, errnoError, refuseWithErrno, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { type InertServices, recordInert, removeInert } from "../inert.ts"

const hint = "map the bdev as a LUN, and log in to it"

const nbdStartDisk = defineMethod({
  name: "nbd_start_disk",
  aliases: ["start_nbd_disk"],
  kind: "change",
  params: Schema.Struct({ bdev_name: Text, nbd_device: optional(Text) }),
  handler: ({ bdev_name, nbd_device }, call) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const missing = resolveBdev(state(), bdev_name) === undefined ? `there is no bdev ${bdev_name}` : undefined
      const reason = missing ?? (nbd_device === undefined ? "there are no NBD devices here to choose from" : undefined)
      if (reason !== undefined) return yield* rpcError(errnoError("ENODEV"), { reason, hint })
      const device = nbd_device ?? ""
      yield* recordInert(call, call.method, { bdev_name, nbd_device: device }, device)
      return device
    })
})

/** This file's methods. */
export const nbdMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  nbdStartDisk,
  defineMethod({
    name: "nbd_stop_disk",
    aliases: ["stop_nbd_disk"],
    kind: "change",
    params: Schema.Struct({ nbd_device: Text }),
    undecodable: decodeFailed,
    handler: ({ nbd_device }, call) => removeInert(call, nbdStartDisk.name, nbd_device, refuseWithErrno)
  }),
  defineMethod({
    name: "nbd_get_disks",
    aliases: ["get_nbd_disks"],
    kind: "query",
    paramsOptional: true,
    params: Schema.Struct({ nbd_device: optional(Text) }),
    handler: ({ nbd_device }) =>
      nbd_device === undefined
        ? Effect.succeed([])
        : Effect.fail(rpcError(errnoError("ENODEV"), { reason: `there is no ${nbd_device} here`, hint }))
  })
]
