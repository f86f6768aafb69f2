/**
 * `bdev_error_*`: a bdev that fails, delays for ever or corrupts on demand, for tests of removal and of error handling.
 */
import { Effect, Schema } from "effect"
import { resolveBdev } from "../../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { optional, SafeUint64, Text, Uint8, Uint32, UuidText } from "../../param.ts"
import { decodeFailedInvalid, errnoError, refuseWithErrno, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { bdevError, dispatch, eventOf } from "../dispatch.ts"
import { type BdevServices, createBdev, deleteMethod } from "./bdev.ts"

/** Creates `EE_<base_name>`. Unlike SPDK's, the base must exist. */
const bdevErrorCreate = defineMethod({
  name: "bdev_error_create",
  aliases: ["construct_error_bdev"],
  kind: "change",
  undecodable: decodeFailedInvalid,
  params: Schema.Struct({ base_name: Text, uuid: optional(UuidText) }),
  handler: ({ base_name, uuid }, call) =>
    Effect.as(
      createBdev(call, { ...(uuid === undefined ? {} : { uuid }), bdev: { _tag: "Error", base: base_name } }),
      true
    )
})

const nvmeOnly = "nvme_sct or nvme_sc should be specified for NVMe error injection"

interface BlockParams {
  readonly block_offset?: number | undefined
  readonly num_blocks?: number | undefined
}

/** lunlog's own: bad blocks instead of bad commands. */
const blocksOf = ({ block_offset, num_blocks }: BlockParams) =>
  block_offset === undefined && num_blocks === undefined
    ? {}
    : { blocks: { first: block_offset ?? 0, count: num_blocks ?? 1 } }

/**
 * Recorded first, then in effect. NVMe status codes are not SCSI's and no initiator here would see them, so
 * `nvme_failure` is refused; `nvme_sct` and `nvme_sc` are taken if 0.
 */
const bdevErrorInjectError = defineMethod({
  name: "bdev_error_inject_error",
  aliases: ["bdev_inject_error"],
  kind: "change",
  undecodable: decodeFailedInvalid,
  params: Schema.Struct({
    name: Text,
    io_type: Schema.Literals(["clear", "read", "write", "unmap", "flush", "all"]),
    error_type: Schema.Literals(["failure", "pending", "corrupt_data", "nomem", "nvme_failure"]),
    num: optional(Uint32),
    queue_depth: optional(SafeUint64),
    corrupt_offset: optional(SafeUint64),
    corrupt_value: optional(Uint8),
    block_offset: optional(SafeUint64),
    num_blocks: optional(SafeUint64),
    nvme_sct: optional(Uint32),
    nvme_sc: optional(Uint32)
  }),
  handler: (params, call) =>
    Effect.gen(function* () {
      const errorType = params.error_type
      if (errorType === "nvme_failure" || (params.nvme_sct ?? 0) !== 0 || (params.nvme_sc ?? 0) !== 0) {
        const reason = "NVMe errors cannot be injected: an iSCSI initiator sees SCSI errors"
        const data = { reason, allowed: "failure, pending, corrupt_data, nomem" }
        return yield* rpcError({ ...errnoError("EINVAL"), message: nvmeOnly }, data)
      }
      const dataPlane = yield* DataPlane
      const injection = {
        ioType: params.io_type,
        errorType,
        count: params.num ?? 1,
        queueDepth: params.queue_depth ?? 0,
        corruptOffset: params.corrupt_offset ?? 0,
        corruptValue: params.corrupt_value ?? 0,
        ...blocksOf(params)
      }
      const command = { _tag: "InjectBdevError" as const, name: params.name, injection }
      const committed = yield* dispatch(call, command, refuseWithErrno)
      const injected = eventOf(committed, "BdevErrorInjected")
      if (injected === undefined) return true
      yield* Effect.mapError(
        dataPlane.injectBdevError(injected.name, injected.incarnation, injected.injection),
        bdevError
      )
      return true
    })
})

/** Lets go what a `pending` injection holds. Changes nothing that is logged. */
const bdevErrorResumePending = defineMethod({
  name: "bdev_error_resume_pending",
  kind: "change",
  undecodable: decodeFailedInvalid,
  params: Schema.Struct({ name: Text }),
  handler: ({ name }) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const dataPlane = yield* DataPlane
      const bdev = resolveBdev(state(), name)
      if (bdev?.spec._tag !== "Error") {
        const reason = bdev === undefined ? "it does not exist" : "it is no error bdev"
        return yield* rpcError(errnoError("ENODEV"), { reason, object: `bdev ${name}`, hint: "use an EE_ name" })
      }
      yield* Effect.mapError(dataPlane.resumePendingBdevIo(bdev.name, bdev.incarnation), bdevError)
      return true
    })
})

/** This file's methods. */
export const bdevErrorMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  bdevErrorCreate,
  deleteMethod("bdev_error_delete", ["delete_error_bdev"], "Error", decodeFailedInvalid),
  bdevErrorInjectError,
  bdevErrorResumePending
]
