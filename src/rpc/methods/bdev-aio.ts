/** `bdev_aio_*`: disks in regular files. */
import { resolve } from "node:path"
import { Effect, Schema } from "effect"
import { optional, Text, Uint32, UuidText } from "../param.ts"
import { decodeFailed, errnoError, rpcError } from "../RpcError.ts"
import { defineMethod, type RpcMethod } from "../RpcMethod.ts"
import { type BdevServices, createBdev, deleteMethod } from "./bdev.ts"

const notSupported = (reason: string, object: string) =>
  rpcError(errnoError("EOPNOTSUPP"), { reason, object, allowed: "false", hint: "leave it out" })

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
    uuid: optional(UuidText),
    nowait: optional(Schema.Boolean)
  }),
  handler: ({ name, filename, block_size, readonly, fallocate, uuid, nowait }, call) => {
    // A disk that says it can be unmapped and keeps its blocks would not be what was asked for.
    if (fallocate === true) return Effect.fail(notSupported("a file cannot be unmapped here", "fallocate"))
    if (nowait === true) return Effect.fail(notSupported("only block devices have it", "nowait"))
    return createBdev(call, {
      name,
      ...(uuid === undefined ? {} : { uuid }),
      bdev: {
        _tag: "Aio",
        filename: filename === "" ? "" : resolve(filename),
        blockSize: block_size ?? 0,
        readOnly: readonly ?? false
      }
    })
  }
})

/** This file's methods. */
export const bdevAioMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  bdevAioCreate,
  deleteMethod("bdev_aio_delete", ["delete_aio_bdev"], "Aio")
]
