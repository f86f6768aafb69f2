/** Settings without effect over the socket: taken, given back, recorded once, shown by `lunlog_status`. */

import { readFile, rm, symlink } from "node:fs/promises"
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { assert, describe } from "vitest"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import type { RpcClient } from "../../src/rpc/RpcClient.ts"
import { runningTarget, startTarget } from "./target-support.ts"

const failure = (client: RpcClient, method: string, params?: unknown) =>
  Effect.map(Effect.flip(client.call(method, params)), (error) => {
    assert(error._tag === "CallFailed")
    return error
  })

const records = (client: RpcClient) =>
  Effect.map(
    client.call("eventlog_tail", { count: 1000 }),
    (page) => JSON.stringify(page).split('"type":"InertSettingRecorded"').length - 1
  )

describe("a setting without effect", () => {
  it.live("is given back with SPDK's defaults around it, and with what was set before", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      const impl_name = "posix"
      yield* client.call("sock_impl_set_options", { impl_name, recv_buf_size: 4096, from_a_later_release: [1] })
      yield* client.call("sock_impl_set_options", { impl_name, tls_version: 13 })
      const options = yield* client.call("sock_impl_get_options", { impl_name })
      assert.include(Object(options), { recv_buf_size: 4096, send_buf_size: 2097152, tls_version: 13 })
      assert.notProperty(options, "from_a_later_release")
      const ssl = yield* client.call("sock_impl_get_options", { impl_name: "ssl" })
      assert.include(Object(ssl), { recv_buf_size: 4096, tls_version: 0 })
      yield* client.call("sock_set_default_impl", { impl_name: "uring" })
      assert.deepEqual(yield* client.call("sock_get_default_impl"), { impl_name: "uring" })
    })
  )

  it.live("is recorded once, however often it is set to the same", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      for (let times = 0; times < 3; times++) yield* client.call("bdev_nvme_set_options", { bdev_retry_count: -1 })
      assert.strictEqual(yield* records(client), 1)
      yield* client.call("bdev_nvme_set_options", { bdev_retry_count: 4 })
      assert.strictEqual(yield* records(client), 2)
    })
  )

  it.live("is shown by lunlog_status with all that was given", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      yield* client.call("accel_assign_opc", { opname: "crc32c", module: "dsa" })
      yield* client.call("vmd_enable")
      const { inert } = Object(yield* client.call("lunlog_status"))
      assert.deepEqual(inert, [
        { method: "accel_assign_opc", object: "crc32c", params: { opname: "crc32c", module: "dsa" } },
        { method: "vmd_enable", object: "", params: {} }
      ])
    })
  )

  it.live("is also an iSCSI option that the data plane has no use for, once it is not the default", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      yield* client.call("iscsi_set_options", { max_r2t_per_connection: 16, pdu_pool_size: 36864, nop_timeout: 30 })
      const { inert } = Object(yield* client.call("lunlog_status"))
      assert.deepEqual(inert, [
        { method: "iscsi_set_options", object: "max_r2t_per_connection", params: { max_r2t_per_connection: 16 } }
      ])
    })
  )

  it.live("is refused when a parameter has the wrong type, is missing, or names what there is not", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      const wrongType = yield* failure(client, "iobuf_set_options", { small_pool_count: "8192" })
      assert.strictEqual(wrongType.code, -32602)
      assert.match(JSON.stringify(wrongType.data), /small_pool_count.*allowed/)
      assert.strictEqual((yield* failure(client, "sock_set_default_impl", {})).code, -32602)
      const unknown = yield* failure(client, "sock_set_default_impl", { impl_name: "vpp" })
      assert.match(JSON.stringify(unknown.data), /posix, ssl, uring/)
      const pools = yield* failure(client, "bdev_set_options", { bdev_io_pool_size: 100 })
      assert.match(pools.message, /Pool size 100 too small for cache size 256/)
      assert.strictEqual((yield* failure(client, "framework_set_scheduler", { name: "best" })).code, -22)
    })
  )
})

describe("schedulers, locks, keys, threads", () => {
  it.live("answer what was set", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      yield* client.call("framework_set_scheduler", { name: "dynamic", core_limit: 90 })
      yield* client.call("scheduler_set_options", { scheduling_core: 1 })
      assert.deepEqual(yield* client.call("framework_get_scheduler"), {
        scheduler_name: "dynamic",
        scheduler_period: 1000000,
        isolated_core_mask: "0",
        scheduling_core: 1
      })
      yield* client.call("framework_disable_cpumask_locks")
      yield* client.call("framework_start_init")
      yield* client.call("keyring_file_add_key", { name: "key0", path: "/etc/key0" })
      assert.match(JSON.stringify(yield* client.call("keyring_get_keys")), /"key0".*"\/etc\/key0"/)
      assert.strictEqual(yield* client.call("keyring_file_remove_key", { name: "key0" }), true)
      assert.deepEqual(yield* client.call("keyring_get_keys"), [])
      assert.strictEqual((yield* failure(client, "keyring_file_remove_key", { name: "key0" })).code, -2)
      assert.deepEqual(yield* client.call("framework_monitor_context_switch"), { enabled: false })
      assert.deepEqual(yield* client.call("framework_monitor_context_switch", { enabled: true }), { enabled: true })
      assert.strictEqual(yield* client.call("thread_set_cpumask", { id: 1, cpumask: "0x1" }), true)
      assert.match((yield* failure(client, "thread_set_cpumask", { id: 9, cpumask: "1" })).message, /Thread 9 does not/)
      assert.strictEqual((yield* failure(client, "thread_set_cpumask", { id: 1, cpumask: "xyz" })).code, -32603)
    })
  )
})

describe("trace masks", () => {
  it.live("are kept by group, bit by bit", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      yield* client.call("trace_set_tpoint_mask", { name: "iscsi_conn", tpoint_mask: 0x81 })
      yield* client.call("trace_clear_tpoint_mask", { name: "iscsi_conn", tpoint_mask: 1 })
      yield* client.call("trace_enable_tpoint_group", { name: "scsi" })
      const masks = Object(yield* client.call("trace_get_tpoint_group_mask"))
      assert.strictEqual(masks.tpoint_group_mask, "0x6")
      assert.include(masks.iscsi_conn, { enabled: true, mask: "0x2", tpoint_mask: "0x80" })
      assert.deepEqual(masks.iscsi_conn.tpoints.at(-1), { name: "ISCSI_PDU_COMPLETED", tpoint_id: 7, enabled: true })
      assert.strictEqual(masks.scsi.tpoint_mask, "0xffffffffffffffff")
      yield* client.call("trace_disable_tpoint_group", { name: "all" })
      assert.strictEqual(Object(yield* client.call("trace_get_info")).tpoint_group_mask, "0x0")
      assert.strictEqual((yield* failure(client, "trace_enable_tpoint_group", { name: "vhost" })).code, -32602)
    })
  )
})

describe("log levels and flags", () => {
  it.live("are kept, and the print level is the process's", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      yield* client.call("log_set_level", { level: "DEBUG" })
      assert.strictEqual(yield* client.call("log_get_level"), "DEBUG")
      yield* client.call("log_set_print_level", { level: "NOTICE" })
      assert.strictEqual(yield* client.call("log_get_print_level"), "NOTICE")
      yield* client.call("log_set_print_level", { level: "INFO" })
      assert.strictEqual((yield* failure(client, "log_set_print_level", { level: "LOUD" })).code, -32603)
      yield* client.call("log_set_flag", { flag: "all" })
      yield* client.call("log_clear_flag", { flag: "iscsi" })
      const flags = Object(yield* client.call("log_get_flags"))
      assert.include(flags, { iscsi: false, scsi: true, vmd: true })
      assert.strictEqual(
        (yield* failure(client, "log_set_flag", { flag: "nosuch" })).message.includes("invalid log"),
        true
      )
    })
  )
})

describe("VMD", () => {
  it.live("has no devices, and says so once it is enabled", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      const disabled = { code: -1, text: "VMD subsystem is disabled" }
      const addr = "0000:01:00.0"
      const other = yield* runningTarget()
      assert.deepInclude(yield* failure(other.client, "vmd_rescan"), disabled)
      assert.deepInclude(yield* failure(other.client, "vmd_remove_device", { addr }), disabled)
      yield* client.call("vmd_enable")
      yield* client.call("framework_start_init")
      assert.deepEqual(yield* client.call("vmd_rescan"), { count: 0 })
      assert.strictEqual((yield* failure(client, "vmd_remove_device", { addr })).code, -19)
    })
  )
})

describe("accel_error_inject_error", () => {
  it.live("is kept for the operation that SPDK can spoil", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      const params = { opcode: "crc32c", type: "corrupt", count: 1 }
      assert.strictEqual(yield* client.call("accel_error_inject_error", params), true)
      const wrong = yield* failure(client, "accel_error_inject_error", { ...params, type: "none" })
      assert.deepInclude(wrong, { code: -1, text: "Operation not permitted" })
      assert.strictEqual((yield* failure(client, "accel_error_inject_error", { ...params, opcode: "copy" })).code, -22)
      assert.deepEqual(
        JSON.stringify(yield* client.call("framework_get_config", { name: "accel" })).includes("crc"),
        false
      )
    })
  )
})

describe("env_dpdk_get_mem_stats", () => {
  it.live("names a file with the process's memory", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      const { filename } = Object(yield* client.call("env_dpdk_get_mem_stats"))
      const text = yield* Effect.promise(() => readFile(String(filename), "utf8"))
      yield* Effect.promise(() => rm(String(filename)))
      const { bytes, pid } = JSON.parse(text)
      assert.strictEqual(pid, process.pid)
      assert.isAbove(bytes.rss, 1e6)
      // Nothing is written through a link.
      yield* Effect.promise(() => symlink("/dev/null", String(filename)))
      const linked = yield* failure(client, "env_dpdk_get_mem_stats")
      yield* Effect.promise(() => rm(String(filename)))
      assert.deepInclude(linked, { code: -32603, text: "Unable to open file for writing.\n" })
    })
  )
})

describe("nbd_start_disk", () => {
  it.live("is taken for a bdev that is there, and makes no device", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      const params = { bdev_name: "N", nbd_device: "/dev/nbd0" }
      assert.strictEqual((yield* failure(client, "nbd_start_disk", params)).code, -19)
      yield* client.call("bdev_null_create", { name: "N", num_blocks: 8, block_size: 512 })
      assert.strictEqual(yield* client.call("nbd_start_disk", params), "/dev/nbd0")
      assert.deepEqual(yield* client.call("nbd_get_disks"), [])
      assert.strictEqual((yield* failure(client, "nbd_start_disk", { bdev_name: "N" })).code, -19)
      assert.strictEqual((yield* failure(client, "nbd_get_disks", { nbd_device: "/dev/nbd0" })).code, -19)
      assert.strictEqual(yield* client.call("nbd_stop_disk", { nbd_device: "/dev/nbd0" }), true)
      assert.deepEqual(yield* client.call("framework_get_config", { name: "nbd" }), [])
      assert.strictEqual((yield* failure(client, "nbd_stop_disk", { nbd_device: "/dev/nbd0" })).code, -19)
    })
  )
})

describe("bdev_examine", () => {
  it.live("takes a name once, and only when bdevs are not examined anyway", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      assert.strictEqual((yield* failure(client, "bdev_examine", { name: "later" })).code, -22)
      const other = yield* startTarget()
      yield* other.client.call("bdev_set_options", { bdev_auto_examine: false })
      yield* other.client.call("framework_start_init")
      assert.strictEqual(yield* other.client.call("bdev_examine", { name: "later" }), true)
      assert.strictEqual((yield* failure(other.client, "bdev_examine", { name: "later" })).code, -17)
      assert.strictEqual(yield* other.client.call("bdev_wait_for_examine"), true)
    })
  )
})

describe("notifications", () => {
  it.live("tell of bdevs that come and go, numbered, the last 1024", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      for (let n = 0; n < 515; n++) {
        yield* client.call("bdev_null_create", { name: "N", num_blocks: 8, block_size: 512 })
        if (n === 0) {
          const first = yield* client.call("notify_get_notifications")
          assert.deepEqual(first, [{ type: "bdev_register", ctx: "N", id: 0 }])
        }
        yield* client.call("bdev_null_delete", { name: "N" })
      }
      const kept = yield* client.call("notify_get_notifications", { id: 0 })
      assert(Array.isArray(kept))
      assert.lengthOf(kept, 1024)
      assert.deepEqual(kept.at(-1), { type: "bdev_unregister", ctx: "N", id: 1029 })
      assert.deepEqual(yield* client.call("notify_get_notifications", { id: 1028, max: 1 }), [
        { type: "bdev_register", ctx: "N", id: 1028 }
      ])
    })
  )
})

it("every method that a file saved by iscsi_tgt may hold is there", () => {
  const names = [
    ...["framework_set_scheduler", "iobuf_set_options", "sock_set_default_impl", "sock_impl_set_options"],
    ...["accel_set_options", "vmd_enable", "keyring_file_add_key", "keyring_linux_set_options", "bdev_set_options"],
    ...["bdev_raid_set_options", "bdev_iscsi_set_options", "bdev_nvme_set_options", "bdev_nvme_set_hotplug"],
    ...["bdev_examine", "bdev_wait_for_examine", "nbd_start_disk"]
  ]
  assert.deepStrictEqual(
    names.filter((name) => !allMethods.some((method) => method.name === name)),
    []
  )
})
