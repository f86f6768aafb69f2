/** `bdev_passthru_*` and `bdev_split_*`: a bdev that is as another, and parts of one. */
import { Effect, Schema } from "effect"
import { optional, Text, Uint32, Uint64, UuidText } from "../../param.ts"
import { decodeFailed, invalidParameters, type Refusal, refuseWithErrno } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { dispatch } from "../dispatch.ts"
import { awaitBdevRemovals, type BdevServices, createBdev, deleteMethod } from "./bdev.ts"

/** Unlike SPDK's, the base must exist. */
const bdevPassthruCreate = defineMethod({
  name: "bdev_passthru_create",
  aliases: ["construct_passthru_bdev"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({ base_bdev_name: Text, name: Text, uuid: optional(UuidText) }),
  handler: ({ base_bdev_name, name, uuid }, call) =>
    createBdev(call, {
      name,
      ...(uuid === undefined ? {} : { uuid }),
      bdev: { _tag: "Passthru", base: base_bdev_name }
    })
})

/** As SPDK answers: one code, and what strerror(3) says of the reason. */
const refuseAs =
  (message: string): Refusal =>
  (error) => ({ ...invalidParameters, message: `${message}: ${refuseWithErrno(error).message}` })

/** Answers the names of the parts: as many as fit. Unlike SPDK's, the base must exist. */
const bdevSplitCreate = defineMethod({
  name: "bdev_split_create",
  aliases: ["construct_split_vbdev"],
  kind: "change",
  undecodable: invalidParameters,
  params: Schema.Struct({ base_bdev: Text, split_count: Uint32, split_size_mb: optional(Uint64) }),
  handler: ({ base_bdev: base, split_count: parts, split_size_mb = 0n }, call) =>
    Effect.map(
      dispatch(
        call,
        { _tag: "SplitBdev", base, parts, partMebibytes: Number(split_size_mb) },
        refuseAs(`Failed to create ${parts} split bdevs from '${base}'`)
      ),
      ({ events }) => events.flatMap((event) => (event._tag === "BdevCreated" ? [event.name] : []))
    )
})

/** All parts of a base; answers when their LUNs have drained. */
const bdevSplitDelete = defineMethod({
  name: "bdev_split_delete",
  aliases: ["destruct_split_vbdev"],
  kind: "change",
  undecodable: invalidParameters,
  params: Schema.Struct({ base_bdev: Text }),
  handler: ({ base_bdev: base }, call) =>
    Effect.gen(function* () {
      const refuse: Refusal = (error) => ({ ...invalidParameters, message: refuseWithErrno(error).message })
      yield* awaitBdevRemovals(yield* dispatch(call, { _tag: "UnsplitBdev", base }, refuse))
      return true
    })
})

/** This file's methods. */
export const bdevStackedMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  bdevPassthruCreate,
  deleteMethod("bdev_passthru_delete", ["delete_passthru_bdev"], "Passthru"),
  bdevSplitCreate,
  bdevSplitDelete
]
