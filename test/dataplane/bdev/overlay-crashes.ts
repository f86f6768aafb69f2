/** Overlays in files that are killed, or whose power fails, at any moment; and what they must hold then. */
import { assert } from "vitest"
import { type BdevIo, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import type { StoreDevice } from "../../../src/dataplane/bdev/overlay/FileStore.ts"
import { loadStore } from "../../../src/dataplane/bdev/overlay/load-store.ts"
import { OverlayBdev } from "../../../src/dataplane/bdev/overlay/OverlayBdev.ts"
import { headPage, noBoot, PageKind, pageBytes } from "../../../src/dataplane/bdev/overlay/overlay-pages.ts"
import type { Dice } from "../../domain/random.ts"
import { diceOf } from "../../domain/random.ts"
import { ModelDisk, PatternBdev } from "./stack-support.ts"

export const sectorBytes = 512
export const bootOf = (number: number): Buffer => Buffer.alloc(16, number)

/** Sectors of a file, those that were never written are zeros. */
export type Sectors = Map<number, Buffer>

interface Waiting {
  readonly io: BdevIo
  readonly run: () => void
}

/** A file on a disk whose power can fail: what was written is in a cache until a sync, and any of it may be lost. */
export class CrashFile extends NullBdev implements StoreDevice {
  readonly cache: Sectors
  /** As it is on the medium for certain. */
  readonly synced: Sectors
  /** Since the last sync, in order. */
  readonly #unsynced: Array<readonly [sector: number, content: Buffer, atom: string]> = []
  readonly waiting: Array<Waiting> = []
  /** Sectors that reach the medium together, or not. */
  readonly #atomSectors: number
  #writes = 0
  /** Where nothing can be written now: there is no space. */
  refuses: (byteOffset: number) => boolean = () => false

  constructor(content: Sectors, atomSectors: number) {
    super({ _tag: "Null", blockCount: 2 ** 40, blockSize: sectorBytes, physicalBlockSize: 0 })
    this.#atomSectors = atomSectors
    this.cache = new Map(content)
    this.synced = new Map(content)
  }

  override read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.#later(io, () => {
      for (let done = 0; done < byteLength; done += sectorBytes) {
        const start = targetStart + done
        const content = this.cache.get((byteOffset + done) / sectorBytes)
        if (content === undefined) target.fill(0, start, start + sectorBytes)
        else content.copy(target, start)
      }
    })
  }

  override write(at: number, source: Buffer, start: number, byteLength: number, fua: boolean, io: BdevIo): void {
    if (this.refuses(at)) return io.ioDone(IoStatus.noSpace)
    this.#later(io, () => {
      this.#writes++
      for (let done = 0; done < byteLength; done += sectorBytes) {
        this.#put((at + done) / sectorBytes, Buffer.from(source.subarray(start + done, start + done + sectorBytes)))
      }
      if (fua) this.#sync()
    })
  }

  override unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.#later(io, () => {
      this.#writes++
      for (let done = 0; done < byteLength; done += sectorBytes) {
        this.#put((byteOffset + done) / sectorBytes, Buffer.alloc(sectorBytes))
      }
    })
  }

  override flush(io: BdevIo): void {
    this.#later(io, () => this.#sync())
  }

  whenClosed(then: () => void): void {
    then()
  }

  /** Lets some go that wait, in any order. */
  progress({ roll }: Dice, left: number): void {
    while (this.waiting.length > left) {
      const [next] = this.waiting.splice(roll(this.waiting.length), 1)
      next?.run()
      next?.io.ioDone(IoStatus.ok)
    }
  }

  /** What the medium has when the power fails now: of each sector any of what was written since the last sync. */
  afterPowerCut({ roll }: Dice): Sectors {
    const left = new Map(this.synced)
    const lost = new Map<string, boolean>()
    for (const [sector, content, atom] of this.#unsynced) {
      if (!lost.has(atom)) lost.set(atom, roll(2) === 0)
      if (lost.get(atom) === false) left.set(sector, content)
    }
    return left
  }

  #put(sector: number, content: Buffer): void {
    this.cache.set(sector, content)
    this.#unsynced.push([sector, content, `${this.#writes} ${Math.floor(sector / this.#atomSectors)}`])
  }

  #sync(): void {
    for (const [sector, content] of this.#unsynced.splice(0)) this.synced.set(sector, content)
  }

  #later(io: BdevIo, run: () => void): void {
    this.waiting.push({ io, run })
  }
}

export interface Shape {
  readonly blockSize: number
  readonly granuleBytes: number
  readonly blockCount: number
  readonly from: number
}

/** A disk within one segment, and the surroundings of a border between two. */
export const shapes: ReadonlyArray<Shape> = [
  { blockSize: 512, granuleBytes: 64 * 1024, blockCount: 700, from: 0 },
  { blockSize: 8192, granuleBytes: 16 * 1024, blockCount: 8064 + 20, from: 8064 - 40 }
]

export const baseValue = (block: number): number => 200 + (block % 50)

/** A block is not torn by the power, as on a disk of such sectors. */
export const fileOf = (content: Sectors, { blockSize }: Shape): CrashFile =>
  new CrashFile(content, blockSize / sectorBytes)

export const newFile = (shape: Shape): CrashFile => {
  const { blockCount, blockSize, granuleBytes } = shape
  const label = { kind: PageKind.head, sequence: 1, segment: 0, id: bootOf(77), boot: noBoot }
  const page = headPage(label, { blockSize, granuleBytes, blockCount })
  const sectors: Sectors = new Map()
  for (let at = 0; at < pageBytes; at += sectorBytes) {
    sectors.set((pageBytes + at) / sectorBytes, Buffer.from(page.subarray(at, at + sectorBytes)))
  }
  return fileOf(sectors, shape)
}

export const openOn = async (file: CrashFile, { blockCount, blockSize }: Shape, boot: Buffer, dice: Dice) => {
  const loading = loadStore(file, blockSize, boot)
  let loaded: Awaited<typeof loading> | undefined
  void loading.then((done) => {
    loaded = done
  })
  while (loaded === undefined) {
    file.progress(dice, 0)
    await Promise.resolve()
  }
  if ("why" in loaded) return assert.fail(loaded.why)
  const base = new PatternBdev(blockCount, blockSize, baseValue)
  return new OverlayBdev(base, loaded.store, loaded.head.blockCount, () => assert.fail("no reset"))
}

/** What each block may hold after the power has failed: what a flush has found, and all that was written since. */
class PowerModel {
  readonly #model: ModelDisk
  #certain: ReadonlyArray<ReadonlySet<number>>
  #writtenSince: Array<readonly [block: number, value: number, at: number]> = []
  #now = 0

  constructor(model: ModelDisk) {
    this.#model = model
    this.#certain = model.blocks.map((values) => new Set(values))
  }

  wrote(first: number, count: number, value: number): void {
    this.#now++
    for (let block = first; block < first + count; block++) this.#writtenSince.push([block, value, this.#now])
  }

  flush(): void {
    const began = this.#now
    const certain = this.#model.blocks.map((values) => new Set(values))
    this.#model.flush((status) => {
      if (status !== IoStatus.ok) return
      this.#certain = certain
      this.#writtenSince = this.#writtenSince.filter(([, , at]) => at > began)
    })
  }

  allowed(): ReadonlyArray<Set<number>> {
    const allowed = this.#certain.map((values) => new Set(values))
    for (const [block, value] of this.#writtenSince) allowed[block]?.add(value)
    return allowed
  }
}

const checked = (
  file: CrashFile,
  overlay: OverlayBdev,
  allowed: ReadonlyArray<Set<number>>,
  dice: Dice,
  from: number
) => {
  const model = new ModelDisk(overlay, baseValue)
  for (const [block, values] of allowed.entries()) model.blocks[block] = values
  model.read(from, model.blocks.length - from)
  file.progress(dice, 0)
  assert.strictEqual(model.ended, 1)
}

/** Some steps at random, then the end at any point. */
export const runCrashes = async (shape: Shape, seed: number, ends: "killed" | "power"): Promise<void> => {
  const dice = diceOf(seed)
  let file = newFile(shape)
  let allowed: ReadonlyArray<Set<number>> | undefined
  for (let life = 0; life < 3; life++) {
    const boot = bootOf(ends === "killed" ? 1 : life + 1)
    const overlay = await openOn(file, shape, boot, dice)
    const model = new ModelDisk(overlay, baseValue, shape.from)
    for (const [block, values] of (allowed ?? []).entries()) model.blocks[block] = values
    const power = new PowerModel(model)
    const steps = dice.roll(60)
    for (let step = 0; step < steps; step++) {
      const first = shape.from + dice.roll(shape.blockCount - shape.from)
      const count = 1 + dice.roll(Math.min(shape.blockCount - first, dice.pick([1, 4, 200])))
      const kind = dice.roll(10)
      if (kind < 6) {
        const value = kind === 5 ? 0 : 1 + ((life * 60 + step) % 199)
        power.wrote(first, count, value)
        model.write(first, count, value, kind === 5 ? "unmap" : "write", dice.roll(5) === 0)
      } else if (kind < 8) power.flush()
      else model.read(first, count)
      file.progress(dice, dice.roll(12))
    }
    allowed = ends === "killed" ? model.blocks.map((values) => new Set(values)) : power.allowed()
    file = fileOf(ends === "killed" ? file.cache : file.afterPowerCut(dice), shape)
    const again = await openOn(file, shape, bootOf(ends === "killed" ? 1 : life + 2), dice)
    checked(file, again, allowed, dice, shape.from)
  }
}
