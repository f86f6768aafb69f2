/** Overlays: against a model of a disk, at their limit, when their base grows, when they are closed. */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import { MemoryStore } from "../../../src/dataplane/bdev/overlay/MemoryStore.ts"
import { memoryOverlay } from "../../../src/dataplane/bdev/overlay/memory-overlay.ts"
import { diceOf } from "../../domain/random.ts"
import { mallocSpec, okIo, RecordedIo, runAt } from "./recorded-io.ts"
import { GrowingBdev, LateBdev, ModelDisk } from "./stack-support.ts"

/** Blocks of 512 bytes; a granule has 128. */
const blockCount = 1000
const mebibyte = 1024 * 1024

const golden = (): MallocBdev => {
  const base = new MallocBdev(mallocSpec({ blockCount }))
  for (let block = 0; block < blockCount; block++) {
    base.write(block * 512, Buffer.alloc(512, goldenValue(block)), 0, 512, false, okIo)
  }
  return base
}

const goldenValue = (block: number): number => 200 + (block % 50)

const contentOf = (base: MallocBdev): Buffer => {
  const content = Buffer.alloc(blockCount * 512)
  base.read(0, content, 0, content.length, okIo)
  return content
}

describe("an overlay in memory", () => {
  it("reads what the model says, whatever is written, and never writes to its base", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const base = golden()
      const before = contentOf(base)
      const dice = diceOf(seed)
      const late = new LateBdev(base)
      const overlay = memoryOverlay(seed % 2 === 0 ? base : late, mebibyte)
      const model = new ModelDisk(overlay, goldenValue)
      for (let step = 0; step < 150; step++) {
        model.step(dice, 1 + (step % 199))
        while (late.waiting.length > dice.roll(6)) late.release(dice.roll(late.waiting.length))
      }
      while (late.waiting.length > 0) late.release(0)
      model.read(0, blockCount)
      while (late.waiting.length > 0) late.release(0)
      assert.deepStrictEqual([model.ended, model.pending.size], [model.begun, 0], `seed ${seed}`)
      assert.isTrue(before.equals(contentOf(base)), `seed ${seed}: the base is as it was`)
    }
  })

  it("is full at its limit, keeps what it has, and has room again after a reset", () => {
    const base = golden()
    const overlay = memoryOverlay(base, 2 * 64 * 1024)
    const model = new ModelDisk(overlay, goldenValue)
    model.write(0, 1, 7, "write")
    model.write(200, 1, 8, "write")
    const tooMuch = new RecordedIo()
    overlay.write(300 * 512, Buffer.alloc(512, 9), 0, 512, false, tooMuch)
    assert.deepStrictEqual([tooMuch.answers, tooMuch.failedAt], [[IoStatus.noSpace], 256 * 512])
    model.read(0, blockCount)
    // What is zeros needs no room.
    model.write(128, 128, 0, "unmap")
    model.write(300, 1, 9, "write")
    model.read(0, blockCount)
    let ended: unknown = "never"
    overlay.reset((failure) => {
      ended = failure
    })
    assert.isUndefined(ended)
    new ModelDisk(overlay, goldenValue).read(0, blockCount)
  })

  it("answers that it has no memory when the system has none, and keeps what it has", () => {
    let left = 1
    const store = new MemoryStore(65_536, mebibyte, (bytes) => (left-- > 0 ? Buffer.alloc(bytes) : undefined))
    const written = [0, 65_536, 0].map((at) => {
      const io = new RecordedIo()
      store.write(at, Buffer.alloc(512, 3), 0, 512, io)
      return io.answers
    })
    assert.deepStrictEqual(written, [[IoStatus.ok], [IoStatus.noMemory], [IoStatus.ok]])
    const target = Buffer.alloc(512)
    store.read(0, target, 0, 512, okIo)
    assert.isTrue(target.equals(Buffer.alloc(512, 3)))
    assert.strictEqual(store.usedBytes, 65_536)
  })

  it("says what is mapped: its own, zeros, and else what the base says", () => {
    const overlay = memoryOverlay(
      new NullBdev({ _tag: "Null", blockCount, blockSize: 512, physicalBlockSize: 0 }),
      mebibyte
    )
    overlay.write(0, Buffer.alloc(512, 1), 0, 512, false, okIo)
    assert.strictEqual(runAt(overlay, 0, blockCount * 512), 64 * 1024)
    assert.strictEqual(runAt(overlay, 64 * 1024, 1024), -1024)
    const full = memoryOverlay(golden(), mebibyte)
    full.unmap(0, 128 * 512, okIo)
    assert.strictEqual(runAt(full, 0, 256 * 512), -128 * 512)
    assert.strictEqual(runAt(full, 128 * 512, 128 * 512), 128 * 512)
  })

  it("completes the granule that its base ended in, before it is as large as the base", () => {
    const growing = new GrowingBdev(golden(), 100)
    const late = new LateBdev(growing)
    const overlay = memoryOverlay(late, mebibyte)
    overlay.write(0, Buffer.alloc(512, 1), 0, 512, false, okIo)
    late.release(0)
    growing.blocks = blockCount
    let isTold = false
    overlay.baseResized(() => {
      isTold = true
    })
    // The overlay has the granule; what the base has got behind its old end is on its way.
    assert.deepStrictEqual([overlay.blockCount, isTold, late.waiting.length], [100, false, 1])
    late.release(0)
    assert.deepStrictEqual([overlay.blockCount, isTold], [blockCount, true])
    const model = new ModelDisk(overlay, (block) => (block === 0 ? 1 : goldenValue(block)))
    model.read(0, blockCount)
    while (late.waiting.length > 0) late.release(0)
    assert.strictEqual(model.ended, 1)
  })

  it("keeps zeros of the granule that its base ended in, and has the base's blocks behind them", () => {
    const growing = new GrowingBdev(golden(), 100)
    const overlay = memoryOverlay(growing, mebibyte)
    overlay.unmap(0, 100 * 512, okIo)
    growing.blocks = blockCount
    overlay.baseResized(() => {})
    const model = new ModelDisk(overlay, (block) => (block < 100 ? 0 : goldenValue(block)))
    model.read(0, blockCount)
    assert.strictEqual(model.ended, 1)
  })

  it("that is closed ends what waits, and takes nothing more", () => {
    const late = new LateBdev(golden())
    const overlay = memoryOverlay(late, mebibyte)
    const [first, second, third] = [new RecordedIo(), new RecordedIo(), new RecordedIo()]
    overlay.write(0, Buffer.alloc(512), 0, 512, false, first)
    overlay.write(512, Buffer.alloc(512), 0, 512, false, second)
    overlay.close()
    assert.deepStrictEqual([first.answers, second.answers], [[], [IoStatus.aborted]])
    late.release(0)
    assert.deepStrictEqual(first.answers, [IoStatus.aborted])
    overlay.read(0, Buffer.alloc(512), 0, 512, third)
    assert.deepStrictEqual(third.answers, [IoStatus.aborted])
  })

  it("gives up what is cancelled: what waits at once, what is at the base there", () => {
    const late = new LateBdev(golden())
    const overlay = memoryOverlay(late, mebibyte)
    const [first, second] = [new RecordedIo(), new RecordedIo()]
    overlay.write(0, Buffer.alloc(512, 1), 0, 512, false, first)
    overlay.write(512, Buffer.alloc(512, 2), 0, 512, false, second)
    overlay.cancel(second)
    assert.deepStrictEqual(second.answers, [IoStatus.aborted])
    overlay.cancel(first)
    assert.deepStrictEqual([first.answers, late.waiting], [[IoStatus.aborted], []])
    const model = new ModelDisk(overlay, goldenValue)
    model.read(0, 4)
    late.release(0)
    assert.strictEqual(model.ended, 1)
  })
})
