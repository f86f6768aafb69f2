/** All metrics over RPC, from made-up counters: what they are called, and what is left out where there is too much. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type IoReport, noIo, noMetrics, type SessionStatistics } from "../../../src/domain/Statistics.ts"
import type { RpcClient } from "../../../src/rpc/RpcClient.ts"
import { failure, runningTarget } from "../target-support.ts"
import { readExposition } from "./exposition-parser.ts"

const reads = (ops: number): IoReport => ({
  ...noIo,
  read: { ops, bytes: ops * 512, latencyNanos: ops * 1_000_000 },
  errors: 1
})

const target = 'iqn.2026-01.org.example:"a"'
const noFlushes = { ...reads(4), flush: { ops: 2, bytes: 0, latencyNanos: 0 } }

const session: SessionStatistics = {
  connection: 9,
  tsih: 3,
  initiatorName: "iqn.2026-01.org.example:host\\1",
  initiatorAddress: "192.0.2.7",
  target,
  targetAddress: "192.0.2.1",
  portalGroupTag: 1,
  commands: 12,
  inFlight: 2,
  io: reads(4),
  receivedBytes: 100,
  sentBytes: 200,
  bufferBytes: 0,
  unsentBytes: 7
}

const reactor = {
  index: 1,
  busyMillis: 1500,
  idleMillis: 500,
  lag: { looks: 4, lateMillis: 250, latestMillis: 2 },
  naps: 3,
  connectionCount: 2,
  sessionCount: 1,
  receivedBytes: 1000,
  sentBytes: 2000,
  pdus: 70,
  facts: [
    { type: "SessionOpened", detail: "", count: 5 },
    { type: "LoginRefused", detail: "0202", count: 3 },
    { type: "LoginRefused", detail: "0201", count: 1 },
    { type: "LoginRefused", detail: "0101", count: 2 },
    { type: "SlowIo", detail: "", count: 8 }
  ]
}

const scrape = (client: RpcClient) =>
  Effect.map(client.call("lunlog_get_metrics"), (answer) => {
    const { content_type, text } = Object(answer)
    assert.strictEqual(content_type, "text/plain; version=0.0.4; charset=utf-8")
    const metrics = readExposition(text)
    const all = [...metrics.values()].flatMap(({ series }) => series)
    const value = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
      all.find(
        (one) => one.name === name && Object.entries(labels).every(([label, text]) => one.labels.get(label) === text)
      )?.value
    return { metrics, value }
  })

describe("metrics", () => {
  it.live("are what was counted, in seconds and bytes", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* runningTarget()
      yield* client.call("bdev_null_create", { name: "N0", num_blocks: 8, block_size: 512 })
      yield* failure(client.call("bdev_null_create", { name: "N0", num_blocks: 8, block_size: 512 }))
      const lun = { target, incarnation: 7, bdev: "N0", inFlight: 1, io: noFlushes }
      const latencies = [{ name: "READ" as const, sumMillis: 1500, counts: [1, 0, 2, ...new Array(14).fill(0)] }]
      fake.statistics.metrics = {
        reactors: [reactor],
        targetCount: 101,
        lunCount: 1001,
        sessionCount: 1,
        targets: [{ target, incarnation: 6, io: reads(6), inFlight: 1, lunCount: 2, sessionCount: 1, latencies }],
        luns: [{ ...lun, lun: 0 }],
        sessions: [session]
      }
      const { value } = yield* scrape(client)
      const read = { target, operation: "read" }
      assert.strictEqual(value("lunlog_target_ios_total", read), 6)
      assert.strictEqual(value("lunlog_target_io_bytes_total", read), 3072)
      assert.strictEqual(value("lunlog_target_io_seconds_total", read), 0.006)
      assert.strictEqual(value("lunlog_target_ios_total", { target, operation: "unmap" }), 0)
      assert.strictEqual(value("lunlog_command_duration_seconds_bucket", { command: "READ", le: "0.00005" }), 3)
      assert.strictEqual(value("lunlog_command_duration_seconds_sum", { command: "READ" }), 1.5)
      assert.strictEqual(value("lunlog_lun_info", { target, lun: "0", bdev: "N0" }), 1)
      assert.strictEqual(value("lunlog_lun_ios_total", { lun: "0", operation: "flush" }), 2)
      assert.strictEqual(value("lunlog_session_info", { session: "9", initiator: session.initiatorName }), 1)
      assert.strictEqual(value("lunlog_session_commands_total", { session: "9" }), 12)
      assert.strictEqual(value("lunlog_reactor_loop_seconds_total", { reactor: "1", state: "busy" }), 1.5)
      assert.strictEqual(value("lunlog_pdus_total", { reactor: "1" }), 70)
      assert.strictEqual(value("lunlog_incidents"), 0)
      assert.strictEqual(value("lunlog_logins_total", { outcome: "refused" }), 4)
      assert.strictEqual(value("lunlog_logins_total", { outcome: "redirected" }), 2)
      assert.strictEqual(value("lunlog_login_refusals_total", { status: "0202" }), 3)
      assert.strictEqual(value("lunlog_problems_total", { problem: "slow IO" }), 8)
      const create = { method: "bdev_null_create" }
      assert.strictEqual(value("lunlog_rpc_calls_total", { ...create, outcome: "result" }), 1)
      assert.strictEqual(value("lunlog_rpc_calls_total", { ...create, outcome: "error" }), 1)
      assert.isAbove(value("lunlog_rpc_call_seconds_total", create) ?? 0, 0)
      assert.isAbove(value("lunlog_log_records_total", { kind: "control" }) ?? 0, 0)
      assert.strictEqual(value("lunlog_log_writable"), 1)
      assert.strictEqual(value("lunlog_metrics_left_out", { kind: "luns" }), 1000)
      assert.strictEqual(value("lunlog_metrics_left_out", { kind: "latencies of targets" }), 1)
    })
  )

  it.live("of operations that a LUN has not done are left out, but for reads and writes", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* runningTarget()
      const lun = { target, lun: 0, incarnation: 7, bdev: "N0", inFlight: 0, io: noIo }
      fake.statistics.metrics = { ...noMetrics, lunCount: 1, luns: [lun] }
      const { metrics, value } = yield* scrape(client)
      assert.strictEqual(metrics.get("lunlog_lun_ios_total")?.series.length, 2)
      assert.strictEqual(value("lunlog_lun_ios_total", { operation: "write" }), 0)
    })
  )
})
