/** Every wrapper over every other, four high, against a model: data, what is mapped, cancelled IO, a close amid IO. */
import { assert, describe, it } from "vitest"
import type { Bdev, BdevIo } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { memoryOverlay } from "../../../src/dataplane/bdev/overlay/memory-overlay.ts"
import { IoStatistics } from "../../../src/dataplane/bdev/statistics/IoStatistics.ts"
import { CountingBdev } from "../../../src/dataplane/bdev/wrapper/CountingBdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LimitedBdev } from "../../../src/dataplane/bdev/wrapper/LimitedBdev.ts"
import { PassthruBdev } from "../../../src/dataplane/bdev/wrapper/PassthruBdev.ts"
import { SplitBdev } from "../../../src/dataplane/bdev/wrapper/SplitBdev.ts"
import { type Dice, diceOf } from "../../domain/random.ts"
import { mallocSpec, okIo, runAt } from "./recorded-io.ts"
import { LateBdev, ModelDisk } from "./stack-support.ts"

const blockCount = 1200
const latencies = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }
const limits = { readWriteIos: 0, readWriteBytes: 1, readBytes: 0, writeBytes: 0 }
const ref = { name: "base", incarnation: 1 }

interface Stack {
  readonly top: Bdev
  /** From the lowest to the highest. */
  readonly layers: ReadonlyArray<Bdev>
  readonly late: LateBdev
  readonly name: string
  /** Blocks of the lowest before the first of the highest. */
  readonly offsetBlocks: number
  /** Lets everything go that a layer holds. */
  readonly settle: () => void
}

const kinds = ["Delay", "Error", "Passthru", "Split", "Overlay", "Limited", "Counting"] as const

const layerOn = (base: Bdev, kind: (typeof kinds)[number]): Bdev => {
  switch (kind) {
    case "Delay":
      return new DelayBdev(latencies, base, () => 0.5)
    case "Error":
      return new ErrorBdev(base)
    case "Passthru":
      return new PassthruBdev(base)
    case "Split":
      return new SplitBdev({ _tag: "Split", base: ref, part: 1, partBlocks: Math.floor(base.blockCount / 3) }, base)
    case "Overlay":
      return memoryOverlay(base, 64 * 1024 * 1024)
    case "Limited":
      return new LimitedBdev(base, limits)
    case "Counting":
      return new CountingBdev(base, new IoStatistics(), () => performance.now())
  }
}

const randomStack = (dice: Dice): Stack => {
  const malloc = new MallocBdev(mallocSpec({ blockCount }))
  for (let block = 0; block < blockCount; block++) {
    malloc.write(block * 512, Buffer.alloc(512, baseValue(block)), 0, 512, false, okIo)
  }
  const late = new LateBdev(malloc)
  const layers: Array<Bdev> = [late]
  const names: Array<string> = []
  let offsetBlocks = 0
  for (let height = 1 + dice.roll(4); height > 0; height--) {
    const kind = dice.pick(kinds)
    const base = layers.at(-1) ?? late
    if (kind === "Split") offsetBlocks += Math.floor(base.blockCount / 3)
    layers.push(layerOn(base, kind))
    names.push(kind)
  }
  const settle = (): void => {
    const isHeld = (layer: Bdev): boolean => layer instanceof LimitedBdev && layer.waitingCount > 0
    do {
      for (const layer of [...layers].toReversed()) {
        if (layer instanceof LimitedBdev) layer.releaseAll()
        if (layer instanceof ErrorBdev) layer.resumePending()
      }
      while (late.waiting.length > 0) late.release(dice.roll(late.waiting.length))
    } while (layers.some(isHeld) || late.waiting.length > 0)
  }
  return { top: layers.at(-1) ?? late, layers, late, name: names.join(" < "), offsetBlocks, settle }
}

const baseValue = (block: number): number => 200 + (block % 50)

const injectSomething = ({ layers }: Stack, { pick, roll }: Dice): void => {
  for (const layer of layers) {
    if (!(layer instanceof ErrorBdev) || roll(10) > 0) continue
    const errorType = pick(["failure", "nomem", "pending"] as const)
    const ioType = pick(["read", "write", "unmap", "flush", "all"] as const)
    layer.inject({ ioType, errorType, count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
  }
}

describe("any stack of wrappers", () => {
  it("has the data that a single disk would have, and ends every IO once", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const dice = diceOf(seed)
      const stack = randomStack(dice)
      const model = new ModelDisk(stack.top, (block) => baseValue(block + stack.offsetBlocks))
      for (let step = 0; step < 60; step++) {
        injectSomething(stack, dice)
        model.step(dice, 1 + (step % 199))
        if (dice.roll(8) === 0) stack.settle()
        while (stack.late.waiting.length > dice.roll(8)) stack.late.release(dice.roll(stack.late.waiting.length))
      }
      stack.settle()
      for (const layer of stack.layers) if (layer instanceof ErrorBdev) layer.inject({ ...clear })
      model.read(0, stack.top.blockCount)
      stack.settle()
      assert.deepStrictEqual([model.ended, model.pending.size], [model.begun, 0], `seed ${seed}: ${stack.name}`)
    }
  })

  it("ends what is cancelled, and everything that is under way when it is closed from the top", () => {
    for (let seed = 1; seed <= 80; seed++) {
      const dice = diceOf(seed)
      const stack = randomStack(dice)
      const ended: Array<number> = []
      const all: Array<BdevIo> = []
      for (let index = 0; index < 40; index++) {
        injectSomething(stack, dice)
        const io: BdevIo = { ioDone: () => ended.push(index) }
        all.push(io)
        const at = dice.roll(stack.top.blockCount) * 512
        const kind = dice.roll(4)
        if (kind === 0) stack.top.read(at, Buffer.alloc(512), 0, 512, io)
        else if (kind === 1) stack.top.write(at, Buffer.alloc(512, 1), 0, 512, dice.roll(2) === 0, io)
        else if (kind === 2) stack.top.unmap(at, 512, io)
        else stack.top.flush(io)
        const victim = all[dice.roll(all.length)]
        if (dice.roll(3) === 0 && victim !== undefined) stack.top.cancel?.(victim)
        if (dice.roll(3) === 0 && stack.late.waiting.length > 0) stack.late.release(0)
      }
      for (const layer of [...stack.layers].toReversed()) {
        layer.close()
        if (layer instanceof ErrorBdev) layer.resumePending()
      }
      stack.settle()
      const once = [...new Set(ended)].toSorted((a, b) => a - b)
      assert.deepStrictEqual(
        ended.toSorted((a, b) => a - b),
        once,
        `seed ${seed}: ${stack.name}: once`
      )
      assert.strictEqual(once.length, all.length, `seed ${seed}: ${stack.name}: all`)
    }
  })

  it("says of every block what is mapped: a block that is not reads as zeros", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const dice = diceOf(seed)
      const stack = randomStack(dice)
      const { blockCount: blocks } = stack.top
      for (let step = 0; step < 20; step++) {
        const first = dice.roll(blocks)
        const count = 1 + dice.roll(Math.min(200, blocks - first))
        stack.top.unmap(first * 512, count * 512, okIo)
        stack.settle()
      }
      for (let block = 0; block < blocks; ) {
        const run = runAt(stack.top, block * 512, (blocks - block) * 512)
        const count = Math.abs(run) / 512
        assert.isTrue(Number.isInteger(count) && count > 0, `${stack.name}: a run of ${run}`)
        if (run < 0) {
          const model = new ModelDisk(stack.top, () => 0)
          model.read(block, count)
          stack.settle()
          assert.strictEqual(model.ended, 1)
        }
        block += count
      }
    }
  })
})

const clear = {
  ioType: "clear",
  errorType: "failure",
  count: 0,
  queueDepth: 0,
  corruptOffset: 0,
  corruptValue: 0
} as const
