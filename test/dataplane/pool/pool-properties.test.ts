/**
 * Random control planes over a pool of reactors, which fail at any time: in the end everything is at exactly one of
 * them, as it was told last, and nothing was ever told where it makes no sense. `LUNLOG_TEST_SEED` starts elsewhere.
 */
import { assert, describe, it } from "vitest"
import { diceOf } from "../../domain/random.ts"
import { PoolBench, ramDisk } from "./PoolBench.ts"

const firstSeed = Number(process.env["LUNLOG_TEST_SEED"] ?? 1)
const runs = Number(process.env["LUNLOG_POOL_RUNS"] ?? 60)
const steps = 60
const homes = 3

const passthru = { _tag: "Passthru", base: { name: "base", incarnation: 1 } } as const
const names = [
  "iqn.2026-01.org.example:a",
  "iqn.2026-01.org.example:b",
  "iqn.2026-01.org.example:c",
  "iqn.2026-01.org.example:d"
] as const

type Act = () => void | Promise<void>

interface ModelBdev {
  readonly base: number | undefined
  limit: number | undefined
}

/** What the control side believes there is; each thing is used only by its rules. */
class Model {
  readonly bdevs = new Map<number, ModelBdev>()
  readonly targets = new Map<string, { readonly incarnation: number; alias: string; luns: Map<number, number> }>()

  isUsed(bdev: number): boolean {
    for (const { base } of this.bdevs.values()) if (base === bdev) return true
    for (const { luns } of this.targets.values()) for (const used of luns.values()) if (used === bdev) return true
    return false
  }
}

const play = async (seed: number, withCrashes: boolean): Promise<PoolBench> => {
  const dice = diceOf(seed)
  const bench = new PoolBench(homes)
  const model = new Model()
  const anyBdev = (): number | undefined => [...model.bdevs.keys()][dice.roll(Math.max(1, model.bdevs.size))]

  const openBdev = async (): Promise<void> => {
    const base = dice.roll(3) === 0 ? anyBdev() : undefined
    const beside = dice.roll(4) === 0 ? dice.pick(names) : undefined
    try {
      const bdev = await bench.openBdev(base === undefined ? ramDisk : passthru, base, beside)
      model.bdevs.set(bdev, { base, limit: undefined })
    } catch (error) {
      // Its reactor has failed while it was asked: that is said, and nothing is left of it.
      assert.include(String(error), "EIO")
    }
  }
  const closeBdev = async (): Promise<void> => {
    const bdev = anyBdev()
    if (bdev === undefined || model.isUsed(bdev)) return
    model.bdevs.delete(bdev)
    const closed = bench.request({ _tag: "CloseBdev", bdev })
    if (dice.roll(2) === 0) await closed
  }
  const setLimit = (): void => {
    const bdev = anyBdev()
    const known = bdev === undefined ? undefined : model.bdevs.get(bdev)
    if (bdev === undefined || known === undefined) return
    known.limit = dice.roll(1000) + 1
    bench.setLimit(bdev, known.limit)
  }
  const putTarget = (): void => {
    const name = dice.pick(names)
    const known = model.targets.get(name)
    const alias = `alias ${dice.roll(1000)}`
    const incarnation = known?.incarnation ?? bench.takeId()
    if (known === undefined) model.targets.set(name, { incarnation, alias, luns: new Map() })
    else known.alias = alias
    bench.putTarget(name, incarnation, alias)
  }
  const deleteTarget = (): void => {
    const name = dice.pick(names)
    const known = model.targets.get(name)
    if (known === undefined || known.luns.size > 0) return
    model.targets.delete(name)
    bench.pool.send({ _tag: "DeleteTarget", name, incarnation: known.incarnation })
  }
  const mapLun = (): void => {
    const name = dice.pick(names)
    const lun = dice.roll(4)
    const bdev = anyBdev()
    const known = model.targets.get(name)
    if (known === undefined || bdev === undefined || known.luns.has(lun)) return
    known.luns.set(lun, bdev)
    bench.mapLun(name, lun, bdev)
  }
  const unmapLun = async (): Promise<void> => {
    const name = dice.pick(names)
    const known = model.targets.get(name)
    const [lun] = known?.luns.keys() ?? []
    if (known === undefined || lun === undefined) return
    await bench.request({ _tag: "DrainLun", target: name, lun, incarnation: lun + 1, deadlineMillis: 1000 })
    known.luns.delete(lun)
    bench.pool.send({ _tag: "UnmapLun", target: name, lun, incarnation: lun + 1 })
  }
  const logIn = (): void => {
    const name = dice.pick(names)
    if (model.targets.has(name)) bench.handOver(name)
  }
  const crash = (): void => {
    // Seldom enough that it is started again each time.
    bench.clock += 61_000
    if (withCrashes) bench.reactor(1 + dice.roll(homes)).crash()
  }
  const acts: readonly [Act, ...ReadonlyArray<Act>] = [
    openBdev,
    openBdev,
    closeBdev,
    setLimit,
    putTarget,
    putTarget,
    deleteTarget,
    mapLun,
    mapLun,
    unmapLun,
    logIn
  ]

  for (let step = 0; step < steps; step++) {
    await (dice.roll(20) === 0 ? crash() : dice.pick(acts)())
    if (dice.roll(4) === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await bench.settle()
  for (const [bdev, { limit }] of model.bdevs) {
    const home = bench.homeOf(bdev)
    assert.isDefined(home, `bdev ${bdev} is open`)
    assert.strictEqual(bench.reactor(home ?? 0).bdevs.get(bdev)?.limit, limit, `limit of bdev ${bdev}`)
  }
  for (const [name, { alias, luns }] of model.targets) {
    assert.strictEqual(bench.reactor(0).targets.get(name)?.alias, alias, "the front knows it")
    const home = bench.homeOf(name)
    if (home === undefined) assert.strictEqual(luns.size, 0)
    else assert.strictEqual(bench.reactor(home).targets.get(name)?.alias, alias)
    const there = bench.reactor(home ?? 0).targets.get(name)?.luns ?? new Map()
    assert.deepStrictEqual([...there].sort(), [...luns].sort(), `LUNs of ${name}`)
  }
  const open = bench.reactors.reduce((count, { bdevs }) => count + bdevs.size, 0)
  assert.strictEqual(open, model.bdevs.size, "nothing else is open")
  const disks = [...model.bdevs.values()].filter(({ base }) => base === undefined)
  assert.strictEqual(bench.memory.size, disks.length, "memory of disks that are there, and of no others")
  assert.deepStrictEqual(bench.allViolations(), [])
  return bench
}

describe("a pool", () => {
  it("has everything at one reactor, as it was told last, whatever moves", async () => {
    let moves = 0
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      try {
        const bench = await play(seed, false)
        moves += bench.told("TargetsMoved").length
        assert.deepStrictEqual(bench.told("ReactorCrashed"), [])
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
    assert.isAbove(moves, runs / 2, "things move")
  })

  it("and whichever reactor fails meanwhile", async () => {
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      try {
        await play(seed, true)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })
})
