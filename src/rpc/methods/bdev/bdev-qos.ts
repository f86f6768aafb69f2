/** `bdev_set_qos_limit`: limits of reads and writes, for all initiators of a bdev together. */
import { Effect, Schema } from "effect"
import { optional, Text, Uint64 } from "../../param.ts"
import { decodeFailed, type Refusal, refuseWithErrno } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { dispatch } from "../dispatch.ts"
import type { BdevServices } from "./bdev.ts"

const given = (name: string, value: bigint | undefined) => (value === undefined ? {} : { [name]: Number(value) })

/** In effect when it is answered, also for what waits by then. */
const bdevSetQosLimit = defineMethod({
  name: "bdev_set_qos_limit",
  aliases: ["set_bdev_qos_limit"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    name: Text,
    rw_ios_per_sec: optional(Uint64),
    rw_mbytes_per_sec: optional(Uint64),
    r_mbytes_per_sec: optional(Uint64),
    w_mbytes_per_sec: optional(Uint64)
  }),
  handler: ({ name, r_mbytes_per_sec, rw_ios_per_sec, rw_mbytes_per_sec, w_mbytes_per_sec }, call) => {
    const limits = {
      ...given("readWriteIops", rw_ios_per_sec),
      ...given("readWriteMiBPerSecond", rw_mbytes_per_sec),
      ...given("readMiBPerSecond", r_mbytes_per_sec),
      ...given("writeMiBPerSecond", w_mbytes_per_sec)
    }
    const refuse: Refusal = (error) => {
      if (error._tag === "NotFound") return refuseWithErrno(error)
      if (Object.keys(limits).length === 0) return { code: -22, message: "No rate limits specified" }
      return { code: -32602, message: `Failed to configure rate limit: ${refuseWithErrno(error).message}` }
    }
    return Effect.as(dispatch(call, { _tag: "SetBdevQos", name, ...limits }, refuse), true)
  }
})

/** This file's methods. */
export const bdevQosMethods: ReadonlyArray<RpcMethod<BdevServices>> = [bdevSetQosLimit]
