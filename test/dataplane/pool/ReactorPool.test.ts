/** A pool of reactors: where things are, what moves, in which order commands come, and what a failure leaves. */
import { assert, describe, it } from "vitest"
import { noReservations } from "../../../src/dataplane/scsi/reservations/ReservationsView.ts"
import { PoolBench, ramDisk } from "./PoolBench.ts"

const overlay = { _tag: "Overlay", base: { name: "base", incarnation: 1 }, maxBytes: 4096 } as const
const passthru = { _tag: "Passthru", base: { name: "base", incarnation: 1 } } as const
const [red, green, blue] = [
  "iqn.2026-01.org.example:red",
  "iqn.2026-01.org.example:green",
  "iqn.2026-01.org.example:blue"
]

describe("placement", () => {
  it("opens nothing twice when disks are made before their target, or each with its own", async () => {
    const bench = new PoolBench()
    for (const name of [red, green, blue]) {
      const disks = [await bench.openBdev(), await bench.openBdev(passthru, await bench.openBdev())]
      bench.putTarget(name)
      for (const [lun, disk] of disks.entries()) bench.mapLun(name, lun, disk)
    }
    await bench.settle()
    assert.deepStrictEqual(
      [red, green, blue].map((name) => bench.homeOf(name)),
      [1, 2, 1]
    )
    assert.strictEqual(bench.reactor(1).openings + bench.reactor(2).openings, 9)
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("spreads targets whose disks were all made first", async () => {
    const bench = new PoolBench(3)
    const disks = [await bench.openBdev(), await bench.openBdev(), await bench.openBdev()]
    for (const [index, name] of [red, green, blue].entries()) {
      bench.putTarget(name)
      bench.mapLun(name, 0, disks[index] ?? 0)
    }
    await bench.settle()
    assert.deepStrictEqual(
      [red, green, blue].map((name) => bench.homeOf(name)),
      [1, 2, 3]
    )
    assert.deepStrictEqual(
      disks.map((disk) => bench.homeOf(disk)),
      [1, 2, 3]
    )
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("opens disks beside the target that is to export them", async () => {
    const bench = new PoolBench()
    const disks = [
      await bench.openBdev(ramDisk, undefined, red),
      await bench.openBdev(ramDisk, undefined, green),
      await bench.openBdev(ramDisk, undefined, red)
    ]
    assert.deepStrictEqual(
      disks.map((disk) => bench.homeOf(disk)),
      [1, 2, 1]
    )
    bench.putTarget(green)
    await bench.settle()
    assert.strictEqual(bench.homeOf(green), 2)
  })

  it("brings together what is to share a disk: who is used less moves, and takes everything along", async () => {
    const bench = new PoolBench()
    const base = await bench.openBdev()
    const disk = await bench.openBdev(passthru, base)
    bench.setLimit(base, 7)
    bench.putTarget(red, 1, "crimson")
    bench.mapLun(red, 0, disk)
    bench.putTarget(green)
    const other = await bench.openBdev()
    bench.mapLun(green, 0, other)
    const connection = bench.handOver(green)
    await bench.settle()
    assert.deepStrictEqual([bench.homeOf(red), bench.homeOf(green)], [1, 2])
    bench.mapLun(green, 1, disk)
    bench.setLimit(base, 8)
    await bench.settle()
    assert.deepStrictEqual([bench.homeOf(red), bench.homeOf(disk), bench.homeOf(base)], [2, 2, 2])
    const home = bench.reactor(2)
    assert.isTrue(home.connections.has(connection), "who is logged in stays")
    assert.strictEqual(home.bdevs.get(base)?.limit, 8)
    assert.deepStrictEqual([...(home.targets.get(red)?.luns ?? [])], [[0, disk]])
    assert.deepStrictEqual([...(home.targets.get(green)?.luns ?? [])].sort(), [
      [0, other],
      [1, disk]
    ])
    assert.strictEqual(home.targets.get(red)?.alias, "crimson")
    assert.deepInclude(bench.told("TargetsMoved")[0], { targets: [red], bdevs: 2, fromReactor: 1, toReactor: 2 })
    assert.strictEqual(bench.memory.size, 2, "RAM disks keep their memory on their way")
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("moves nothing whose content is in a reactor's memory alone, and says why it cannot be shared", async () => {
    const bench = new PoolBench()
    const stacks: Array<{ readonly base: number; readonly disk: number }> = []
    for (const name of [red, green]) {
      bench.putTarget(name)
      const base = await bench.openBdev()
      const disk = await bench.openBdev(overlay, base)
      bench.mapLun(name, 0, disk)
      stacks.push({ base, disk })
    }
    await bench.settle()
    bench.mapLun(green, 1, stacks[0]?.base ?? 0)
    await bench.settle()
    assert.deepStrictEqual([bench.homeOf(red), bench.homeOf(green)], [1, 2])
    assert.isFalse(bench.reactor(2).targets.get(green)?.luns.has(1))
    const [told] = bench.told("BdevTold")
    assert.strictEqual(told?.bdev, stacks[0]?.base)
    assert.deepInclude(told?.news, { _tag: "Health", health: "degraded" })
  })

  it("waits for what a disk is doing before it moves, and lets an end of that pass", async () => {
    const bench = new PoolBench()
    for (const name of [red, green]) {
      bench.putTarget(name)
      bench.mapLun(name, 0, await bench.openBdev())
    }
    await bench.settle()
    const [disk = 0] = bench.reactor(1).bdevs.keys()
    bench.reactor(1).isSlow = true
    const copied = bench.request({ _tag: "DumpBdev", bdev: disk, file: "/tmp/x" })
    bench.handOver(green)
    bench.mapLun(green, 1, disk)
    await bench.settle()
    assert.strictEqual(bench.homeOf(disk), 1)
    bench.pool.send({ _tag: "CancelCopies", bdev: disk, file: "/tmp/x" })
    bench.reactor(1).answerAll()
    await copied
    await bench.settle()
    assert.strictEqual(bench.homeOf(disk), 2)
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("has reservations of what moves where it still is before who asked is answered, and where it goes", async () => {
    const bench = new PoolBench()
    for (const name of [red, green]) {
      bench.putTarget(name)
      bench.mapLun(name, 0, await bench.openBdev())
    }
    await bench.settle()
    const [disk = 0] = bench.reactor(1).bdevs.keys()
    bench.handOver(green)
    bench.reactor(1).isSlow = true
    bench.mapLun(green, 1, disk)
    await bench.settle()
    const request = { _tag: "Clear", key: 1n } as never
    bench.reactor(1).tell({ _tag: "ReservationsAsked", asked: 7, bdev: disk, initiatorAddress: "", request })
    await bench.settle()
    const [asked] = bench.told("ReservationsAsked")
    const reservations = { ...noReservations, generation: 5 }
    bench.pool.send({ _tag: "PutReservations", bdev: disk, reservations, news: [] })
    bench.pool.send({ _tag: "AnswerReservations", asked: asked?.asked ?? 0, answer: "done" })
    assert.deepStrictEqual(bench.reactor(1).reservations, ["put 5", "answer 7"])
    bench.reactor(1).answerAll()
    await bench.settle()
    assert.strictEqual(bench.homeOf(disk), 2)
    assert.deepStrictEqual(bench.reactor(2).reservations, ["put 5"])
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("waits for what a reactor that came back is still asked, and no longer", async () => {
    const bench = new PoolBench()
    for (const name of [red, green]) {
      bench.putTarget(name)
      bench.mapLun(name, 0, await bench.openBdev())
    }
    await bench.settle()
    const [disk = 0] = bench.reactor(1).bdevs.keys()
    await bench.request({ _tag: "Statistics", query: { _tag: "SampleQueueDepth", bdev: disk, periodMicros: 1000 } })
    bench.reactor(1).slowTag = "Statistics"
    bench.reactor(1).crash()
    bench.handOver(green)
    bench.mapLun(green, 1, disk)
    await bench.settle()
    assert.strictEqual(bench.homeOf(disk), 1)
    bench.reactor(1).answerAll()
    await bench.settle()
    assert.strictEqual(bench.homeOf(disk), 2)
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("does not let disks of two reactors write to one file", async () => {
    const bench = new PoolBench()
    bench.reactor(1).writes = ["file 1:2"]
    bench.reactor(2).writes = ["file 1:2"]
    const first = await bench.openBdev(ramDisk, undefined, red)
    const second = { _tag: "OpenBdev", bdev: bench.takeId(), definition: { name: "b", spec: ramDisk } } as const
    const answer = await bench.request({ ...second, base: undefined, beside: green })
    assert.deepInclude(answer, { _tag: "Failed", code: "EBUSY" })
    await bench.settle()
    assert.strictEqual(bench.reactor(2).bdevs.size, 0)
    await bench.request({ _tag: "CloseBdev", bdev: first })
    assert.strictEqual((await bench.request({ ...second, base: undefined, beside: green }))._tag, "BdevOpened")
    assert.deepStrictEqual(bench.allViolations(), [])
  })
})

describe("connections", () => {
  it("go to the home of their target, wait while it moves, and are forgotten when they end", async () => {
    const bench = new PoolBench()
    bench.putTarget(red)
    bench.mapLun(red, 0, await bench.openBdev())
    const first = bench.handOver(red)
    await bench.settle()
    assert.isTrue(bench.reactor(1).connections.has(first))
    bench.reactor(1).tell({ _tag: "ConnectionGone", connection: first })
    assert.deepStrictEqual(bench.reactor(0).forgotten, [first])
    const lost = bench.handOver("iqn.2026-01.org.example:unknown")
    assert.deepStrictEqual(bench.abandoned, [lost])
  })
})

describe("a reactor that fails", () => {
  const started = async () => {
    const bench = new PoolBench()
    const disks: Array<number> = []
    for (const name of [red, green]) {
      bench.putTarget(name)
      const disk = await bench.openBdev()
      disks.push(disk)
      bench.mapLun(name, 0, disk)
    }
    await bench.settle()
    return { bench, disks }
  }

  it("comes back as it was, with the RAM disks' memory; the other does not notice", async () => {
    const { bench, disks } = await started()
    const [disk = 0, other = 0] = disks
    bench.setLimit(disk, 3)
    const connection = bench.handOver(red)
    const theirs = bench.handOver(green)
    const memory = [...bench.memory]
    const openings = bench.reactor(2).openings
    bench.reactor(1).crash()
    bench.setLimit(disk, 4)
    const waiting = bench.handOver(red)
    const drained = bench.request({
      _tag: "DrainLun",
      target: red,
      lun: 0,
      incarnation: 1,
      deadlineMillis: 1000
    })
    await bench.settle()
    assert.deepStrictEqual([bench.homeOf(red), bench.homeOf(disk), bench.homeOf(other)], [1, 1, 2])
    assert.deepInclude(bench.reactor(1).bdevs.get(disk), { limit: 4, isNamed: true, contentLost: false })
    assert.deepStrictEqual([...bench.reactor(1).connections], [waiting])
    assert.deepStrictEqual([...bench.reactor(2).connections], [theirs])
    assert.strictEqual(bench.reactor(2).openings, openings)
    assert.deepStrictEqual(bench.abandoned, [connection], "its descriptor is looked after")
    assert.include(bench.reactor(0).forgotten, connection)
    assert.deepStrictEqual([...bench.memory], memory)
    assert.strictEqual((await drained)._tag, "Drained")
    assert.deepInclude(bench.told("ReactorCrashed")[0], { reactor: 1, connections: 1 })
    assert.deepInclude(bench.told("ReactorRecovered")[0], { reactor: 1, targets: 1, bdevs: 1, contentLost: [] })
    assert.deepStrictEqual(bench.told("Crashed"), [], "the data plane as a whole has not failed")
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("does not bring a LUN back that was being drained", async () => {
    const { bench } = await started()
    await bench.request({ _tag: "DrainLun", target: red, lun: 0, incarnation: 1, deadlineMillis: 1000 })
    bench.reactor(1).crash()
    await bench.settle()
    assert.strictEqual(bench.reactor(1).targets.get(red)?.luns.size, 0)
  })

  it("says whose content is lost: what was in its memory alone, and what is stacked on it", async () => {
    const bench = new PoolBench(1)
    const base = await bench.openBdev()
    const changed = await bench.openBdev(overlay, base)
    const above = await bench.openBdev(passthru, changed)
    bench.reactor(1).crash()
    await bench.settle()
    const lost = [base, changed, above].map((bdev) => bench.reactor(1).bdevs.get(bdev)?.contentLost)
    assert.deepStrictEqual(lost, [false, true, true])
    const [recovered] = bench.told("ReactorRecovered")
    assert.deepStrictEqual(recovered?.contentLost, [`bdev${changed}`, `bdev${above}`])
  })

  it("answers what it was asked, and what it is asked meanwhile when it runs again", async () => {
    const { bench, disks } = await started()
    const [disk = 0] = disks
    bench.reactor(1).isSlow = true
    const measured = bench.request({ _tag: "MeasureBdev", bdev: disk })
    bench.reactor(1).crash()
    const again = bench.request({ _tag: "MeasureBdev", bdev: disk })
    const failed = await measured
    assert.deepInclude(failed, { _tag: "Failed", code: "EIO" })
    assert.strictEqual((await again)._tag, "Done", "the scripted reactor's answer")
    const report = await bench.request({ _tag: "Query" })
    assert(report._tag === "Report")
    assert.deepStrictEqual(
      report.report.reactors?.map(({ crashCount, state, targets }) => [state, targets, crashCount]),
      [
        ["up", [], 0],
        ["up", [red], 1],
        ["up", [green], 0]
      ]
    )
    assert.strictEqual(report.report.taskBufferBytes, 3, "of all three")
  })

  it("is given up when it fails all the time; what it had can still be removed", async () => {
    const { bench, disks } = await started()
    const [disk = 0] = disks
    for (let time = 0; time < 5; time++) {
      bench.clock += 1_000
      bench.reactor(1).crash()
      await bench.settle()
      // Each new start waits twice as long, from zero.
    }
    assert.deepInclude(bench.told("ReactorCrashed").at(-1), { reactor: 1, forGood: true })
    assert.deepInclude(await bench.request({ _tag: "MeasureBdev", bdev: disk }), { _tag: "Failed", code: "EIO" })
    const refused = bench.handOver(red)
    assert.include(bench.abandoned, refused)
    await bench.request({ _tag: "DrainLun", target: red, lun: 0, incarnation: 1, deadlineMillis: 1000 })
    bench.pool.send({ _tag: "UnmapLun", target: red, lun: 0, incarnation: 1 })
    bench.pool.send({ _tag: "DeleteTarget", name: red, incarnation: 1 })
    await bench.request({ _tag: "CloseBdev", bdev: disk })
    bench.putTarget(red, 2)
    bench.mapLun(red, 0, await bench.openBdev())
    await bench.settle()
    assert.strictEqual(bench.homeOf(red), 2, "what is new goes to one that runs")
    assert.deepStrictEqual(bench.allViolations(), [])
  })

  it("does not disturb a move that it is a part of", async () => {
    for (const failing of [1, 2]) {
      const { bench, disks } = await started()
      const [disk = 0, other = 0] = disks
      bench.handOver(green)
      bench.mapLun(green, 1, disk)
      bench.reactor(failing).crash()
      await bench.settle()
      assert.deepStrictEqual([bench.homeOf(disk), bench.homeOf(other), bench.homeOf(red)], [2, 2, 2])
      assert.deepStrictEqual([...(bench.reactor(2).targets.get(green)?.luns.keys() ?? [])].sort(), [0, 1])
      assert.deepStrictEqual([...(bench.reactor(2).targets.get(red)?.luns.keys() ?? [])], [0])
      assert.deepStrictEqual(bench.allViolations(), [])
    }
  })
})
