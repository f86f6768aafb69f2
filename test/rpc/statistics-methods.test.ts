/** Statistics and histograms over RPC: their shapes are SPDK's, their refusals say why. */
import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { RpcClient } from "../../src/rpc/RpcClient.ts"
import { runningTarget } from "./target-support.ts"

const totals = { ops: 2, bytes: 1024, latencyNanos: 30, latencyMaxNanos: 20, latencyMinNanos: 10 }

/** What was recorded from SPDK: keys and their order. */
const recorded = (name: string): unknown => {
  const lines = fs.readFileSync(new URL("./fixtures/spdk-26.05.jsonl", import.meta.url), "utf8").split("\n")
  const line = lines.find((text) => text.includes(`"name":"${name}"`)) ?? "{}"
  const record: { readonly response?: { readonly result?: unknown } } = JSON.parse(line)
  return record.response?.result
}

const setUp = Effect.gen(function* () {
  const { client, fake } = yield* runningTarget()
  for (const name of ["N0", "N1"]) yield* client.call("bdev_null_create", { name, num_blocks: 8, block_size: 512 })
  return { client, fake: fake.statistics }
})

const refusalOf = (client: RpcClient, method: string, params: unknown) =>
  Effect.map(Effect.flip(client.call(method, params)), (error) => [
    error._tag === "CallFailed" ? error.code : 0,
    error._tag === "CallFailed" ? error.text : error.message
  ])

const keysOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.slice(0, 1).map(keysOf)
  if (typeof value !== "object" || value === null) return typeof value
  return Object.entries(value).map(([name, member]: [string, unknown]) => [name, keysOf(member)])
}

describe("bdev_get_iostat", () => {
  it.live("has SPDK's members in SPDK's order", () =>
    Effect.gen(function* () {
      const { client } = yield* setUp
      const answer = yield* client.call("bdev_get_iostat", { names: ["N0"] })
      assert.deepStrictEqual(keysOf(answer), keysOf(recorded("bdev_get_iostat.names")))
      yield* client.call("bdev_set_qd_sampling_period", { name: "N0", period: 1000 })
      const sampled = yield* client.call("bdev_get_iostat", { name: "N0" })
      assert.deepStrictEqual(keysOf(sampled), keysOf(recorded("bdev_get_iostat.qd")))
      assert.deepStrictEqual(
        keysOf(yield* client.call("bdev_get_iostat", { name: "N0", per_channel: true })),
        keysOf(recorded("bdev_get_iostat.per_channel"))
      )
    })
  )

  it.live("gives what is counted, by UUID too, and errors by SPDK's names", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* setUp
      const io = { read: totals, write: totals, unmap: totals, flush: totals }
      const errors = { failed: 3, aborted: 0, noMemory: 1 }
      fake.bdev = { io: { ...io, errors }, isInUse: true, queue: undefined }
      const [bdev] = Object(yield* client.call("bdev_get_bdevs", { name: "N1" }))
      const answer = Object(yield* client.call("bdev_get_iostat", { name: bdev.uuid }))
      assert.deepInclude(answer, { tick_rate: 1_000_000_000, ticks: 7 })
      assert.deepInclude(answer.bdevs[0], {
        name: "N1",
        bytes_read: 1024,
        num_write_ops: 2,
        read_latency_ticks: 30,
        max_unmap_latency_ticks: 20,
        min_write_latency_ticks: 10,
        num_copy_ops: 0,
        io_error: { nomem: 1, failed: 3 }
      })
      const channels = Object(yield* client.call("bdev_get_iostat", { names: ["N1"], per_channel: true }))
      assert.strictEqual(channels.name, "N1")
      assert.deepInclude(channels.channels[0], { thread_id: 2, num_read_ops: 2 })
      assert.notProperty(channels.channels[0], "io_error")
    })
  )

  it.live("resets what is asked for, of all bdevs or of those that are named", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* setUp
      yield* client.call("bdev_get_iostat", { reset_mode: "maxmin" })
      yield* client.call("bdev_get_iostat", { names: ["N1"], reset_mode: "error" })
      yield* client.call("bdev_reset_iostat")
      yield* client.call("bdev_reset_iostat", { name: "N0", mode: "none" })
      yield* client.call("bdev_reset_iostat", { name: "N0" })
      assert.deepStrictEqual(fake.resets, ["N0 maxmin", "N1 maxmin", "N1 error", "N0 all", "N1 all", "N0 all"])
    })
  )

  it.live("is refused as by SPDK", () =>
    Effect.gen(function* () {
      const { client } = yield* setUp
      const refused = (params: unknown) => refusalOf(client, "bdev_get_iostat", params)
      const invalid = [-22, "Invalid argument"]
      assert.deepStrictEqual(yield* refused({ per_channel: true }), invalid)
      assert.deepStrictEqual(yield* refused({ names: ["N0", "N1"], per_channel: true }), invalid)
      assert.deepStrictEqual(yield* refused({ names: ["N0"], name: "N1" }), invalid)
      assert.deepStrictEqual(yield* refused({ names: ["N0", "N9"] }), [-19, "No such device"])
      assert.deepStrictEqual(yield* refused({ names: "N0" }), [-32603, "spdk_json_decode_object failed"])
    })
  )
})

describe("histograms of bdevs", () => {
  it.live("are given as little-endian 64-bit counts in base64", () =>
    Effect.gen(function* () {
      const { client } = yield* setUp
      yield* client.call("bdev_enable_histogram", { name: "N0", enable: true, granularity: 3 })
      const { histogram, ...rest } = Object(yield* client.call("bdev_get_histogram", { name: "N0" }))
      assert.deepStrictEqual(rest, { granularity: 3, min_range: 1, max_range: 2, tsc_rate: 1_000_000_000 })
      const bytes = Buffer.from(histogram, "base64")
      assert.deepStrictEqual(
        [0, 1, 2, 3].map((index) => bytes.readBigUInt64LE(index * 8)),
        [0n, 3n, 0n, 258n]
      )
      assert.deepStrictEqual(yield* client.call("bdev_get_histogram_borders", { name: "N0", borders: [1, 20] }), {
        borders_count: [1000, 20_000, 0]
      })
      yield* client.call("bdev_enable_histogram", { name: "N1", enable: true, opc: "write" })
      const saved = Effect.map(client.call("framework_get_config", { name: "bdev" }), (calls) =>
        [...JSON.stringify(calls).matchAll(/"bdev_enable_histogram","params":(\{[^}]*\})/gu)].map(
          ([, params]) => params
        )
      )
      assert.deepStrictEqual(yield* saved, [
        '{"name":"N0","enable":true,"granularity":3}',
        '{"name":"N1","enable":true,"opc":"write"}'
      ])
      yield* client.call("bdev_enable_histogram", { name: "N0", enable: false })
      assert.strictEqual((yield* saved).length, 1)
      assert.deepStrictEqual(yield* refusalOf(client, "bdev_get_histogram", { name: "N0" }), [
        -12,
        "Cannot allocate memory"
      ])
    })
  )

  it.live("of any type of IO that SPDK knows can be asked for, within limits", () =>
    Effect.gen(function* () {
      const { client } = yield* setUp
      const call = { name: "N0", enable: true }
      for (const opc of ["read", "write_zeroes", "copy"]) {
        assert.isTrue(yield* client.call("bdev_enable_histogram", { ...call, opc }))
      }
      assert.isTrue(yield* client.call("bdev_enable_histogram", { ...call, max_nsec: 2n ** 64n - 1n, granularity: 13 }))
      const refused = (params: object) => refusalOf(client, "bdev_enable_histogram", { ...call, ...params })
      assert.deepStrictEqual(yield* refused({ opc: "reed" }), [-32603, "Invalid Io type"])
      assert.deepStrictEqual(yield* refused({ granularity: 14 }), [-22, "Invalid argument"])
      assert.deepStrictEqual(yield* refused({ min_nsec: 5, max_nsec: 5 }), [-22, "Invalid argument"])
      assert.deepStrictEqual(yield* refused({ name: "N9" }), [-19, "No such device"])
      const borders = (list: ReadonlyArray<number>) =>
        refusalOf(client, "bdev_get_histogram_borders", { name: "N0", borders: list })
      assert.deepStrictEqual(yield* borders([2, 1]), [-22, "Invalid argument"])
      assert.deepStrictEqual(yield* borders(Array.from({ length: 257 }, (_, index) => index)), [
        -32603,
        "spdk_json_decode_object failed"
      ])
    })
  )
})

describe("histograms of targets", () => {
  const name = "iqn.2016-06.io.spdk:disk1"

  const withTarget = Effect.gen(function* () {
    const { client, fake } = yield* setUp
    yield* client.call("iscsi_create_portal_group", { tag: 1, portals: [{ host: "127.0.0.1", port: "3260" }] })
    yield* client.call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] })
    yield* client.call("iscsi_create_target_node", {
      name: "disk1",
      alias_name: "",
      pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
      luns: [{ bdev_name: "N0", lun_id: 0 }],
      queue_depth: 64
    })
    return { client, fake }
  })

  it.live("are enabled by an event, which is saved", () =>
    Effect.gen(function* () {
      const { client } = yield* withTarget
      const saved = Effect.map(client.call("framework_get_config", { name: "iscsi" }), (calls) =>
        JSON.stringify(calls).includes(`{"method":"iscsi_enable_histogram","params":{"name":"${name}","enable":true}}`)
      )
      assert.isFalse(yield* saved)
      for (let round = 0; round < 2; round++) {
        assert.isTrue(yield* client.call("iscsi_enable_histogram", { name, enable: true }))
      }
      assert.isTrue(yield* saved)
      const { records } = Object(yield* client.call("eventlog_read", { from: 1 }))
      const types: ReadonlyArray<unknown> = records.map(({ type }: { readonly type: string }) => type)
      assert.strictEqual(types.filter((type) => type === "TargetNodeHistogramSet").length, 1)
      assert.isTrue(yield* client.call("iscsi_enable_histogram", { name, enable: false }))
      assert.isFalse(yield* saved)
    })
  )

  it.live("are given, or refused as by SPDK", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* withTarget
      const get = (target: string) => refusalOf(client, "iscsi_get_histogram", { name: target })
      assert.deepStrictEqual(yield* get(name), [-32602, "target's histogram function is not enabled"])
      assert.deepStrictEqual(yield* get("iqn.none"), [-32602, "target not found"])
      assert.deepStrictEqual(yield* refusalOf(client, "iscsi_enable_histogram", { name: "iqn.none", enable: true }), [
        -32602,
        "Invalid parameters"
      ])
      assert.deepStrictEqual(yield* refusalOf(client, "iscsi_enable_histogram", { name }), [
        -32603,
        "spdk_json_decode_object failed"
      ])
      fake.targetHistograms.set(name, { granularity: 1, minRange: 0, maxRange: 0, buckets: new Float64Array([1, 0]) })
      const expected = { histogram: "AQAAAAAAAAAAAAAAAAAAAA==", granularity: 1, min_range: 0, max_range: 0 }
      assert.deepInclude(yield* client.call("iscsi_get_histogram", { name }), expected)
    })
  )
})
