/** No parameters, however wrong, are a mistake of ours: every method answers every call, and the log stays whole. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import { rawClient, seeded } from "./support.ts"
import { runningTarget } from "./target-support.ts"

/** The one would end, the other leaves a file. */
const left = new Set(["spdk_kill_instance", "env_dpdk_get_mem_stats"])
const methods = allMethods.filter(({ name }) => !left.has(name))

const names = ["name", "tag", "lun_id", "bdev_name", "base_name", "base_bdev_name", "portals", "initiators", "netmasks"]
const newer = [
  "filename",
  "new_size",
  "r_mbytes_per_sec",
  "rw_ios_per_sec",
  "read_only",
  "borders",
  "min_nsec",
  "period"
]
const more = ["pg_ig_maps", "luns", "queue_depth", "num_blocks", "block_size", "uuid", "io_type", "error_type", "host"]
const rest = ["port", "pg_tag", "ig_tag", "alias_name", "from", "to", "limit", "count", "__proto__", "constructor"]
const logins = ["user", "secret", "muser", "msecret", "secrets", "redirect_host", "redirect_port", "chap_group"]
const disks = ["base_bdev", "split_count", "split_size_mb", "uri", "path", "export", "connections", "tls_ca", "tls_key"]
const devices = ["trtype", "traddr", "enable", "period_us", "file", "create", "direct", "overlay", "dirty_blocks_max"]
const memberNames = [...names, ...more, ...rest, ...logins, ...newer, ...disks, ...devices]

const latencies = ["avg_read_latency", "p99_read_latency", "avg_write_latency", "p99_write_latency"]
const texts = [
  "N0",
  "EE_N0",
  "disk1",
  "ANY",
  "!ANY",
  "127.0.0.1",
  "[::1]",
  "*",
  "3260",
  "70000",
  "",
  "a b",
  "\ud83d\ude00"
]
const long = [
  "x".repeat(300),
  "\u0000",
  "iqn.2016-06.io.spdk:disk1",
  "all",
  "failure",
  "pending",
  "read",
  "clear",
  "1/33",
  `/${"x/".repeat(3000)}`,
  "/a\u0000b",
  "/proc/self/mem",
  "/dev/fd/0",
  "../../etc/shadow",
  "nbd://h:99999/x",
  "nbd+unix:///?socket=",
  "nbds://[::1]:10809/%00",
  "0000:00:00.0",
  "ffff:ff:ff.ff",
  "%s%n"
]
const numbers = ["0", "1", "2", "-1", "512", "4096", "1e3", "0.5", "65536", "4294967295", "9007199254740993", "1e400"]

const pick = <A>(random: () => number, items: ReadonlyArray<A>, otherwise: A): A =>
  items[Math.floor(random() * items.length)] ?? otherwise

/** JSON text of something, seldom what a method wants. */
const anything = (random: () => number, depth: number): string => {
  const kind = random() * (depth === 0 ? 5 : 7)
  if (kind < 2) return JSON.stringify(pick(random, [...texts, ...long], ""))
  if (kind < 4) return pick(random, numbers, "0")
  if (kind < 5) return pick(random, ["true", "false", "null"], "null")
  if (kind < 6)
    return `[${Array.from({ length: Math.floor(random() * 3) }, () => anything(random, depth - 1)).join(",")}]`
  return object(random, depth)
}

const object = (random: () => number, depth: number): string => {
  const count = Math.floor(random() * 6)
  const members = Array.from(
    { length: count },
    () => `"${pick(random, memberNames, "name")}":${anything(random, depth - 1)}`
  )
  return `{${members.join(",")}}`
}

/** Nearly right: what calls of scripts look like, with a value or two replaced. */
const templates: ReadonlyArray<readonly [method: string, params: Readonly<Record<string, string>>]> = [
  ["bdev_null_create", { name: '"N0"', num_blocks: "8", block_size: "512" }],
  ["bdev_malloc_create", { num_blocks: "8", block_size: "512", physical_block_size: "4096" }],
  ["bdev_error_create", { base_name: '"N0"' }],
  ["bdev_delay_create", { base_bdev_name: '"N0"', name: '"D"', ...Object.fromEntries(latencies.map((n) => [n, "1"])) }],
  ["bdev_error_inject_error", { name: '"EE_N0"', io_type: '"read"', error_type: '"failure"', num: "1" }],
  ["bdev_null_delete", { name: '"N0"' }],
  ["bdev_get_bdevs", { name: '"N0"', timeout: "1" }],
  ["iscsi_create_portal_group", { tag: "1", portals: '[{"host":"127.0.0.1","port":"3260"}]' }],
  ["iscsi_delete_portal_group", { tag: "1" }],
  ["iscsi_create_initiator_group", { tag: "1", initiators: '["ANY"]', netmasks: '["ANY"]' }],
  ["iscsi_initiator_group_add_initiators", { tag: "1", initiators: '["iqn.2000-01.a:b"]' }],
  ["iscsi_initiator_group_remove_initiators", { tag: "1", netmasks: '["ANY"]' }],
  [
    "iscsi_create_target_node",
    {
      name: '"disk1"',
      alias_name: '""',
      pg_ig_maps: '[{"pg_tag":1,"ig_tag":1}]',
      luns: '[{"bdev_name":"N0","lun_id":0}]',
      queue_depth: "64"
    }
  ],
  ["iscsi_target_node_add_lun", { name: '"iqn.2016-06.io.spdk:disk1"', bdev_name: '"N0"', lun_id: "3" }],
  ["iscsi_target_node_remove_lun", { name: '"iqn.2016-06.io.spdk:disk1"', lun_id: "3" }],
  ["iscsi_target_node_remove_pg_ig_maps", { name: '"disk1"', pg_ig_maps: '[{"pg_tag":1,"ig_tag":1}]' }],
  ["iscsi_delete_target_node", { name: '"iqn.2016-06.io.spdk:disk1"' }],
  ["eventlog_read", { from: "1", limit: "3" }],
  ["bdev_get_iostat", { names: '["N0"]', per_channel: "true", reset_mode: '"maxmin"' }],
  ["bdev_enable_histogram", { name: '"N0"', enable: "true", opc: '"read"', granularity: "3", min_nsec: "1" }],
  ["bdev_get_histogram_borders", { name: '"N0"', borders: "[1,10,100]" }],
  ["bdev_reset_iostat", { name: '"N0"', mode: '"error"' }],
  ["bdev_set_qos_limit", { name: '"N0"', rw_ios_per_sec: "1000", rw_mbytes_per_sec: "0", w_mbytes_per_sec: "1" }],
  ["bdev_null_resize", { name: '"N0"', new_size: "64" }],
  ["bdev_delay_update_latency", { delay_bdev_name: '"D"', latency_type: '"p99_read"', latency_us: "7" }],
  [
    "bdev_aio_create",
    { name: '"A0"', filename: '"disk.img"', block_size: "512", readonly: "false", fallocate: "true" }
  ],
  ["bdev_aio_rescan", { name: '"A0"' }],
  ["bdev_aio_delete", { name: '"A0"' }],
  [
    "iscsi_target_node_set_map_access",
    { name: '"iqn.2016-06.io.spdk:disk1"', pg_tag: "1", ig_tag: "1", luns: "[0,63]", read_only: "true" }
  ],
  ["bdev_passthru_create", { base_bdev_name: '"N0"', name: '"P0"' }],
  ["bdev_passthru_delete", { name: '"P0"' }],
  ["bdev_split_create", { base_bdev: '"N0"', split_count: "2", split_size_mb: "0" }],
  ["bdev_split_delete", { base_bdev: '"N0"' }],
  ["bdev_nbd_create", { name: '"B0"', host: '"127.0.0.1"', port: "10809", export: '"x"', connections: "2" }],
  ["bdev_nbd_create", { name: '"B0"', uri: '"nbds://h/x"', tls_ca: '"/ca"', tls_cert: '"/c"', tls_key: '"/k"' }],
  ["bdev_nbd_delete", { name: '"B0"' }],
  ["bdev_nvme_attach_controller", { name: '"Nvme0"', trtype: '"PCIe"', traddr: '"0000:00:04.0"' }],
  ["bdev_nvme_set_hotplug", { enable: "true", period_us: "100000" }],
  ["bdev_nvme_detach_controller", { name: '"Nvme0"' }],
  ["bdev_set_qd_sampling_period", { name: '"N0"', period: "1000" }],
  ["iscsi_enable_histogram", { name: '"iqn.2016-06.io.spdk:disk1"', enable: "true" }]
]

const nearlyRight = (random: () => number): readonly [method: string, params: string] => {
  const [method, params] = pick(random, templates, ["bdev_get_bdevs", {}])
  const members = Object.entries(params).flatMap(([name, value]) => {
    if (random() < 0.04) return []
    // A bdev that never comes would be waited for.
    const isReplaced = random() < 0.12 && name !== "timeout"
    return [`"${name}":${isReplaced ? anything(random, 2) : value}`]
  })
  if (random() < 0.04) members.push(`"${pick(random, memberNames, "tag")}":${anything(random, 1)}`)
  return [method, `{${members.join(",")}}`]
}

const foreign = (random: () => number): readonly [method: string, params: string] => {
  const method = methods[Math.floor(random() * methods.length)]?.name ?? ""
  return [method, anything(random, 3)]
}

it.live("every method answers every call", () =>
  Effect.gen(function* () {
    const { client, socketPath } = yield* runningTarget()
    const random = seeded(20260101)
    const raw = yield* rawClient(socketPath)
    const count = 3000
    for (let id = 0; id < count; id++) {
      const [method, params] = random() < 0.8 ? nearlyRight(random) : foreign(random)
      raw.socket.write(`{"id":${id},"method":"${method}","params":${params}}`)
      if (id % 50 === 49) yield* Effect.promise(() => raw.answersUpTo(id + 1))
    }
    const answers = raw.answers
    assert.deepStrictEqual(
      answers.filter((answer) => answer.includes("lunlog made a mistake")),
      []
    )
    assert.strictEqual(answers.length, count)
    for (const answer of answers.filter((text) => text.includes(',"error":{"code":')))
      assert.include(answer, '"data":{"reason":')
    assert.isAbove(answers.filter((answer) => answer.includes(',"result":')).length, count / 10, "too little succeeds")
    assert.deepInclude(yield* client.call("eventlog_verify"), { clean: true })
  })
)
