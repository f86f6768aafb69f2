/**
 * `log_*`: `log_set_print_level` decides what the process prints on stderr. The level for syslog, flags and time stamps
 * have no effect: lunlog writes to no syslog, its messages have no flags, and time stamps are always there.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { PrintLevel, spdkLevels } from "../PrintLevel.ts"
import { Text } from "../param.ts"
import { decodeFailed, rpcError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcCall, type RpcMethod } from "../RpcMethod.ts"
import { givenTo, type InertServices, recordInert } from "./inert.ts"

/** As SPDK 26.05's iscsi_tgt has them. */
const flags = [
  ...["accel", "accel_ae4dma", "accel_ioat", "aio", "app_config", "app_rpc", "bdev", "bdev_concat", "bdev_ftl"],
  ...["bdev_malloc", "bdev_null", "bdev_nvme", "bdev_raid", "bdev_raid0", "bdev_raid1", "bdev_raid_sb", "blob"],
  ...["blob_esnap", "blob_rw", "ftl_core", "ftl_init", "gpt_parse", "ioat", "iscsi", "json_util", "keyring"],
  ...["log_rpc", "lvol", "lvol_rpc", "nbd", "notify_rpc", "nvme", "nvme_auth", "opal", "reactor", "rpc"],
  ...["rpc_client", "scsi", "sock", "sock_posix", "thread", "trace", "vbdev_delay", "vbdev_gpt", "vbdev_lvol"],
  ...["vbdev_opal", "vbdev_passthru", "vbdev_split", "vbdev_zone_block", "vmd"]
]

/** The method under which flags are kept, one setting for each. */
const flagMethod = "log_set_flag"
const invalidFlag = { code: -32602, message: "invalid log flag" }

const changeFlags = (call: RpcCall, flag: string, enabled: boolean) =>
  Effect.gen(function* () {
    const found = flags.filter((name) => flag === "all" || name === flag.toLowerCase())
    if (found.length === 0) {
      const reason = `there is no log flag ${flag}`
      return yield* rpcError(invalidFlag, { reason, object: "flag", allowed: ["all", ...flags].join(", ") })
    }
    for (const name of found) yield* recordInert(call, flagMethod, { flag: name, enabled }, name)
    return true
  })

const flagMethodOf = (name: string, alias: string, enabled: boolean): RpcMethod<InertServices> =>
  defineMethod({
    name,
    aliases: [alias],
    states: anyState,
    kind: "change",
    undecodable: decodeFailed,
    params: Schema.Struct({ flag: Text }),
    handler: ({ flag }, call) => changeFlags(call, flag, enabled)
  })

const levelParams = Schema.Struct({ level: Schema.Literals(spdkLevels) })

/** This file's methods. */
export const logMethods: ReadonlyArray<RpcMethod<InertServices>> = [
  flagMethodOf(flagMethod, "set_log_flag", true),
  flagMethodOf("log_clear_flag", "clear_log_flag", false),
  defineMethodWithoutParams({
    name: "log_get_flags",
    aliases: ["get_log_flags"],
    states: anyState,
    kind: "query",
    handler: () =>
      Effect.map(ControlPlane, ({ state }) =>
        Object.fromEntries(flags.map((flag) => [flag, givenTo(state(), flagMethod, flag)["enabled"] ?? false]))
      )
  }),
  defineMethod({
    name: "log_set_level",
    aliases: ["set_log_level"],
    states: anyState,
    kind: "change",
    undecodable: decodeFailed,
    params: levelParams,
    handler: ({ level }, call) => recordInert(call, call.method, { level })
  }),
  defineMethodWithoutParams({
    name: "log_get_level",
    aliases: ["get_log_level"],
    states: anyState,
    kind: "query",
    handler: () => Effect.map(ControlPlane, ({ state }) => givenTo(state(), "log_set_level")["level"] ?? "NOTICE")
  }),
  defineMethod({
    name: "log_set_print_level",
    aliases: ["set_log_print_level"],
    states: anyState,
    kind: "change",
    undecodable: decodeFailed,
    params: levelParams,
    handler: ({ level }) =>
      Effect.map(PrintLevel, (printLevel) => {
        printLevel.set(level)
        return true
      })
  }),
  defineMethodWithoutParams({
    name: "log_get_print_level",
    aliases: ["get_log_print_level"],
    states: anyState,
    kind: "query",
    handler: () => Effect.map(PrintLevel, ({ name }) => name)
  }),
  defineMethod({
    name: "log_enable_timestamps",
    kind: "change",
    params: Schema.Struct({ enabled: Schema.Boolean }),
    handler: ({ enabled }, call) => recordInert(call, call.method, { enabled })
  })
]
