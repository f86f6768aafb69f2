/** The history of metrics: bounded, merged without losing anything, and over RPC. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { MemoryEventLog } from "../../../eventlog/MemoryEventLog.ts"
import { ControlPlane } from "../../../src/domain/ControlPlane.ts"
import { type IoReport, noIo, noLoad } from "../../../src/domain/Statistics.ts"
import { MetricsHistory } from "../../../src/rpc/metrics/MetricsHistory.ts"
import type { MetricsSample } from "../../../src/rpc/metrics/MetricsSample.ts"
import { SampleTiers } from "../../../src/rpc/metrics/SampleTiers.ts"
import { fakeDataPlane, newFake } from "../fake-data-plane.ts"
import { failure, runningTarget } from "../target-support.ts"

const reads = (ops: number): IoReport => ({ ...noIo, read: { ops, bytes: ops * 512, latencyNanos: ops * 1000 } })

const place = { target: "iqn.2026-01.org.example:a", incarnation: 7, bdev: "m0", inFlight: 1 }
const lunLoad = (lun: number, ops: number) => ({ ...place, lun, io: reads(ops) })

const sample = (at: number, luns: MetricsSample["luns"]): MetricsSample => ({
  ...noLoad,
  at,
  seconds: 1,
  io: reads(luns.reduce((sum, { io }) => sum + io.read.ops, 0)),
  luns,
  log: { controlRecords: 1, observations: 2, syncs: 1, syncMillis: 0.5 },
  process: { cpuMillis: 3, busyMillis: 2, lagMillis: at % 5, residentBytes: at, heapBytes: at }
})

describe("samples", () => {
  it("are merged step by step, and what is old goes", () => {
    const tiers = new SampleTiers([
      { stepSeconds: 1, count: 3, most: 2 },
      { stepSeconds: 4, count: 2, most: 2 },
      { stepSeconds: 8, count: 1, most: 1 }
    ])
    for (let at = 1; at <= 18; at++) tiers.add(sample(at, [lunLoad(at % 2, at), lunLoad(5, 1)]))
    const ends = (step: number, from = 0, to = 99) => tiers.ofStep(step, from, to).map(({ at }) => at)
    assert.deepStrictEqual(ends(1), [16, 17, 18])
    assert.deepStrictEqual(ends(1, 16, 17), [17])
    assert.deepStrictEqual(ends(4), [12, 16])
    assert.deepStrictEqual(ends(8), [16])
    assert.deepStrictEqual(ends(2), [])
    const [, merged] = tiers.ofStep(4, 0, 99)
    assert.strictEqual(merged?.seconds, 4)
    assert.strictEqual(merged?.io.read.ops, 13 + 14 + 15 + 16 + 4)
    assert.deepStrictEqual(
      merged?.luns.map(({ io, lun }) => [lun, io.read.ops, io.read.latencyNanos]),
      [
        [0, 30, 30_000],
        [1, 28, 28_000]
      ]
    )
    assert.deepStrictEqual(merged?.log, { controlRecords: 4, observations: 8, syncs: 4, syncMillis: 2 })
    const inAll = { cpuMillis: 12, busyMillis: 8, lagMillis: 4, residentBytes: 16, heapBytes: 16 }
    assert.deepStrictEqual(merged?.process, inAll)
    const [day] = tiers.ofStep(8, 0, 99)
    assert.deepStrictEqual([day?.seconds, day?.luns.length], [8, 1])
  })

  it("that are idle stay small: a kind of IO that was not done is one object for all", () => {
    const tiers = new SampleTiers([
      { stepSeconds: 1, count: 1, most: 1 },
      { stepSeconds: 2, count: 1, most: 1 }
    ])
    for (let at = 0; at < 2; at++) tiers.add(sample(at, [lunLoad(0, 1)]))
    assert.strictEqual(tiers.ofStep(2, -1, 9)[0]?.io.write, noIo.write)
  })
})

describe("the history", () => {
  it.effect("is taken from the start on, every five seconds", () =>
    Effect.gen(function* () {
      const fake = newFake()
      fake.statistics.load = { ...noLoad, io: reads(4), luns: [lunLoad(0, 4)] }
      const log = MemoryEventLog.layer()
      const control = Layer.provideMerge(ControlPlane.layer, log)
      const services = yield* Layer.build(
        Layer.provideMerge(MetricsHistory.layer, Layer.provideMerge(fakeDataPlane(fake), control))
      )
      const { samples } = Context.get(services, MetricsHistory)
      assert.deepStrictEqual(samples(), [])
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual(samples().length, 120)
      assert.strictEqual(samples({ stepSeconds: 60 }).length, 11)
      assert.deepInclude(samples({ stepSeconds: 60 })[0], { at: 60_000, seconds: 60, io: reads(48) })
      assert.strictEqual(samples({ stepSeconds: 600 })[0]?.luns[0]?.io.read.ops, 480)
      assert.deepStrictEqual(
        samples({ from: 650_000, to: 655_000 }).map(({ at }) => at),
        [655_000]
      )
    })
  )
})

describe("lunlog_get_metrics_history", () => {
  it.live("answers in steps that there are, and refuses others by name", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      const answer = Object(yield* client.call("lunlog_get_metrics_history"))
      assert.deepStrictEqual([answer.step, answer.samples], [5, []])
      const { code, data } = yield* failure(client.call("lunlog_get_metrics_history", { step: 7 }))
      assert.strictEqual(code, -32602)
      assert.deepInclude(data, { object: "step", allowed: "5, 60, 600" })
    })
  )
})
