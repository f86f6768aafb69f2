/** `notify_*`: bdevs that came and went since the process started. */
import { Effect, Schema } from "effect"
import { Notifications, notificationsMax, notificationTypes } from "../Notifications.ts"
import { optional, Uint64 } from "../param.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"

/** This file's methods. */
export const notifyMethods: ReadonlyArray<RpcMethod<Notifications>> = [
  defineMethodWithoutParams({
    name: "notify_get_types",
    aliases: ["get_notification_types"],
    kind: "query",
    noParams: "No parameters required",
    handler: () => Effect.succeed(notificationTypes)
  }),
  defineMethod({
    name: "notify_get_notifications",
    aliases: ["get_notifications"],
    kind: "query",
    paramsOptional: true,
    undecodable: { code: -32602, message: "Invalid argument" },
    params: Schema.Struct({ id: optional(Uint64), max: optional(Uint64) }),
    handler: ({ id = 0n, max = BigInt(notificationsMax) }) =>
      Effect.flatMap(Notifications, ({ since }) => since(Number(id), Number(max)))
  })
]
