/** The methods over the real control plane: the guide's sequence, removals, states, names, reasons of failures. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { InitializationFailed } from "../../src/rpc/Instance.ts"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import { connect, type RpcClient } from "../../src/rpc/RpcClient.ts"
import { foreignHost } from "./fake-data-plane.ts"
import { rawClient } from "./support.ts"
import { failure, runningTarget, startTarget } from "./target-support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const disk1 = "iqn.2016-06.io.spdk:disk1"

/** The example of SPDK's iSCSI guide. */
const guide = (client: RpcClient) =>
  Effect.gen(function* () {
    const portals = [{ host: "127.0.0.1", port: "3260" }]
    yield* client.call("iscsi_create_portal_group", { tag: 1, portals, private: false, wait: false })
    yield* client.call("iscsi_create_initiator_group", { tag: 2, initiators: ["ANY"], netmasks: ["127.0.0.0/8"] })
    for (const name of ["Malloc0", "Malloc1"]) {
      yield* client.call("bdev_malloc_create", { name, num_blocks: 131072, block_size: 512 })
    }
    yield* client.call("iscsi_create_target_node", {
      name: "disk1",
      alias_name: "Data Disk1",
      pg_ig_maps: [{ pg_tag: 1, ig_tag: 2 }],
      luns: [
        { bdev_name: "Malloc0", lun_id: 0 },
        { bdev_name: "Malloc1", lun_id: 1 }
      ],
      queue_depth: 64,
      disable_chap: true
    })
  })

const names = (list: unknown): ReadonlyArray<unknown> => {
  assert(Array.isArray(list))
  return list.map((item: { readonly name: unknown }) => item.name)
}

describe("methods", () => {
  live("carry out the guide's example and show it as SPDK does", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* runningTarget()
      yield* guide(client)
      assert.deepStrictEqual(yield* client.call("iscsi_get_target_nodes"), [
        {
          name: disk1,
          alias_name: "Data Disk1",
          pg_ig_maps: [{ pg_tag: 1, ig_tag: 2 }],
          luns: [
            { bdev_name: "Malloc0", lun_id: 0 },
            { bdev_name: "Malloc1", lun_id: 1 }
          ],
          queue_depth: 64,
          disable_chap: true,
          require_chap: false,
          mutual_chap: false,
          chap_group: 0,
          header_digest: false,
          data_digest: false
        }
      ])
      assert.deepStrictEqual(yield* client.call("scsi_get_devices"), [{ id: 0, device_name: disk1 }])
      assert.deepStrictEqual(names(yield* client.call("bdev_get_bdevs")), ["Malloc0", "Malloc1"])
      assert.strictEqual(fake.leasesHeld, 3)
    })
  )

  live("answer a bdev's delete only when its LUN has drained, and hide both meanwhile", () =>
    Effect.gen(function* () {
      const { client, fake, socketPath } = yield* runningTarget()
      yield* guide(client)
      fake.drainGate = yield* Deferred.make<void>()
      const other = yield* connect(socketPath)
      const deleting = yield* Effect.forkChild(client.call("bdev_malloc_delete", { name: "Malloc1" }))
      yield* Effect.repeat(other.call("bdev_get_bdevs"), { until: (list) => names(list).length === 1 })
      assert.deepInclude(yield* other.call("iscsi_get_target_nodes"), {
        ...(yield* firstTarget(other)),
        luns: [{ bdev_name: "Malloc0", lun_id: 0 }]
      })
      const again = yield* failure(
        other.call("bdev_malloc_create", { name: "Malloc1", num_blocks: 8, block_size: 512 })
      )
      assert.strictEqual(again.code, -16)
      assert.deepInclude(again.data, { object: 'bdev "Malloc1"', heldBy: [`LUN 1 of ${disk1}`] })
      assert.isUndefined(deleting.pollUnsafe())
      yield* Deferred.succeed(fake.drainGate, undefined)
      assert.strictEqual(yield* Fiber.join(deleting), true)
      yield* other.call("bdev_malloc_create", { name: "Malloc1", num_blocks: 8, block_size: 512 })
    })
  )

  live("take a LUN out of a target and leave its bdev", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* guide(client)
      assert.strictEqual(yield* client.call("iscsi_target_node_remove_lun", { name: disk1, lun_id: 1 }), true)
      assert.deepInclude(yield* firstTarget(client), { luns: [{ bdev_name: "Malloc0", lun_id: 0 }] })
      assert.deepStrictEqual(names(yield* client.call("bdev_get_bdevs")), ["Malloc0", "Malloc1"])
      const gone = yield* failure(client.call("iscsi_target_node_remove_lun", { name: disk1, lun_id: 1 }))
      assert.deepInclude(gone, { code: -19, text: "No such device" })
      yield* client.call("iscsi_target_node_add_lun", { name: disk1, bdev_name: "Malloc1" })
      assert.deepInclude(yield* firstTarget(client), {
        luns: [
          { bdev_name: "Malloc0", lun_id: 0 },
          { bdev_name: "Malloc1", lun_id: 1 }
        ]
      })
    })
  )

  live("say when a removal has not ended in time, and let it go on", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* runningTarget({ info: { removalDeadlineMillis: 200, removalMarginMillis: 50 } })
      yield* guide(client)
      fake.drainGate = yield* Deferred.make<void>()
      const late = yield* failure(client.call("iscsi_target_node_remove_lun", { name: disk1, lun_id: 1 }))
      assert.deepInclude(late, { code: -110, text: "Connection timed out" })
      yield* Deferred.succeed(fake.drainGate, undefined)
      yield* Effect.repeat(firstTarget(client), {
        until: (target) => JSON.stringify(target).includes('"lun_id":1') === false
      })
    })
  )

  live("delete a target once, then not know it", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* guide(client)
      assert.strictEqual(yield* client.call("iscsi_delete_target_node", { name: disk1.toUpperCase() }), true)
      assert.deepStrictEqual(yield* client.call("iscsi_get_target_nodes"), [])
      const again = yield* failure(client.call("iscsi_delete_target_node", { name: disk1 }))
      assert.deepInclude(again, { code: -2, text: "No such file or directory" })
      assert.deepStrictEqual(names(yield* client.call("bdev_get_bdevs")), ["Malloc0", "Malloc1"])
    })
  )

  live("change maps and groups of a target that exists", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* guide(client)
      yield* client.call("iscsi_create_initiator_group", { tag: 3, initiators: ["ANY"], netmasks: ["ANY"] })
      const map = { name: disk1, pg_ig_maps: [{ pg_tag: 1, ig_tag: 3 }] }
      yield* client.call("iscsi_target_node_add_pg_ig_maps", map)
      assert.deepNestedInclude(yield* firstTarget(client), { "pg_ig_maps[1]": { pg_tag: 1, ig_tag: 3 } })
      yield* client.call("iscsi_target_node_remove_pg_ig_maps", map)
      assert.deepInclude(yield* firstTarget(client), { pg_ig_maps: [{ pg_tag: 1, ig_tag: 2 }] })
      yield* client.call("iscsi_delete_portal_group", { tag: 1 })
      assert.deepInclude(yield* firstTarget(client), { pg_ig_maps: [] })
    })
  )

  live("leave nothing behind of a create that fails, and name the object, the reason and the way out", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* runningTarget()
      const portal = yield* failure(
        client.call("iscsi_create_portal_group", { tag: 1, portals: [{ host: foreignHost, port: "3260" }] })
      )
      assert.deepInclude(portal, { code: -32602, text: "Invalid parameters" })
      assert.deepInclude(portal.data, { object: `portal ${foreignHost}:3260` })
      assert.include(JSON.stringify(portal.data), "EADDRNOTAVAIL")
      const large = yield* failure(client.call("bdev_malloc_create", { num_blocks: 2 ** 40, block_size: 512 }))
      assert.deepInclude(large, { code: -12, text: "Cannot allocate memory" })
      const target = yield* failure(
        client.call("iscsi_create_target_node", {
          name: "disk1",
          alias_name: "",
          pg_ig_maps: [],
          luns: [],
          queue_depth: 64
        })
      )
      assert.deepStrictEqual(target.data, {
        reason: `target ${disk1} would have no LUN 0; give one of the bdevs the LUN id 0`,
        object: `target ${disk1}`,
        hint: "give one of the bdevs the LUN id 0"
      })
      assert.strictEqual(fake.leasesHeld, 0)
      assert.deepStrictEqual(yield* client.call("iscsi_get_portal_groups"), [])
      assert.deepStrictEqual(yield* client.call("bdev_get_bdevs"), [])
    })
  )

  live("take SPDK's other parameters with their defaults and refuse what would not be done", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      const base = { name: "M", num_blocks: 8, block_size: 512 }
      const defaults = { md_size: 0, md_interleave: false, dif_type: 0, dif_is_head_of_md: false, dif_pi_format: 0 }
      const refused = yield* failure(client.call("bdev_malloc_create", { ...base, md_size: 8 }))
      assert.deepInclude(refused, { code: -22, text: "Invalid argument" })
      assert.deepInclude(refused.data, { object: "md_size", allowed: "0 or false" })
      assert.strictEqual(yield* client.call("bdev_malloc_create", { ...base, ...defaults, numa_id: -1 }), "M")
      yield* failure(client.call("bdev_null_create", { ...base, name: "N", optimal_write_size: 8 }))
      assert.strictEqual(yield* client.call("bdev_null_create", { ...base, name: "N", optimal_write_size: 0 }), "N")
    })
  )

  live("stack delay and error bdevs, inject errors, and take the stack away with its base", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* runningTarget()
      yield* client.call("bdev_malloc_create", { name: "M", num_blocks: 8, block_size: 4096 })
      const latencies = { avg_read_latency: 5, p99_read_latency: 6, avg_write_latency: 7, p99_write_latency: 8 }
      const delayed = client.call("bdev_delay_create", { base_bdev_name: "M", name: "D", ...latencies })
      assert.strictEqual(yield* delayed, "D")
      assert.strictEqual(yield* client.call("bdev_error_create", { base_name: "D" }), true)
      const [delay] = yield* bdevs(client, "D")
      assert.deepNestedInclude(delay, {
        product_name: "delay",
        block_size: 4096,
        num_blocks: 8,
        driver_specific: { delay: { name: "D", base_bdev_name: "M", ...latencies } }
      })
      const [errors] = yield* bdevs(client, "EE_D")
      assert.deepNestedInclude(errors, {
        product_name: "Error Injection Disk",
        driver_specific: { error_disk: { base_bdev: "D" } }
      })
      const inject = { name: "EE_D", io_type: "write", error_type: "pending" }
      yield* client.call("bdev_error_inject_error", { ...inject, num: 3 })
      yield* client.call("bdev_error_resume_pending", { name: "EE_D" })
      const nvme = yield* failure(client.call("bdev_error_inject_error", { ...inject, error_type: "nvme_failure" }))
      assert.deepInclude(nvme, {
        code: -22,
        text: "nvme_sct or nvme_sc should be specified for NVMe error injection"
      })
      const zero = yield* failure(client.call("bdev_error_inject_error", { ...inject, error_type: "corrupt_data" }))
      assert.strictEqual(zero.code, -22)
      const wrong = yield* failure(client.call("bdev_error_inject_error", { ...inject, name: "M" }))
      assert.strictEqual(wrong.code, -19)
      assert.deepStrictEqual(fake.injections, ["EE_D write pending 3", "EE_D resume"])
      yield* client.call("bdev_malloc_delete", { name: "M" })
      assert.deepStrictEqual(yield* client.call("bdev_get_bdevs"), [])
    })
  )

  live("wait for a bdev to appear", () =>
    Effect.gen(function* () {
      const { client, socketPath } = yield* runningTarget()
      const other = yield* connect(socketPath)
      const waiting = yield* Effect.forkChild(client.call("bdev_get_bdevs", { name: "Late", timeout: 30_000 }))
      yield* other.call("bdev_null_create", { name: "Late", num_blocks: 8, block_size: 512 })
      assert.deepStrictEqual(names(yield* Fiber.join(waiting)), ["Late"])
    })
  )

  live("show connections in SPDK's words", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget({ connected: true })
      assert.deepStrictEqual(yield* client.call("iscsi_get_connections"), [
        {
          id: 0,
          cid: 0,
          tsih: 3,
          state: "running",
          login_phase: "full_feature_phase",
          initiator_addr: "127.0.0.9",
          target_addr: "127.0.0.1",
          target_node_name: "disk1",
          thread_name: "reactor_0"
        }
      ])
      const counts = { invalid: 0, running: 1, exiting: 0, exited: 0 }
      assert.deepStrictEqual(yield* client.call("iscsi_get_stats"), counts)
    })
  )
})

const bdevs = (client: RpcClient, name: string) =>
  Effect.map(client.call("bdev_get_bdevs", { name }), (list): ReadonlyArray<unknown> => {
    assert(Array.isArray(list))
    return list
  })

const firstTarget = (client: RpcClient) =>
  Effect.map(client.call("iscsi_get_target_nodes"), (list): object => {
    assert(Array.isArray(list) && typeof list[0] === "object")
    return list[0]
  })

const methodNames = (client: RpcClient, params?: unknown) =>
  Effect.map(client.call("rpc_get_methods", params), (list): ReadonlyArray<unknown> => {
    assert(Array.isArray(list))
    return list
  })

describe("the start", () => {
  live("lists what may be called now, by new names and by old", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      assert.deepStrictEqual([...(yield* methodNames(client))].sort(), allMethods.map(({ name }) => name).sort())
      const early = yield* methodNames(client, { current: true })
      assert.include(early, "iscsi_set_options")
      assert.notInclude(early, "bdev_malloc_create")
      yield* client.call("framework_start_init")
      const later = yield* methodNames(client, { current: true, include_aliases: true })
      assert.notInclude(later, "iscsi_set_options")
      assert.includeMembers([...later], ["bdev_malloc_create", "construct_malloc_bdev"])
    })
  )

  live("keeps options that were set before it, for targets that come after it", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget()
      const outOfRange = yield* failure(client.call("iscsi_set_options", { max_queue_depth: 1000 }))
      assert.deepInclude(outOfRange.data, { object: "option maxQueueDepth", hint: "use 1 to 256" })
      yield* client.call("iscsi_set_options", { max_queue_depth: 16, node_base: "iqn.2026-01.org.example" })
      yield* client.call("framework_start_init")
      yield* guide(client)
      const expected = { name: "iqn.2026-01.org.example:disk1", queue_depth: 16 }
      assert.deepInclude(yield* firstTarget(client), expected)
    })
  )

  live("lets framework_wait_init wait while the same client starts it", () =>
    Effect.gen(function* () {
      const { client, socketPath } = yield* startTarget()
      const waiting = yield* Effect.forkChild(client.call("framework_wait_init"), { startImmediately: true })
      yield* (yield* connect(socketPath)).call("framework_start_init")
      assert.strictEqual(yield* Fiber.join(waiting), true)
    })
  )

  live("takes the wait and the start in one batch, and pipelined", () =>
    Effect.gen(function* () {
      const both = ["framework_wait_init", "framework_start_init"].map((method, id) => ({ id, method }))
      const batched = yield* rawClient((yield* startTarget()).socketPath)
      batched.socket.write(JSON.stringify(both))
      const done = (id: number) => `{"jsonrpc":"2.0","id":${id},"result":true}`
      assert.deepStrictEqual(yield* Effect.promise(() => batched.answersUpTo(1)), [`[${done(0)},${done(1)}]`])
      const pipelined = yield* rawClient((yield* startTarget()).socketPath)
      pipelined.socket.write(both.map((request) => JSON.stringify(request)).join(""))
      assert.deepStrictEqual(yield* Effect.promise(() => pipelined.answersUpTo(2)), [done(0), done(1)])
    })
  )

  live("says why it failed and ends the process", () =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const bringUp = Effect.fail(new InitializationFailed({ detail: "no portal could be opened" }))
      const shutdown = (reason: string) => Effect.sync(() => void reasons.push(reason))
      const { client } = yield* startTarget({ bringUp, shutdown })
      const failed = yield* failure(client.call("framework_start_init"))
      assert.deepInclude(failed, { code: -32603, text: "framework_initialization failed" })
      assert.deepStrictEqual(reasons, ["the target could not be brought up: no portal could be opened"])
      const refused = yield* failure(client.call("bdev_get_bdevs"))
      assert.strictEqual(refused.code, -1)
    })
  )

  live("ends in order when it is told to by a signal's name, and refuses the debugger's", () =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const shutdown = (reason: string) => Effect.sync(() => void reasons.push(reason))
      const { client } = yield* runningTarget({ shutdown })
      assert.strictEqual(yield* client.call("spdk_kill_instance", { sig_name: "SIGTERM" }), true)
      assert.deepStrictEqual(reasons, ["spdk_kill_instance SIGTERM"])
      assert.strictEqual((yield* failure(client.call("spdk_kill_instance", { sig_name: "SIGUSR1" }))).code, -22)
      assert.strictEqual((yield* failure(client.call("spdk_kill_instance", { sig_name: "15" }))).code, -32602)
    })
  )

  live("answers only what --rpcs-allowed lists", () =>
    Effect.gen(function* () {
      const { client } = yield* startTarget({ allowed: new Set(["rpc_get_methods", "framework_start_init"]) })
      assert.deepStrictEqual(yield* methodNames(client), ["rpc_get_methods", "framework_start_init"])
      const refused = yield* failure(client.call("spdk_get_version"))
      assert.deepInclude(refused, { code: -32601, text: "Method not found" })
    })
  )

  live("understands the names before v19.10", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      const created = client.call("construct_malloc_bdev", { num_blocks: 8, block_size: 512 })
      assert.strictEqual(yield* created, "Malloc0")
      assert.strictEqual(yield* client.call("delete_malloc_bdev", { name: "Malloc0" }), true)
    })
  )
})
