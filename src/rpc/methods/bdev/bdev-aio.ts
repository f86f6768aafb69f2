/** `bdev_aio_*` and `bdev_uring_*`: disks in regular files and on block devices. */
import { resolve } from "node:path"
import { Effect, Schema } from "effect"
import { parseSize, sizeHint } from "../../../config/size.ts"
import { type BdevKind, type BdevRequest, bdevKindOf, removableKey } from "../../../domain/bdev/BdevSpec.ts"
import { resolveBdev } from "../../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { optional, SafeUint64, Text, Uint32, UuidText } from "../../param.ts"
import { decodeFailed, errnoError, type RpcError, refuseWithErrno, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { bdevError, dispatch } from "../dispatch.ts"
import { absenceOf, awaitBdevRemoval, type BdevServices, createBdev, deleteMethod, removableParam } from "./bdev.ts"

/** lunlog's own. `size` is in bytes, or as people write it. */
const ownParams = {
  create: optional(Schema.Boolean),
  size: optional(Schema.Union([SafeUint64, Text])),
  direct: optional(Schema.Boolean),
  dsync: optional(Schema.Boolean)
}

interface OwnParams {
  readonly create?: boolean | undefined
  readonly size?: number | string | undefined
  readonly direct?: boolean | undefined
  readonly dsync?: boolean | undefined
}

type FileRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

const refused = (param: string, reason: string, hint: string) =>
  Effect.fail(rpcError(errnoError("EINVAL"), { reason, object: param, hint }))

/** What is to be made, if anything is. A file that is made is sparse, and thin unless something else is said. */
const creation = (
  { create = false, size }: OwnParams,
  fallocate: boolean | undefined
): Effect.Effect<Pick<FileRequest, "createBytes" | "mustBeNew" | "fallocate">, RpcError> => {
  const thin = (fallocate ?? create) ? { fallocate: true as const } : {}
  if (!create) {
    if (size === undefined) return Effect.succeed(thin)
    return refused("size", "a file that is there has a size", "leave it out, or say create as well")
  }
  if (size === undefined) return refused("create", "a file cannot be made without a size", "give it one, as 10GiB")
  const bytes = parseSize(size)
  if (bytes === undefined) return refused("size", `${JSON.stringify(size)} is no size`, sizeHint)
  return Effect.succeed({ ...thin, createBytes: bytes, mustBeNew: true })
}

const ifTrue = <K extends "direct" | "dsync" | "nowait" | "uring">(key: K, value: boolean | undefined) =>
  value === true ? { [key]: true as const } : {}

/** A path without a slash in front is taken from where the target was started, and kept in full. */
const absolute = (filename: string): string => (filename === "" ? "" : resolve(filename))

/** What both names take. */
const fileParams = {
  name: Text,
  filename: Text,
  block_size: optional(Uint32),
  ...ownParams,
  ...removableParam,
  uuid: optional(UuidText)
}
const FileParams = Schema.Struct(fileParams)

interface SpdkParams {
  readonly readonly?: boolean | undefined
  readonly fallocate?: boolean | undefined
  readonly nowait?: boolean | undefined
  readonly uring?: true
}

const createFileBdev = (
  call: Parameters<typeof createBdev>[0],
  { block_size, filename, name, removable, uuid, ...own }: typeof FileParams.Type,
  { fallocate, nowait, readonly, uring }: SpdkParams
) =>
  Effect.flatMap(creation(own, fallocate), (made) =>
    createBdev(call, {
      name,
      ...(uuid === undefined ? {} : { uuid }),
      bdev: {
        _tag: "Aio",
        filename: absolute(filename),
        blockSize: block_size ?? 0,
        readOnly: readonly ?? false,
        ...made,
        ...ifTrue("direct", own.direct),
        ...ifTrue("dsync", own.dsync),
        ...ifTrue("nowait", nowait),
        ...removableKey({ removable }),
        ...ifTrue("uring", uring)
      }
    })
  )

/** Regular files and block devices. */
const bdevAioCreate = defineMethod({
  name: "bdev_aio_create",
  aliases: ["construct_aio_bdev"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    ...fileParams,
    readonly: optional(Schema.Boolean),
    fallocate: optional(Schema.Boolean),
    nowait: optional(Schema.Boolean)
  }),
  handler: ({ fallocate, nowait, readonly, ...params }, call) =>
    createFileBdev(call, params, { fallocate, nowait, readonly })
})

/** The same under SPDK's other name: io_uring is nothing that Node can be told to use. */
const bdevUringCreate = defineMethod({
  name: "bdev_uring_create",
  kind: "change",
  undecodable: decodeFailed,
  params: FileParams,
  handler: (params, call) => createFileBdev(call, params, { uring: true })
})

/** Looks at the file's size: it may have grown, or be empty, and then its bdev goes with its LUNs. */
const rescanMethod = (name: string, kind: BdevKind): RpcMethod<BdevServices> =>
  defineMethod({
    name,
    kind: "change",
    undecodable: decodeFailed,
    params: Schema.Struct({ name: Text }),
    handler: (params, call) =>
      Effect.gen(function* () {
        const state = (yield* ControlPlane).state()
        const bdev = resolveBdev(state, params.name)
        if (bdev === undefined || bdevKindOf(bdev.spec) !== kind || bdev.phase._tag !== "Active") {
          const absent = absenceOf(state, params.name) ?? "it does not exist"
          const reason = bdev === undefined ? absent : "it is no file that is there to stay"
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
  rescanMethod("bdev_aio_rescan", "Aio"),
  deleteMethod("bdev_aio_delete", ["delete_aio_bdev"], "Aio"),
  bdevUringCreate,
  rescanMethod("bdev_uring_rescan", "Uring"),
  deleteMethod("bdev_uring_delete", [], "Uring")
]
