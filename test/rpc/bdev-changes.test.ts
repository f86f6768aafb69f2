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
