/** What a reactor says of its counters, over its boundary and with IO over real sockets, also from a worker. */
import { assert, describe, it } from "vitest"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import { QueueSampler } from "../../../src/dataplane/reactor/QueueSampler.ts"
import type { StatisticsQuery, StatisticsResult } from "../../../src/dataplane/reactor/statistics-protocol.ts"
import { workerReactor } from "../../../src/dataplane/reactor/worker-reactor.ts"
import { cdb, readBlocks, writeBlocks } from "../../support/initiator/commands.ts"
import { randomIsid } from "../../support/initiator/login.ts"
import { makePattern } from "../../support/initiator/pattern.ts"
import { initiatorName, targetName } from "../iscsi/fixture.ts"
import { anyBase, delayed, Harness } from "./harness.ts"

type ResultOf<Tag extends StatisticsResult["_tag"]> = Extract<StatisticsResult, { readonly _tag: Tag }>

const ask = async (harness: Harness, query: StatisticsQuery): Promise<StatisticsResult> => {
  const answer = await harness.done({ _tag: "Statistics", query })
  if (answer._tag !== "Statistics") throw new Error(answer._tag)
  return answer.result
}

const bdevsOf = async (harness: Harness, bdevs: ReadonlyArray<number | undefined>, reset: "all" | "none" = "none") => {
  const result = await ask(harness, { _tag: "Bdevs", bdevs, reset })
  if (result._tag !== "Bdevs") throw new Error(result._tag)
  return result.report
}

const live = async (harness: Harness, activeSinceNanos?: number): Promise<ResultOf<"Live">["live"]> => {
  const result = await ask(harness, { _tag: "Live", activeSinceNanos })
  if (result._tag !== "Live") throw new Error(result._tag)
  return result.live
}

const load = async (harness: Harness, most = 20): Promise<ResultOf<"Load">["load"]> => {
  const result = await ask(harness, { _tag: "Load", most })
  if (result._tag !== "Load") throw new Error(result._tag)
  return result.load
}

const histogramTotal = async (harness: Harness, query: StatisticsQuery): Promise<number | undefined> => {
  const result = await ask(harness, query)
  if (result._tag !== "Histogram") throw new Error(result._tag)
  return result.histogram?.buckets.reduce((sum, count) => sum + count, 0)
}

describe.each([
  ["in the main thread", mainThreadReactor],
  ["in a worker", workerReactor]
] as const)("a reactor %s", (_where, make) => {
  it("counts for each LUN and session, and a bdev that is two LUNs once", async () => {
    await using harness = await Harness.start({}, make)
    const bdev = await harness.openBdev()
    const unused = await harness.openBdev()
    harness.putTarget()
    harness.mapLun(0, bdev)
    harness.mapLun(5, bdev)
    const first = await harness.open({ initiatorName }, [0, 5])
    const second = await harness.open({ initiatorName, isid: randomIsid() }, [0])
    const data = makePattern(0, 8, 3, 512)
    await writeBlocks(first, 0, 0, data)
    await readBlocks(first, 5, 0, 8)
    await readBlocks(second, 0, 0, 4)
    const before = await live(harness)
    assert.deepStrictEqual(
      before.luns.map(({ bdev: name, inFlight, io, lun, target }) => [
        `${target} ${lun} ${name} ${inFlight}`,
        io.read.bytes,
        io.write.bytes
      ]),
      [
        [`${targetName} 0 bdev${bdev} 0`, 2048, 4096],
        [`${targetName} 5 bdev${bdev} 0`, 4096, 0]
      ]
    )
    assert.deepStrictEqual(
      before.sessions.map(({ io, target, tsih }) => [target, tsih, io.read.ops, io.write.ops]),
      [
        [targetName, first.login.tsih, 1, 1],
        [targetName, second.login.tsih, 1, 0]
      ]
    )
    assert.isAbove(before.sessions[0]?.sentBytes ?? 0, 4096)
    assert.isAbove(before.sessions[0]?.receivedBytes ?? 0, 4096)
    const { atNanos, bdevs } = await bdevsOf(harness, [bdev, unused, undefined])
    assert.isAbove(atNanos, before.atNanos)
    assert.deepStrictEqual(
      bdevs.map(({ io, isInUse }) => [io.read.ops, io.read.bytes, io.write.bytes, isInUse]),
      [
        [2, 6144, 4096, true],
        [0, 0, 0, false],
        [0, 0, 0, false]
      ]
    )
    assert.isAbove(bdevs[0]?.io.read.latencyNanos ?? 0, 0)
    await bdevsOf(harness, [bdev], "all")
    assert.strictEqual((await bdevsOf(harness, [bdev])).bdevs[0]?.io.read.ops, 0)
    assert.deepStrictEqual((await live(harness)).luns[0]?.io, before.luns[0]?.io)
    await first.logout()
    assert.strictEqual((await live(harness)).sessions.length, 1)
    await readBlocks(second, 0, 0, 4)
    const { lunCount, luns } = await live(harness, atNanos)
    assert.deepStrictEqual([lunCount, luns.map(({ lun }) => lun)], [2, [0]])
    second.drop()
  })

  it("tells what was done since it was asked last, the busiest first, and what LUNs did that are gone", async () => {
    await using harness = await Harness.start({}, make)
    const bdev = await harness.openBdev()
    harness.putTarget()
    const incarnations = [0, 5, 7].map((lun) => harness.mapLun(lun, bdev))
    const session = await harness.open({ initiatorName }, [0, 5, 7])
    for (const lun of [0, 5, 5]) await readBlocks(session, lun, 0, 8)
    await writeBlocks(session, 0, 0, makePattern(0, 8, 3, 512))
    await writeBlocks(session, 0, 8, makePattern(8, 8, 3, 512))
    const first = await load(harness)
    assert.deepStrictEqual(
      first.luns.map(({ io, lun, target }) => [target, lun, io.read.ops, io.write.bytes]),
      [
        [targetName, 0, 1, 8192],
        [targetName, 5, 2, 0]
      ]
    )
    assert.deepStrictEqual(
      first.targets.map(({ io, sessionCount, target }) => [target, io.read.ops, io.write.ops, sessionCount]),
      [[targetName, 3, 2, 1]]
    )
    assert.deepStrictEqual([first.io.read.bytes, first.sessionCount, first.connectionCount], [12_288, 1, 1])
    assert.strictEqual(first.sessions[0]?.io.read.ops, 3)
    assert.deepInclude(await load(harness), { luns: [], targets: [], sessions: [] })
    await readBlocks(session, 7, 0, 8)
    await readBlocks(session, 5, 0, 8)
    await readBlocks(session, 5, 0, 8)
    await harness.drain(5, incarnations[1] ?? 0)
    harness.unmap(5, incarnations[1] ?? 0)
    const { io, luns, targets } = await load(harness, 1)
    assert.deepStrictEqual(
      luns.map(({ lun }) => lun),
      [7]
    )
    assert.deepStrictEqual([io.read.ops, targets[0]?.io.read.ops], [3, 3])
    assert.deepInclude(await load(harness), { luns: [], targets: [] })
    session.drop()
  })

  it("keeps histograms of bdevs and targets", async () => {
    await using harness = await Harness.start({}, make)
    const bdev = await harness.openBdev()
    harness.putTarget({ keepsHistogram: true })
    harness.mapLun(0, bdev)
    const histogram = { granularity: 7, minNanos: 1000, maxNanos: 120_000_000_000, kind: "read" } as const
    assert.isUndefined(await histogramTotal(harness, { _tag: "BdevHistogram", bdev }))
    harness.send({ _tag: "SetHistogram", bdev, histogram })
    const session = await harness.open()
    const ofTarget = { _tag: "TargetHistogram", target: targetName, incarnation: 1 } as const
    const commands = (await histogramTotal(harness, ofTarget)) ?? 0
    for (let round = 0; round < 3; round++) await readBlocks(session, 0, 0, 8)
    await writeBlocks(session, 0, 0, makePattern(0, 8, 3, 512))
    await session.command({ lun: 0, cdb: cdb.testUnitReady() })
    assert.strictEqual(await histogramTotal(harness, { _tag: "BdevHistogram", bdev }), 3)
    assert.strictEqual(await histogramTotal(harness, ofTarget), commands + 5)
    assert.isUndefined(await histogramTotal(harness, { ...ofTarget, incarnation: 2 }))
    const counts = await ask(harness, { _tag: "BdevHistogramCounts", bdev, bordersNanos: [60_000_000_000] })
    assert.deepStrictEqual(counts, { _tag: "Counts", counts: [3, 0] })
    harness.send({ _tag: "SetHistogram", bdev, histogram: undefined })
    assert.isUndefined(await histogramTotal(harness, { _tag: "BdevHistogram", bdev }))
    session.drop()
  })
})

describe("a bdev with another stacked on it", () => {
  it("counts what comes from above and by its own LUN, also while it has limits", async () => {
    await using harness = await Harness.start()
    const base = await harness.openBdev()
    const middle = await harness.openBdev({ _tag: "Error", base: anyBase }, base)
    const top = await harness.openBdev(delayed(1000), middle)
    harness.putTarget()
    for (const [lun, bdev] of [base, middle, top].entries()) harness.mapLun(lun, bdev)
    const session = await harness.open({}, [0, 1, 2])
    const reads = async () =>
      (await bdevsOf(harness, [base, middle, top])).bdevs.map(({ io }) => [io.read.ops, io.write.bytes])
    for (const lun of [0, 1, 2]) await readBlocks(session, lun, 0, 8)
    await writeBlocks(session, 2, 0, makePattern(0, 8, 3, 512))
    const expected = [
      [3, 4096],
      [2, 4096],
      [1, 4096]
    ]
    assert.deepStrictEqual(await reads(), expected)
    const limits = { readWriteIos: 1_000_000, readWriteBytes: 0, readBytes: 0, writeBytes: 0 }
    for (const some of [limits, undefined]) {
      for (const bdev of [base, middle]) harness.send({ _tag: "SetRateLimits", bdev, limits: some })
      await readBlocks(session, 2, 0, 8)
    }
    assert.deepStrictEqual(
      (await reads()).map(([ops]) => ops),
      [5, 4, 3]
    )
    session.drop()
  })

  it("is in use as long as a session has a path to what is above, and not by what is below", async () => {
    await using harness = await Harness.start()
    const base = await harness.openBdev()
    const middle = await harness.openBdev({ _tag: "Error", base: anyBase }, base)
    const top = await harness.openBdev(delayed(0), middle)
    harness.putTarget()
    harness.mapLun(0, middle)
    const uses = async () => (await bdevsOf(harness, [base, middle, top])).bdevs.map(({ isInUse }) => isInUse)
    assert.deepStrictEqual(await uses(), [false, false, false])
    const session = await harness.open()
    const limits = { readWriteIos: 1000, readWriteBytes: 0, readBytes: 0, writeBytes: 0 }
    for (const some of [undefined, limits]) {
      harness.send({ _tag: "SetRateLimits", bdev: base, limits: some })
      assert.deepStrictEqual(await uses(), [true, true, false])
    }
    await session.logout()
    assert.deepStrictEqual(await uses(), [false, false, false])
  })
})

describe("the sampling of a queue", () => {
  it("finds the commands that a disk has, as long as it is wanted", async () => {
    await using harness = await Harness.start()
    const bdev = await harness.openHanging()
    harness.putTarget()
    harness.mapLun(0, bdev)
    const session = await harness.open()
    const reads = [0, 8].map((lba) => session.command({ lun: 0, cdb: cdb.read10(lba, 8), readBytes: 4096 }))
    await session.nop()
    assert.isUndefined((await bdevsOf(harness, [bdev])).bdevs[0]?.queue)
    await ask(harness, { _tag: "SampleQueueDepth", bdev, periodMicros: 500 })
    const queue = async () => (await bdevsOf(harness, [bdev])).bdevs[0]?.queue
    while ((await queue())?.queueDepth !== 2) await session.nop()
    const { ioTimeMicros, periodMicros, weightedIoTimeMicros } = (await queue()) ?? {}
    assert.strictEqual(periodMicros, 500)
    assert.isAbove(ioTimeMicros ?? 0, 0)
    assert.approximately(weightedIoTimeMicros ?? 0, 2 * (ioTimeMicros ?? 0), 1)
    harness.send({ _tag: "ResumePending", bdev })
    await Promise.all(reads)
    while ((await queue())?.queueDepth !== 0) await session.nop()
    // Another period goes on where the one before was.
    await ask(harness, { _tag: "SampleQueueDepth", bdev, periodMicros: 3_600_000_000 })
    assert.isAtLeast((await queue())?.ioTimeMicros ?? 0, ioTimeMicros ?? 0)
    await ask(harness, { _tag: "SampleQueueDepth", bdev, periodMicros: 0 })
    assert.isUndefined(await queue())
    session.drop()
  })

  it("adds up the time that has passed with something in the queue, and the same times its depth", () => {
    let now = 100
    let depth = 0
    const sampler = new QueueSampler(
      () => depth,
      () => now,
      1000
    )
    sampler.stop()
    for (const [millis, next] of [
      [5, 0],
      [2, 3],
      [10, 1],
      [4, 0]
    ] as const) {
      now += millis
      depth = next
      sampler.sample()
    }
    assert.deepStrictEqual(sampler.report(), {
      periodMicros: 1000,
      queueDepth: 0,
      ioTimeMicros: 12_000,
      weightedIoTimeMicros: 16_000
    })
  })
})
