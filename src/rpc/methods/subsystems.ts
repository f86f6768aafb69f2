/**
 * `framework_get_subsystems` and `framework_get_config`, of which `rpc.py save_config` is made; `bdev_examine` and
 * `bdev_wait_for_examine`, which saved files call: lunlog looks for nothing on a bdev.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { Secrets } from "../../domain/Secrets.ts"
import { findInertSetting } from "../../domain/State.ts"
import { optional, Text } from "../param.ts"
import { decodeFailedInvalid, errnoError, rpcError } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { inBatches, savedConfig, subsystemList } from "../saved-config.ts"
import { givenTo, type InertServices, recordInert } from "./inert.ts"

const frameworkGetConfig = defineMethod({
  name: "framework_get_config",
  aliases: ["get_subsystem_config"],
  kind: "query",
  undecodable: { code: -32602, message: "Invalid arguments" },
  params: Schema.Struct({ name: Text, with_batches: optional(Schema.Boolean) }),
  handler: ({ name, with_batches = false }) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const calls = yield* savedConfig(state(), name)
      if (calls === undefined) {
        const message = `Subsystem '${name}' not found`
        const allowed = subsystemList.map(({ subsystem }) => subsystem).join(", ")
        return yield* rpcError({ code: -32602, message }, { reason: message, object: "name", allowed })
      }
      return calls !== null && with_batches ? inBatches(calls) : calls
    })
})

/** A name is only taken where a user has switched off the looking at every bdev. */
const bdevExamine = defineMethod({
  name: "bdev_examine",
  kind: "change",
  undecodable: decodeFailedInvalid,
  params: Schema.Struct({ name: Text }),
  handler: ({ name }, call) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      if (givenTo(state(), "bdev_set_options")["bdev_auto_examine"] !== false) {
        const reason = "every bdev is examined anyway"
        const hint = "leave the call out, or set bdev_auto_examine to false with bdev_set_options before the start"
        return yield* rpcError(errnoError("EINVAL"), { reason, object: `bdev ${name}`, hint })
      }
      if (findInertSetting(state(), call.method, name) !== undefined) {
        const reason = "it was given before"
        return yield* rpcError(errnoError("EEXIST"), { reason, object: `bdev ${name}` })
      }
      return yield* recordInert(call, call.method, { name }, name)
    })
})

/** This file's methods. */
export const subsystemMethods: ReadonlyArray<RpcMethod<InertServices | Secrets>> = [
  defineMethodWithoutParams({
    name: "framework_get_subsystems",
    aliases: ["get_subsystems"],
    kind: "query",
    noParams: "'framework_get_subsystems' requires no arguments",
    handler: () => Effect.succeed(subsystemList)
  }),
  frameworkGetConfig,
  bdevExamine,
  defineMethodWithoutParams({ name: "bdev_wait_for_examine", kind: "query", handler: () => Effect.succeed(true) })
]
