/** `bdev_aio_*`: disks in regular files. */
import { resolve } from "node:path"
import { Effect, Schema } from "effect"
import { removableKey } from "../../../domain/bdev/BdevSpec.ts"
import { resolveBdev } from "../../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { optional, Text, Uint32, UuidText } from "../../param.ts"
import { decodeFailed, errnoError, refuseWithErrno, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { bdevError, dispatch } from "../dispatch.ts"
import { awaitBdevRemoval, type BdevServices, createBdev, deleteMethod, removableParam } from "./bdev.ts"

/** A path without a slash in front is taken from where the target was started, and kept in full. */
const bdevAioCreate = defineMethod({
  name: "bdev_aio_create",
  aliases: ["construct_aio_bdev"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    name: Text,
    filename: Text,
    block_size: optional(Uint32),
    readonly: optional(Schema.Boolean),
    fallocate: optional(Schema.Boolean),
    ...removableParam,
    uuid: optional(UuidText),
    nowait: optional(Schema.Boolean)
  }),
  handler: ({ name, filename, block_size, readonly, fallocate, removable, uuid, nowait }, call) => {
    if (nowait === true) {
      const reason = "only block devices have it"
      const data = { reason, object: "nowait", allowed: "false", hint: "leave it out" }
      return Effect.fail(rpcError(errnoError("EOPNOTSUPP"), data))
    }
    return createBdev(call, {
      name,
      ...(uuid === undefined ? {} : { uuid }),
      bdev: {
        _tag: "Aio",
        filename: filename === "" ? "" : resolve(filename),
        blockSize: block_size ?? 0,
        readOnly: readonly ?? false,
        ...(fallocate === true ? { fallocate } : {}),
        ...removableKey({ removable })
      }
    })
  }
})

/** Looks at the file's size: it may have grown, or be empty, and then its bdev goes with its LUNs. */
const bdevAioRescan = defineMethod({
  name: "bdev_aio_rescan",
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({ name: Text }),
  handler: (params, call) =>
    Effect.gen(function* () {
      const bdev = resolveBdev((yield* ControlPlane).state(), params.name)
      if (bdev?.spec._tag !== "Aio" || bdev.phase._tag !== "Active") {
        const reason = bdev === undefined ? "it does not exist" : "it is no file that is there to stay"
        return yield* rpcError(errnoError("ENODEV"), { reason, object: `bdev ${params.name}` })
      }
      const { incarnation, name } = bdev
      const measured = (yield* DataPlane).measureBdev(name, incarnation)
      const blockCount = yield* Effect.mapError(measured, bdevError)
      const command = { _tag: "RescanAioBdev" as const, name, incarnation, blockCount }
      yield* awaitBdevRemoval(yield* dispatch(call, command, refuseWithErrno))
      return true
    })
})

/** This file's methods. */
export const bdevAioMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  bdevAioCreate,
  bdevAioRescan,
  deleteMethod("bdev_aio_delete", ["delete_aio_bdev"], "Aio")
]
