/** The file of an overlay, which a process leaves at any moment. */
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { type Bdev, type BdevIo, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { loadStore } from "../../../src/dataplane/bdev/overlay/load-store.ts"
import { OverlayBdev } from "../../../src/dataplane/bdev/overlay/OverlayBdev.ts"
import { openOverlay } from "../../../src/dataplane/bdev/overlay/open-overlay.ts"
import { headPage, labelOf, noBoot, PageKind, pageBytes } from "../../../src/dataplane/bdev/overlay/overlay-pages.ts"
import { diceOf } from "../../domain/random.ts"
import { Folder } from "./aio-support.ts"
import { baseValue, bootOf, fileOf, newFile, openOn, runCrashes, sectorBytes, shapes } from "./overlay-crashes.ts"
import { okIo, RecordedIo } from "./recorded-io.ts"
import { ModelDisk, PatternBdev } from "./stack-support.ts"

describe("an overlay in a file", () => {
  it.each(shapes)("has everything that was answered when its process was killed at any moment: %o", async (shape) => {
    for (let seed = 1; seed <= 12; seed++) await runCrashes(shape, seed, "killed")
  })

  it.each(shapes)(
    "has everything that was flushed when the power has failed at any moment, and no torn block: %o",
    async (shape) => {
      for (let seed = 1; seed <= 12; seed++) await runCrashes(shape, seed, "power")
    }
  )

  it.each<[string, (disk: Bdev, io: BdevIo) => void, number]>([
    ["a write", (disk, io) => disk.write(512, Buffer.alloc(512, 9), 0, 512, false, io), 9],
    ["a write with FUA", (disk, io) => disk.write(512, Buffer.alloc(512, 9), 0, 512, true, io), 9],
    ["an unmap", (disk, io) => disk.unmap(512, 512, io), 0]
  ])("keeps what %s has answered where the map could not be written before", async (_, change, expected) => {
    const [shape] = shapes
    if (shape === undefined) return assert.fail("no shape")
    const dice = diceOf(1)
    const file = newFile(shape)
    const overlay = await openOn(file, shape, bootOf(1), dice)
    const run = (submit: (io: BdevIo) => void): IoStatus => {
      const io = new RecordedIo()
      submit(io)
      file.progress(dice, 0)
      return io.answers[0] ?? assert.fail("it has no answer")
    }
    const { granuleBytes } = shape
    // There is a map of this boot, which is older.
    assert.strictEqual(
      run((io) => overlay.unmap(3 * granuleBytes, granuleBytes, io)),
      IoStatus.ok
    )
    file.refuses = (at) => at >= granuleBytes && at < 2 * granuleBytes
    const refused = run((io) => overlay.write(512, Buffer.alloc(512, 5), 0, 512, false, io))
    assert.strictEqual(refused, IoStatus.noSpace)
    file.refuses = () => false
    const answered = run((io) => change(overlay, io))
    assert.strictEqual(answered, IoStatus.ok)
    const left = fileOf(file.cache, shape)
    const again = await openOn(left, shape, bootOf(1), dice)
    const target = Buffer.alloc(512, 0xee)
    again.read(512, target, 0, 512, okIo)
    left.progress(dice, 0)
    assert.isTrue(target.equals(Buffer.alloc(512, expected)), `${target[0]}`)
  })

  it("is reset beside its file, and takes nobody's file for that", async () => {
    using folder = new Folder()
    const openFiles = new OpenFiles()
    const open = async (name: string): Promise<OverlayBdev> => {
      const spec = {
        _tag: "Overlay",
        base: { name: "base", incarnation: 1 },
        filename: join(folder.path, name)
      } as const
      const base = new PatternBdev(100, 512, baseValue)
      const opening = { openFiles, ioFailed: () => {}, tell: () => {} }
      const result = await openOverlay(name, spec, base, opening, new AbortController().signal)
      if (result._tag === "BdevFailure" || !(result.bdev instanceof OverlayBdev)) return assert.fail("it is not open")
      return result.bdev
    }
    const reset = (disk: OverlayBdev): Promise<string | undefined> =>
      new Promise((resolve) => disk.reset((failure) => resolve(failure?.code)))
    const [disk, other] = [await open("disk"), await open("disk.reset")]
    assert.strictEqual(await reset(disk), "EEXIST")
    other.close()
    await new Promise<void>((resolve) => other.whenClosed(resolve))
    writeFileSync(join(folder.path, "disk.reset"), "somebody's")
    assert.strictEqual(await reset(disk), "EEXIST")
    writeFileSync(join(folder.path, "disk.reset"), "")
    assert.isUndefined(await reset(disk))
    assert.deepStrictEqual(readdirSync(folder.path), ["disk"])
    disk.close()
    await new Promise<void>((resolve) => disk.whenClosed(resolve))
  })

  it("is read without harm whatever was done to it", async () => {
    const [shape] = shapes
    if (shape === undefined) return assert.fail("no shape")
    const dice = diceOf(5)
    for (let round = 0; round < 100; round++) {
      const file = newFile(shape)
      const overlay = await openOn(file, shape, bootOf(1), dice)
      const model = new ModelDisk(overlay, baseValue)
      for (let step = 0; step < 4; step++) model.write(step * 100, 10, 3, "write", true)
      file.progress(dice, 0)
      const sectors = new Map(file.cache)
      for (let damage = 0; damage < 1 + dice.roll(4); damage++) {
        const keys = [...sectors.keys()].filter((sector) => sector < (2 * shape.granuleBytes) / sectorBytes)
        const sector = keys[dice.roll(keys.length)] ?? 0
        const content = Buffer.from(sectors.get(sector) ?? Buffer.alloc(sectorBytes))
        content[dice.roll(sectorBytes)] = dice.roll(256)
        sectors.set(sector, content)
      }
      const damaged = fileOf(sectors, shape)
      const loading = loadStore(damaged, shape.blockSize, bootOf(1))
      let isOver = false
      void loading.then(() => {
        isOver = true
      })
      while (!isOver) {
        damaged.progress(dice, 0)
        await Promise.resolve()
      }
      const loaded = await loading
      if ("why" in loaded) assert.include(loaded.why, "is no overlay")
    }
  })

  it("knows its pages by their checksum, and one of a later version", () => {
    const label = { kind: PageKind.head, sequence: 5, segment: 0, id: bootOf(1), boot: noBoot } as const
    const page = headPage(label, { blockSize: 512, granuleBytes: 65536, blockCount: 8 })
    assert.deepStrictEqual(labelOf(page), label)
    for (let at = 0; at < pageBytes; at += 7) {
      const wrong = Buffer.from(page)
      wrong[at] = (wrong[at] ?? 0) ^ 1
      assert.isUndefined(labelOf(wrong), `byte ${at}`)
    }
    assert.isUndefined(labelOf(Buffer.alloc(pageBytes)))
    assert.isUndefined(labelOf(page.subarray(0, 100)))
  })
})
