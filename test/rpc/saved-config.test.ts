/** What `rpc.py save_config` and `load_config` do, over the socket: what was saved loads, and is saved the same. */
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { assert, describe } from "vitest"
import type { RpcClient } from "../../src/rpc/RpcClient.ts"
import { startTarget } from "./target-support.ts"

interface Call {
  readonly method: string
  readonly params?: unknown
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null
const isCall = (value: unknown): value is Call => isRecord(value) && typeof value["method"] === "string"
const arrayOf = (value: unknown): ReadonlyArray<unknown> => {
  assert(Array.isArray(value))
  return value
}

/** As `save_config` does it: subsystem by subsystem. */
const save = (client: RpcClient, params: Readonly<Record<string, unknown>> = {}) =>
  Effect.gen(function* () {
    const saved: Array<{ readonly subsystem: string; readonly config: unknown }> = []
    for (const entry of arrayOf(yield* client.call("framework_get_subsystems"))) {
      assert(isRecord(entry) && typeof entry["subsystem"] === "string")
      const subsystem = entry["subsystem"]
      saved.push({ subsystem, config: yield* client.call("framework_get_config", { name: subsystem, ...params }) })
    }
    return saved
  })

type Saved = Effect.Success<ReturnType<typeof save>>

const callsOf = (saved: Saved): ReadonlyArray<Call> =>
  saved.flatMap(({ config }) => (config === null ? [] : arrayOf(config).flat())).filter(isCall)

/** As `load_config` does it: what may be called, then the start, then the rest. */
const load = (client: RpcClient, saved: Saved) =>
  Effect.gen(function* () {
    let left = callsOf(saved)
    const known = arrayOf(yield* client.call("rpc_get_methods"))
    assert.deepStrictEqual(
      left.map(({ method }) => method).filter((method) => !known.includes(method)),
      []
    )
    while (left.length > 0) {
      const allowed = arrayOf(yield* client.call("rpc_get_methods", { current: true }))
      const now = left.filter(({ method }) => allowed.includes(method))
      for (const { method, params } of now) yield* client.call(method, params)
      left = left.filter((call) => !now.includes(call))
      if (allowed.includes("framework_start_init")) yield* client.call("framework_start_init")
      else if (now.length === 0) break
    }
    assert.deepStrictEqual(left, [])
  })

const uuid = "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"
const disk = (name: string) => ({ name, num_blocks: 2048, block_size: 512 })
const target = (name: string, luns: ReadonlyArray<number>, more = {}) => ({
  name,
  alias_name: "",
  pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
  luns: luns.map((lun_id) => ({ bdev_name: "Null0", lun_id })),
  queue_depth: 64,
  ...more
})

const early: ReadonlyArray<Call> = [
  { method: "iscsi_set_options", params: { node_base: "iqn.2020-01.test", nop_timeout: 90, immediate_data: false } },
  { method: "sock_impl_set_options", params: { impl_name: "uring", tls_version: 13 } },
  { method: "sock_set_default_impl", params: { impl_name: "uring" } },
  { method: "bdev_set_options", params: { bdev_auto_examine: false } },
  { method: "iobuf_set_options", params: { small_pool_count: 9007199254740993n } },
  { method: "accel_assign_opc", params: { opname: "copy", module: "ioat" } },
  { method: "ioat_scan_accel_module" },
  { method: "vmd_enable" },
  { method: "scheduler_set_options", params: { scheduling_core: 0 } },
  { method: "framework_start_init" }
]

const late: ReadonlyArray<Call> = [
  { method: "framework_set_scheduler", params: { name: "dynamic", period: 5000 } },
  { method: "bdev_nvme_set_hotplug", params: { enable: true } },
  { method: "bdev_iscsi_set_options", params: { timeout_sec: 7 } },
  { method: "keyring_file_add_key", params: { name: "k", path: "/k" } },
  { method: "bdev_examine", params: { name: "Malloc0" } },
  { method: "bdev_malloc_create", params: { ...disk("Malloc0"), uuid, optimal_io_boundary: 8 } },
  { method: "bdev_null_create", params: { ...disk("Null0"), physical_block_size: 4096, removable: true } },
  { method: "bdev_error_create", params: { base_name: "Malloc0" } },
  { method: "nbd_start_disk", params: { bdev_name: "Malloc0", nbd_device: "/dev/nbd0" } },
  {
    method: "bdev_delay_create",
    params: {
      ...{ base_bdev_name: "EE_Malloc0", name: "Slow", avg_read_latency: 1, p99_read_latency: 2 },
      ...{ avg_write_latency: 3, p99_write_latency: 4 }
    }
  },
  { method: "iscsi_create_portal_group", params: { tag: 1, portals: [{ host: "127.0.0.1", port: "3260" }] } },
  { method: "iscsi_portal_group_set_auth", params: { tag: 1, require_chap: true, chap_group: 3 } },
  {
    method: "iscsi_create_portal_group",
    params: { tag: 2, portals: [{ host: "127.0.0.1", port: "3261" }], private: true, wait: true }
  },
  {
    method: "iscsi_create_initiator_group",
    params: { tag: 1, initiators: ["!bad", "ANY"], netmasks: ["127.0.0.0/8"] }
  },
  { method: "iscsi_create_target_node", params: target("disk1", [0, 7], { alias_name: "the first" }) },
  { method: "iscsi_create_target_node", params: target("moved", [0], { require_chap: true, header_digest: true }) },
  {
    method: "iscsi_target_node_set_redirect",
    params: {
      name: "iqn.2020-01.test:moved",
      pg_tag: 1,
      redirect_host: "127.0.0.1",
      redirect_port: "3261",
      permanent: true
    }
  },
  { method: "iscsi_create_target_node", params: target("without-0", [0, 1]) },
  { method: "iscsi_target_node_remove_lun", params: { name: "iqn.2020-01.test:without-0", lun_id: 0 } },
  {
    method: "iscsi_create_auth_group",
    params: { tag: 3, secrets: [{ user: "u", secret: "secretsecret1", muser: "m", msecret: "secretsecret2" }] }
  },
  { method: "iscsi_create_auth_group", params: { tag: 4 } },
  { method: "iscsi_set_discovery_auth", params: { require_chap: true, chap_group: 3 } }
]

describe("a saved configuration", () => {
  it.live("loads into an empty target, which saves the same again", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      for (const { method, params } of [...early, ...late]) yield* client.call(method, params)
      const saved = yield* save(client)
      const second = yield* startTarget()
      yield* load(second.client, saved)
      assert.deepEqual(yield* save(second.client), saved)
      const text = JSON.stringify(callsOf(saved), (_, value) => (typeof value === "bigint" ? String(value) : value))
      for (const part of [
        '"wait":true',
        '"require_lun_zero":false',
        "9007199254740993",
        "secretsecret2",
        '"alias_name":""'
      ]) {
        assert.include(text, part)
      }
    })
  )

  it.live("in batches says the same, and loads too", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      for (const { method, params } of [...early, ...late]) yield* client.call(method, params)
      const batches = yield* save(client, { with_batches: true })
      assert.deepEqual(callsOf(batches), callsOf(yield* save(client)))
      const targets = arrayOf(batches.at(-1)?.config).filter(Array.isArray)
      assert.deepEqual(
        targets.map((batch) => batch.map(({ method }) => method)),
        [
          ["iscsi_create_target_node", "iscsi_create_target_node"],
          ["iscsi_create_auth_group", "iscsi_create_auth_group"]
        ]
      )
      const second = yield* startTarget()
      yield* load(second.client, batches)
      assert.deepEqual(yield* save(second.client, { with_batches: true }), batches)
    })
  )

  it.live("leaves out what is on its way out, and says null for subsystems without any", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      yield* client.call("framework_start_init")
      assert.isNull(yield* client.call("framework_get_config", { name: "scsi" }))
      assert.deepEqual(yield* client.call("framework_get_config", { name: "nbd" }), [])
      assert.deepEqual(yield* client.call("framework_get_config", { name: "vmd" }), [])
      yield* client.call("bdev_null_create", disk("Gone"))
      yield* client.call("nbd_start_disk", { bdev_name: "Gone", nbd_device: "/dev/nbd0" })
      yield* client.call("bdev_null_delete", { name: "Gone" })
      assert.notInclude(JSON.stringify(yield* save(client)), "Gone")
    })
  )
})
