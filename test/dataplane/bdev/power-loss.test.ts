/**
 * The power fails at any moment: whatever a flush or FUA has confirmed is there afterwards, nothing is older, and no
 * sector is a mixture of two writes. `LUNLOG_TEST_SEED` runs a failed run again.
 */
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { type Bdev, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { BdevSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { openBdev } from "../../../src/dataplane/bdev/open-bdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { MemoryBudget } from "../../../src/dataplane/MemoryBudget.ts"
import { makeRandom, type Random, runSeed } from "../../support/initiator/random.ts"
import { PromisedBlocks, stampedBlocks } from "../../support/promised-blocks.ts"
import { aioSpec } from "./aio-support.ts"
import { LosingFiles, sectorBytes } from "./losing-files.ts"
import { mallocSpec, RecordedIo } from "./recorded-io.ts"

const sectors = 400
const bytes = sectors * sectorBytes

/** Opens a bdev on the file; its operations go on while it is being opened. */
const openOn = async (files: LosingFiles, spec: BdevSpec): Promise<Bdev> => {
  const opening = Promise.withResolvers<Bdev>()
  const surroundings = {
    openBase: () => undefined,
    random: () => 0.5,
    memory: MemoryBudget.sized(Number.POSITIVE_INFINITY).account("disks"),
    openFiles: new OpenFiles(files, 64),
    ioFailed: () => {},
    tell: () => {}
  }
  let isOpen = false
  openBdev({ name: "disk", spec }, surroundings, new AbortController().signal, (result) => {
    isOpen = true
    if (result._tag === "BdevOpened") opening.resolve(result.bdev)
    else opening.reject(new Error(result.detail))
  })
  while (!isOpen) {
    files.step()
    await turn()
  }
  return opening.promise
}

/** Random IO that never overlaps with other that is under way. */
class Load {
  readonly promised = new PromisedBlocks(sectors)
  readonly #random: Random
  readonly #disk: Bdev
  readonly #forgives: boolean
  readonly #busy = new Set<number>()
  #lastStamp = 0

  /** `forgives`: what a sync has lost is confirmed by the next that succeeds. */
  constructor(random: Random, disk: Bdev, forgives: boolean) {
    this.#random = random
    this.#disk = disk
    this.#forgives = forgives
  }

  write(fua: boolean): void {
    const first = this.#random.below(sectors)
    const count = Math.min(sectors - first, this.#random.pick([1, 2, 8, 40, 200]))
    const range = Array.from({ length: count }, (_, at) => first + at)
    if (range.some((at) => this.#busy.has(at))) return
    const stamp = this.#random.chance(0.8) ? ++this.#lastStamp : 0
    const data = stampedBlocks(stamp, first, count)
    for (const at of range) this.#busy.add(at)
    this.promised.submitted(first, count, stamp)
    const io = new RecordedIo()
    const ioDone = (status: IoStatus): void => {
      io.ioDone(status)
      for (const at of range) this.#busy.delete(at)
      if (status === IoStatus.ok) this.promised.ended(first, count, fua)
      else this.#failed()
      // The buffer is its owner's again.
      data.fill(0xee)
    }
    if (stamp > 0) this.#disk.write(first * sectorBytes, data, 0, data.length, fua, { ioDone })
    else if (fua || this.#random.chance(0.5)) {
      this.#disk.writeZeroes(first * sectorBytes, data.length, fua, { ioDone })
    } else this.#disk.unmap(first * sectorBytes, data.length, { ioDone })
  }

  flush(): void {
    const ended = this.promised.atFlush()
    this.#disk.flush({
      ioDone: (status) => {
        if (status === IoStatus.ok) this.promised.flushed(ended)
        else this.#failed()
      }
    })
  }

  #failed(): void {
    if (!this.#forgives) this.promised.syncFailed()
  }
}

const noLatency = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }

const kinds: ReadonlyArray<readonly [string, BdevSpec, boolean, (disk: Bdev) => Bdev]> = [
  ["a file", aioSpec("/disk"), false, (disk) => disk],
  ["a bdev on a file", aioSpec("/disk"), false, (disk) => new DelayBdev(noLatency, disk, () => 0.5)],
  ["a RAM disk that a file keeps", { ...mallocSpec({ blockCount: sectors }), filename: "/disk" }, true, (disk) => disk]
]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe.each(kinds)("after a loss of power, %s", (_, spec, forgives, stacked) => {
  const seed = runSeed(20261123)

  it(`has what was confirmed, and no torn sector (seed ${seed})`, async () => {
    const random = makeRandom(seed)
    let checks = 0
    for (let run = 0; run < 6; run++) {
      const files = new LosingFiles(random, Buffer.alloc(bytes))
      const load = new Load(random, stacked(await openOn(files, spec)), forgives)
      for (let action = 0; action < 500; action++) {
        const choice = random.below(100)
        if (choice < 25) load.write(false)
        else if (choice < 32) load.write(true)
        else if (choice < 40) load.flush()
        else if (choice === 40) files.failingSyncs = 1
        else if (choice === 41) vi.advanceTimersByTime(5_000)
        else files.step()
        if (action % 8 === 0) await turn()
        if (action % 5 > 0) continue
        assert.isUndefined(load.promised.problemOf(files.crash()))
        checks++
      }
      const left = files.crash()
      const found = new LosingFiles(random, left)
      const disk = await openOn(found, spec)
      const content = Buffer.alloc(bytes)
      const io = new RecordedIo()
      disk.read(0, content, 0, bytes, io)
      while (io.answers.length === 0) if (!found.step()) await turn()
      assert.isTrue(content.equals(left))
    }
    assert.isAbove(checks, 500)
  })
})
