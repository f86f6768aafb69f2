/** Maps with LUNs and rights of their own over RPC: taken, shown only where they say something, saved, and changed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { RpcClient } from "../../src/rpc/RpcClient.ts"
import { failure, runningTarget } from "./target-support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const disk1 = "iqn.2016-06.io.spdk:disk1"
const wide = { pg_tag: 1, ig_tag: 1 }
const narrow = { pg_tag: 1, ig_tag: 2, luns: [1, 0], read_only: true }

/** A target with one map to each of two initiator groups. */
const setUp = Effect.gen(function* () {
  const { client } = yield* runningTarget()
  yield* client.call("iscsi_create_portal_group", { tag: 1, portals: [{ host: "127.0.0.1", port: "3260" }] })
  for (const tag of [1, 2, 3]) {
    yield* client.call("iscsi_create_initiator_group", { tag, initiators: ["ANY"], netmasks: ["ANY"] })
  }
  yield* client.call("bdev_malloc_create", { name: "Malloc0", num_blocks: 8, block_size: 512 })
  const luns = [{ bdev_name: "Malloc0", lun_id: 0 }]
  const target = { name: "disk1", alias_name: "", pg_ig_maps: [wide, narrow], luns, queue_depth: 64 }
  yield* client.call("iscsi_create_target_node", target)
  return client
})

const maps = (client: RpcClient) =>
  Effect.map(client.call("iscsi_get_target_nodes"), (nodes) => {
    assert(Array.isArray(nodes))
    return nodes[0]?.pg_ig_maps
  })

const set = (client: RpcClient, params: object) =>
  client.call("iscsi_target_node_set_map_access", { name: disk1, ...params })

describe("maps", () => {
  live("are taken with what they give, and shown with it where it is not everything", () =>
    Effect.gen(function* () {
      const client = yield* setUp
      const third = { pg_tag: 1, ig_tag: 3, read_only: false }
      yield* client.call("iscsi_target_node_add_pg_ig_maps", { name: disk1, pg_ig_maps: [third] })
      const shown = [wide, { ...narrow, luns: [0, 1] }, { pg_tag: 1, ig_tag: 3 }]
      assert.strictEqual(JSON.stringify(yield* maps(client)), JSON.stringify(shown))
      const saved = JSON.stringify(yield* client.call("framework_get_config", { name: "iscsi" }))
      assert.include(saved, `"pg_ig_maps":${JSON.stringify(shown)}`)
    })
  )

  live("are given something else, and all of it when nothing is named", () =>
    Effect.gen(function* () {
      const client = yield* setUp
      assert.strictEqual(yield* set(client, { ...wide, luns: [7] }), true)
      assert.strictEqual(yield* set(client, { pg_tag: 1, ig_tag: 2 }), true)
      assert.deepStrictEqual(yield* maps(client), [
        { ...wide, luns: [7] },
        { pg_tag: 1, ig_tag: 2 }
      ])
    })
  )

  live("that cannot be are refused as SPDK refuses, with the reason in data", () =>
    Effect.gen(function* () {
      const client = yield* setUp
      for (const [params, reason] of [
        [{ ...wide, luns: [] }, "has an empty list of LUNs"],
        [{ ...wide, luns: [256] }, "names the LUN 256"],
        [{ pg_tag: 1, ig_tag: 9 }, "does not exist"]
      ] as const) {
        const refused = yield* failure(set(client, params))
        assert.deepInclude(refused, { code: -32602, text: "Invalid parameters" })
        assert.include(JSON.stringify(refused.data), reason)
      }
      const removal = { name: disk1, pg_ig_maps: [narrow] }
      const unknown = yield* failure(client.call("iscsi_target_node_remove_pg_ig_maps", removal))
      assert.deepInclude(unknown, { code: -32602, text: "Invalid parameters" })
    })
  )
})
