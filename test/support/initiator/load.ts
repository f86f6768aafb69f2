/**
 * A load on one LUN of one session at a queue depth: random slots, reads that are compared with what must be there, and
 * every command's outcome counted. It goes on through CHECK CONDITIONs, because what it is for is pulling the LUN out
 * under it.
 */
import { setTimeout as delay } from "node:timers/promises"
import { cdb } from "./commands.ts"
import { makePattern, neverWritten, versionsOf } from "./pattern.ts"
import type { Random } from "./random.ts"
import { outcomeText, type ScsiRequest } from "./ScsiTask.ts"
import type { Session } from "./Session.ts"

/** What to run. */
export interface LoadOptions {
  readonly session: Session
  readonly lun: number
  readonly random: Random
  /** Bytes of each command; a multiple of `blockBytes`. */
  readonly ioBytes: number
  readonly queueDepth: number
  /** Share of reads, 0 to 1. */
  readonly reads: number
  readonly blockBytes?: number
  /** Blocks that this load alone writes: `firstBlock` and as many slots of `ioBytes` as `slots` says. */
  readonly firstBlock?: number
  readonly slots: number
  /** Reads are compared; false for a bdev whose reads mean nothing. Default true. */
  readonly verify?: boolean
  /** R2Ts are answered up to this many milliseconds late, so that some data comes after its command has ended. */
  readonly lateDataMillis?: number
  /**
   * What the slots hold at the start: zeros (default), or nobody knows, so that reads are compared after the first
   * write.
   */
  readonly contents?: "zeros" | "unknown"
  /** End after this many commands were refused with 5/25/00 (default 4 x queue depth). */
  readonly refusalsMax?: number
  readonly waitMillis?: number
}

/** What a load has seen so far, and at its end. */
export interface LoadReport {
  /** Commands by outcome: `GOOD`, `5/25/00`, `lost` (the connection closed), `no answer` ... */
  readonly outcomes: ReadonlyMap<string, number>
  /** Data that was wrong, in words; at most 20 of them. */
  readonly mismatches: ReadonlyArray<string>
  readonly started: number
  readonly finished: number
}

/** A running load. */
export interface Load {
  /** Starts no more commands; those that run are awaited. */
  readonly stop: () => void
  readonly done: Promise<LoadReport>
  /** Commands that ended with GOOD so far. */
  readonly good: () => number
  /** Resolves when `count` more commands have ended with GOOD, or the load has ended. */
  readonly more: (count: number) => Promise<void>
}

const mismatchesMax = 20

/** The outcome of a command to a LUN that is not there. */
export const lunNotSupported = "5/25/00"

/** What a slot may hold: one version after a good write, more after one that failed, undefined when nobody knows. */
interface Slot {
  readonly firstBlock: number
  versions: ReadonlyArray<number> | undefined
  busy: boolean
}

class LoadRun {
  readonly outcomes = new Map<string, number>()
  readonly mismatches: Array<string> = []
  started = 0
  finished = 0
  good = 0
  stopped = false
  readonly #options: LoadOptions
  readonly #blockBytes: number
  readonly #slots: ReadonlyArray<Slot>
  readonly #watchers: Array<{ readonly at: number; readonly resolve: () => void }> = []
  #version = neverWritten

  constructor(options: LoadOptions) {
    this.#options = options
    this.#blockBytes = options.blockBytes ?? 512
    const blocks = options.ioBytes / this.#blockBytes
    this.#slots = Array.from({ length: Math.max(options.slots, options.queueDepth) }, (_, index) => ({
      firstBlock: (options.firstBlock ?? 0) + index * blocks,
      versions: options.contents === "unknown" ? undefined : [neverWritten],
      busy: false
    }))
  }

  async worker(): Promise<void> {
    while (!this.stopped) {
      const slot = this.#freeSlot()
      slot.busy = true
      this.started++
      const outcome = await this.#runOne(slot)
      slot.busy = false
      this.#count(outcome)
    }
  }

  watch(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.stopped) resolve()
      else this.#watchers.push({ at: this.good + count, resolve })
    })
  }

  releaseWatchers(everyone: boolean): void {
    for (let index = this.#watchers.length - 1; index >= 0; index--) {
      const watcher = this.#watchers[index]
      if (watcher === undefined || !(everyone || this.good >= watcher.at)) continue
      this.#watchers.splice(index, 1)
      watcher.resolve()
    }
  }

  #freeSlot(): Slot {
    const start = this.#options.random.below(this.#slots.length)
    for (let step = 0; step < this.#slots.length; step++) {
      const slot = this.#slots[(start + step) % this.#slots.length]
      if (slot !== undefined && !slot.busy) return slot
    }
    throw new Error("a load has at least as many slots as its queue depth")
  }

  async #runOne(slot: Slot): Promise<string> {
    try {
      return this.#options.random.chance(this.#options.reads) ? await this.#read(slot) : await this.#write(slot)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (error.name === "WireClosed") {
        this.stopped = true
        return "lost"
      }
      if (error.name === "WireTimeout") {
        this.stopped = true
        return "no answer"
      }
      return error.message
    }
  }

  async #read(slot: Slot): Promise<string> {
    const { session, lun, ioBytes, verify, waitMillis } = this.#options
    const command = cdb.read16(slot.firstBlock, ioBytes / this.#blockBytes)
    const wait = waitMillis === undefined ? {} : { waitMillis }
    const result = await session.command({ lun, cdb: command, readBytes: ioBytes, ...wait })
    const outcome = outcomeText(result)
    if (outcome === "GOOD" && result.data.length !== ioBytes) {
      this.mismatches.push(`a read of ${ioBytes} bytes at block ${slot.firstBlock} has ${result.data.length}`)
    }
    if (outcome === "GOOD" && verify !== false) this.#compare(slot, result.data)
    return outcome
  }

  async #write(slot: Slot): Promise<string> {
    const { session, lun, ioBytes, waitMillis } = this.#options
    const blocks = ioBytes / this.#blockBytes
    const version = ++this.#version
    const before = slot.versions
    slot.versions = before === undefined ? undefined : [...before, version]
    const writeData = makePattern(slot.firstBlock, blocks, version, this.#blockBytes)
    const wait = waitMillis === undefined ? {} : { waitMillis }
    const late = this.#lateData()
    const command = cdb.write16(slot.firstBlock, blocks)
    const result = await session.command({ lun, cdb: command, writeData, ...wait, ...late })
    const outcome = outcomeText(result)
    if (outcome === "GOOD") slot.versions = [version]
    // A unit attention, or a LUN that is not there, is told before anything is written.
    else if (outcome.startsWith("6/")) slot.versions = before
    return outcome
  }

  #lateData(): Pick<ScsiRequest, "onR2t"> {
    const { lateDataMillis, random } = this.#options
    if (lateDataMillis === undefined) return {}
    // In the order of the R2Ts, as DataSequenceInOrder=Yes wants it.
    let last = Promise.resolve()
    return {
      onR2t: (_, answer) => {
        last = last.then(() => delay(random.between(0, lateDataMillis))).then(answer)
      }
    }
  }

  #compare(slot: Slot, data: Buffer): void {
    if (slot.versions === undefined) return
    const found = versionsOf(data, slot.firstBlock, slot.versions, this.#blockBytes)
    const wrong = found.indexOf(undefined)
    if (wrong < 0 || this.mismatches.length >= mismatchesMax) return
    const head = data.subarray(wrong * this.#blockBytes, wrong * this.#blockBytes + 8)
    this.mismatches.push(
      `block ${slot.firstBlock + wrong} is none of version ${slot.versions.join(" or ")}: ` +
        `it starts with ${head.toString("hex")}`
    )
  }

  #count(outcome: string): void {
    this.finished++
    const count = (this.outcomes.get(outcome) ?? 0) + 1
    this.outcomes.set(outcome, count)
    if (outcome === "GOOD") {
      this.good++
      this.releaseWatchers(false)
    }
    const refusals = this.#options.refusalsMax ?? 4 * this.#options.queueDepth
    if (outcome === lunNotSupported && count >= refusals) this.stopped = true
  }
}

/** Starts a load. It ends when stopped, when the LUN is gone for good, or with its connection. */
export const startLoad = (options: LoadOptions): Load => {
  const run = new LoadRun(options)
  const workers = Array.from({ length: options.queueDepth }, () => run.worker())
  const done = Promise.all(workers).then((): LoadReport => {
    run.stopped = true
    run.releaseWatchers(true)
    return run
  })
  return {
    stop: () => {
      run.stopped = true
    },
    done,
    good: () => run.good,
    more: (count) => run.watch(count)
  }
}

/** Runs loads until each has `goodEach` commands with GOOD, then stops them and waits for their reports. */
export const runLoads = async (
  loads: ReadonlyArray<LoadOptions>,
  goodEach: number
): Promise<ReadonlyArray<LoadReport>> => {
  const running = loads.map(startLoad)
  await Promise.all(running.map((load) => load.more(goodEach)))
  for (const load of running) load.stop()
  return Promise.all(running.map((load) => load.done))
}
