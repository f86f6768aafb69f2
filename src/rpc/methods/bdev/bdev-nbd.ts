/**
 * `bdev_nbd_*`: disks that are exports of NBD servers. SPDK has no such bdev; the methods are in the style of its
 * others. (`nbd_start_disk` and the like are SPDK's own NBD server, see `nbd.ts`.)
 */
import { resolve } from "node:path"
import { Effect, Result, Schema } from "effect"
import { type NbdServer, type NbdTls, removableKey } from "../../../domain/bdev/BdevSpec.ts"
import { NBD_PORT, nbdDefaults } from "../../../domain/bdev/bdev-nbd-decide.ts"
import { type NbdAddress, nbdUriHint, parseNbdUri } from "../../../domain/bdev/nbd-uri.ts"
import { optional, Text, Uint32, UuidText } from "../../param.ts"
import { decodeFailed, errnoError, type RpcError, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { type BdevServices, createBdev, deleteMethod, removableParam } from "./bdev.ts"

const params = Schema.Struct({
  name: Text,
  uri: optional(Text),
  path: optional(Text),
  host: optional(Text),
  port: optional(Uint32),
  export: optional(Text),
  block_size: optional(Uint32),
  readonly: optional(Schema.Boolean),
  connections: optional(Uint32),
  tls: optional(Schema.Boolean),
  tls_ca: optional(Text),
  tls_cert: optional(Text),
  tls_key: optional(Text),
  tls_server_name: optional(Text),
  reconnect_timeout: optional(Uint32),
  reply_timeout: optional(Uint32),
  give_up_after: optional(Uint32),
  ...removableParam,
  uuid: optional(UuidText)
})
type Params = typeof params.Type

const refuse = (object: string, reason: string, hint: string): Effect.Effect<never, RpcError> =>
  Effect.fail(rpcError(errnoError("EINVAL"), { reason, object, hint }))

const absolute = (path: string): string => (path === "" ? "" : resolve(path))

/** Exactly one way to say where the server is. */
const addressOf = (given: Params): Effect.Effect<NbdAddress, RpcError> => {
  const { export: exportName = "", host, path, port, uri } = given
  const ways = [uri, path, host].filter((way) => way !== undefined)
  if (ways.length !== 1) return refuse("uri", "one of uri, path and host says where the server is", nbdUriHint)
  if (uri !== undefined) {
    if (given.export !== undefined) return refuse("export", "the URI names the export", "leave it out")
    const parsed = parseNbdUri(uri)
    return Result.isSuccess(parsed) ? Effect.succeed(parsed.success) : refuse("uri", `it ${parsed.failure}`, nbdUriHint)
  }
  if (port !== undefined && host === undefined) return refuse("port", "a socket has no port", "leave it out")
  const server: NbdServer = path === undefined ? { host: host ?? "", port: port ?? NBD_PORT } : { path: absolute(path) }
  return Effect.succeed({ server, exportName, tls: false })
}

const tlsOf = (given: Params): NbdTls => ({
  ...(given.tls_ca === undefined ? {} : { ca: absolute(given.tls_ca) }),
  ...(given.tls_cert === undefined ? {} : { certificate: absolute(given.tls_cert) }),
  ...(given.tls_key === undefined ? {} : { key: absolute(given.tls_key) }),
  ...(given.tls_server_name === undefined ? {} : { serverName: given.tls_server_name })
})

/** Connects before it answers; a path without a slash in front is taken from where the target was started. */
const bdevNbdCreate = defineMethod({
  name: "bdev_nbd_create",
  kind: "change",
  undecodable: decodeFailed,
  params,
  handler: (given, call) =>
    Effect.gen(function* () {
      const { exportName, server, tls: isNbds } = yield* addressOf(given)
      const tls = tlsOf(given)
      const hasTls = isNbds || given.tls === true || Object.keys(tls).length > 0
      if (given.tls === false && hasTls) return yield* refuse("tls", "it is asked for and not", "leave tls out")
      return yield* createBdev(call, {
        name: given.name,
        ...(given.uuid === undefined ? {} : { uuid: given.uuid }),
        bdev: {
          _tag: "Nbd",
          server,
          exportName,
          blockSize: given.block_size ?? nbdDefaults.blockSize,
          readOnly: given.readonly ?? false,
          connections: given.connections ?? nbdDefaults.connections,
          reconnectSeconds: given.reconnect_timeout ?? nbdDefaults.reconnectSeconds,
          replySeconds: given.reply_timeout ?? nbdDefaults.replySeconds,
          giveUpSeconds: given.give_up_after ?? nbdDefaults.giveUpSeconds,
          ...(hasTls ? { tls } : {}),
          ...removableKey(given)
        }
      })
    })
})

/** This file's methods. */
export const bdevNbdMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  bdevNbdCreate,
  deleteMethod("bdev_nbd_delete", [], "Nbd")
]
