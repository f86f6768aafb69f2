/** Methods that change a bdev while it is there. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { RpcClient } from "../../src/rpc/RpcClient.ts"
import { failure, runningTarget } from "./target-support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

/** The one bdev of that name, as `bdev_get_bdevs` shows it. */
const shown = (client: RpcClient, name: string) =>
  Effect.map(client.call("bdev_get_bdevs", { name }), (list) => {
    assert(Array.isArray(list))
    return list[0]
  })

describe("bdev_null_resize", () => {
  live("grows a null bdev and what is on it, is saved, and notifies", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("bdev_null_create", { name: "N", num_blocks: 2048, block_size: 512 })
      yield* client.call("bdev_error_create", { base_name: "N" })
      assert.strictEqual(yield* client.call("bdev_null_resize", { name: "N", new_size: 3 }), true)
      for (const name of ["N", "EE_N"]) {
        assert.deepInclude(yield* shown(client, name), { num_blocks: 6144, block_size: 512 })
      }
      assert.deepStrictEqual(yield* client.call("notify_get_notifications", { id: 2 }), [
        { type: "bdev_resize", ctx: "N", id: 2 },
        { type: "bdev_resize", ctx: "EE_N", id: 3 }
      ])
      assert.include(JSON.stringify(yield* client.call("framework_get_config", { name: "bdev" })), '"num_blocks":6144')
      // The same size is nothing new.
      yield* client.call("bdev_null_resize", { name: "N", new_size: 3 })
      assert.deepStrictEqual(yield* client.call("notify_get_notifications", { id: 4 }), [])
    })
  )

  live("refuses less, other bdevs, and a size that is none", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("bdev_null_create", { name: "N", num_blocks: 4096, block_size: 512 })
      yield* client.call("bdev_malloc_create", { name: "M", num_blocks: 8, block_size: 512 })
      const refused = (params: unknown) => failure(client.call("bdev_null_resize", params))
      const smaller = yield* refused({ name: "N", new_size: 1 })
      assert.deepInclude(smaller, { code: -22, text: "Invalid argument" })
      assert.match(JSON.stringify(smaller.data), /has 2097152 bytes and cannot shrink to 1048576/)
      assert.strictEqual((yield* refused({ name: "M", new_size: 9 })).code, -22)
      assert.deepInclude(yield* refused({ name: "X", new_size: 9 }), { code: -19, text: "No such device" })
      assert.strictEqual((yield* refused({ name: "N", new_size: 2 ** 60 })).code, -22)
      assert.deepInclude(yield* refused({ name: "N" }), { code: -32603, text: "spdk_json_decode_object failed" })
    })
  )
})

describe("bdev_delay_update_latency", () => {
  live("changes one latency, shows and saves it", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("bdev_null_create", { name: "N", num_blocks: 8, block_size: 512 })
      const latencies = { avg_read_latency: 5, p99_read_latency: 6, avg_write_latency: 7, p99_write_latency: 8 }
      yield* client.call("bdev_delay_create", { base_bdev_name: "N", name: "D", ...latencies })
      const update = (latency_type: string, latency_us: number, delay_bdev_name = "D") =>
        client.call("bdev_delay_update_latency", { delay_bdev_name, latency_type, latency_us })
      // As SPDK's own tests do: the average goes above the p99 latency for a moment.
      assert.strictEqual(yield* update("avg_read", 100), true)
      yield* update("p99_read", 200)
      yield* update("avg_write", 1)
      yield* update("p99_write", 2)
      const updated = { avg_read_latency: 100, p99_read_latency: 200, avg_write_latency: 1, p99_write_latency: 2 }
      const { delay } = (yield* shown(client, "D"))["driver_specific"]
      assert.deepInclude(delay, updated)
      const saved = JSON.stringify(yield* client.call("framework_get_config", { name: "bdev" }))
      assert.include(saved, JSON.stringify(updated).slice(1, -1))

      const gone = yield* failure(update("avg_read", 1, "X"))
      assert.deepInclude(gone, { code: -32602, text: "The requested bdev does not exist." })
      const other = yield* failure(update("avg_read", 1, "N"))
      assert.deepInclude(other, { code: -32600, text: "The requested bdev is not a delay bdev." })
      assert.match(JSON.stringify(other.data), /not of kind Delay but Null/)
      assert.strictEqual((yield* failure(update("median", 1))).code, -32603)
      assert.strictEqual((yield* failure(update("avg_read", 2 ** 53))).code, -22)
    })
  )
})

describe("bdev_set_qos_limit", () => {
  live("sets limits, keeps the others, shows and saves them", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("bdev_null_create", { name: "N", num_blocks: 8, block_size: 512 })
      const limits = Effect.map(shown(client, "N"), (bdev) => bdev["assigned_rate_limits"])
      const none = { rw_ios_per_sec: 0, rw_mbytes_per_sec: 0, r_mbytes_per_sec: 0, w_mbytes_per_sec: 0 }
      assert.deepStrictEqual(yield* limits, none)
      assert.strictEqual(yield* client.call("bdev_set_qos_limit", { name: "N", rw_ios_per_sec: 1500 }), true)
      yield* client.call("set_bdev_qos_limit", { name: "N", w_mbytes_per_sec: 3 })
      const set = { ...none, rw_ios_per_sec: 2000, w_mbytes_per_sec: 3 }
      assert.deepStrictEqual(yield* limits, set)
      const saved = JSON.stringify(yield* client.call("framework_get_config", { name: "bdev" }))
      assert.include(saved, JSON.stringify({ method: "bdev_set_qos_limit", params: { name: "N", ...set } }))
      yield* client.call("bdev_set_qos_limit", { name: "N", ...none })
      assert.deepStrictEqual(yield* limits, none)
      const without = JSON.stringify(yield* client.call("framework_get_config", { name: "bdev" }))
      assert.notInclude(without, "bdev_set_qos_limit")
    })
  )

  live("refuses as SPDK does, with the reason", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("bdev_null_create", { name: "N", num_blocks: 8, block_size: 512 })
      const refused = (params: unknown) => failure(client.call("bdev_set_qos_limit", params))
      const none = yield* refused({ name: "N" })
      assert.deepInclude(none, { code: -22, text: "No rate limits specified" })
      assert.match(JSON.stringify(none.data), /name at least one; 0 is no limit/)
      assert.deepInclude(yield* refused({ name: "X" }), { code: -19, text: "No such device" })
      const large = yield* refused({ name: "N", r_mbytes_per_sec: 2 ** 60 })
      assert.deepInclude(large, { code: -32602, text: "Failed to configure rate limit: Invalid argument" })
      assert.match(JSON.stringify(large.data), /use 1 to 1073741824/)
      assert.strictEqual((yield* refused({ name: "N", rw_ios_per_sec: "1000" })).code, -32603)
    })
  )
})
