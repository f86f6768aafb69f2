/**
 * What the base holds, with changes kept elsewhere: the base is never written to. Changes are kept by granules; one
 * that is written in part is completed from the base first. Unmapped blocks are zeros, and stay so.
 *
 * It is as large as its base. When that grows, a granule that the old end had cut is completed first (`baseResized`).
 */
import { type Bdev, type BdevIo, IoStatus, type RunFound } from "../Bdev.ts"
import type { Provisioning } from "../memory/Provisioning.ts"
import { WrapperBdev } from "../wrapper/WrapperBdev.ts"
import { ChangeQueue, type QueuedChange } from "./ChangeQueue.ts"
import { Granule } from "./GranuleMap.ts"
import { OverlayChange } from "./OverlayChange.ts"
import { readRuns, runOf } from "./OverlayRead.ts"
import type { OverlayStore } from "./OverlayStore.ts"
import type { Pieces } from "./Pieces.ts"

/** Gives an empty store in place of the one that is in use, or an errno name and a sentence. */
export type RenewStore = (
  blockCount: number,
  done: (renewed: OverlayStore | { readonly code: string; readonly detail: string }) => void
) => void

/** How a reset has ended. */
export type ResetEnded = (failure: { readonly code: string; readonly detail: string } | undefined) => void

/** A disk on top of another that stays as it is. */
export class OverlayBdev extends WrapperBdev {
  override readonly hasOwnBlocks = true
  override readonly writeCache: boolean
  override readonly readOnly = false
  override readonly atomicWrites = false
  #store: OverlayStore
  readonly #renew: RenewStore
  readonly #queue = new ChangeQueue()
  /** By the IO that each stands for. */
  readonly #changes = new Map<BdevIo, OverlayChange>()
  readonly #reads = new Map<BdevIo, Pieces>()
  /** Blocks that are known to be whole. */
  #blocksMax: number
  #isClosed = false
  #isResetting = false

  /** `blockCount` is what the store knows of. */
  constructor(base: Bdev, store: OverlayStore, blockCount: number, renew: RenewStore) {
    super("Overlay disk", base)
    this.#store = store
    this.#renew = renew
    this.#blocksMax = blockCount
    this.writeCache = store.writeCache
  }

  override get blockCount(): number {
    return Math.min(this.#blocksMax, this.base.blockCount)
  }

  /** Bytes of memory that changes may take. */
  get memoryBytes(): number {
    return this.#store.memoryBytes
  }

  override get syncFailures(): number {
    return this.#store.syncFailures
  }

  override get thin(): boolean {
    return true
  }

  override get provisioning(): Provisioning | undefined {
    return undefined
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    const store = this.#store
    if (this.#isClosed) return io.ioDone(IoStatus.aborted)
    if (this.#isOutside(byteOffset, byteLength)) return io.ioDone(IoStatus.failed)
    const run = runOf(store, byteOffset, byteLength)
    if (run.byteLength === byteLength && run.state === Granule.base) {
      return this.base.read(byteOffset, target, targetStart, byteLength, io)
    }
    if (run.byteLength === byteLength && run.state === Granule.own) {
      return store.read(byteOffset, target, targetStart, byteLength, io)
    }
    const pieces = readRuns(this.base, store, byteOffset, target, targetStart, byteLength, {
      ioDone: (status, at) => {
        this.#reads.delete(io)
        io.ioDone(status, at)
      }
    })
    this.#reads.set(io, pieces)
    pieces.begun()
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    const store = this.#store
    const run = runOf(store, byteOffset, byteLength)
    const isOwn = run.state === Granule.own && run.byteLength === byteLength && store.isKept
    if (!isOwn || fua || !this.#queue.isEmpty || this.#isClosed || this.#isOutside(byteOffset, byteLength)) {
      return this.#change(byteOffset, source, sourceStart, byteLength, fua, io)
    }
    store.write(byteOffset, source, sourceStart, byteLength, io)
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.#change(byteOffset, undefined, 0, byteLength, false, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.#change(byteOffset, undefined, 0, byteLength, fua, io)
  }

  override mappedRun(byteOffset: number, byteLength: number, found: RunFound): void {
    const run = runOf(this.#store, byteOffset, byteLength)
    if (run.state === Granule.base) this.base.mappedRun(byteOffset, run.byteLength, found)
    else found(run.state === Granule.own ? run.byteLength : -run.byteLength)
  }

  /** The base has nothing of ours. */
  flush(io: BdevIo): void {
    if (this.#isClosed) io.ioDone(IoStatus.aborted)
    else this.#store.flush(io)
  }

  override cancel(io: BdevIo): void {
    const change = this.#changes.get(io)
    if (change !== undefined) {
      if (this.#queue.withdraw(change)) this.#answer(change, IoStatus.aborted, undefined)
      else change.cancel()
      return
    }
    for (const piece of [...(this.#reads.get(io)?.out ?? [io])]) {
      this.base.cancel?.(piece)
      this.#store.cancel(piece)
    }
  }

  /** Forgets all changes. IO that is under way is as if it had come before. Initiators have to be told. */
  reset(ended: ResetEnded): void {
    if (this.#isClosed) return ended({ code: "ENODEV", detail: "it was closed meanwhile" })
    if (this.#isResetting) return ended({ code: "EBUSY", detail: "it is being reset already" })
    this.#isResetting = true
    const { blockCount } = this.base
    this.#renew(blockCount, (renewed) => {
      this.#isResetting = false
      if ("code" in renewed) return ended(renewed)
      if (this.#isClosed) {
        renewed.close()
        return ended({ code: "ENODEV", detail: "it was closed meanwhile" })
      }
      const before = this.#store
      this.#store = renewed
      this.#blocksMax = blockCount
      before.discard()
      ended(undefined)
    })
  }

  /** The base has another size: `done` is called when this has it, too. */
  baseResized(done: () => void): void {
    const granule = Math.floor((this.#blocksMax * this.blockSize) / this.#store.granuleBytes)
    const change: QueuedChange = {
      first: granule,
      end: granule + 1,
      begin: () =>
        this.#complete(granule, () => {
          this.#queue.leave(change)
          done()
        })
    }
    if (this.base.blockCount <= this.#blocksMax || this.#isClosed) done()
    else this.#queue.enter(change)
  }

  /** A granule that ended with the disk, and now ends with the base. */
  #complete(granule: number, done: () => void): void {
    const store = this.#store
    const { blockCount } = this.base
    const from = this.#blocksMax * this.blockSize
    const to = Math.min((granule + 1) * store.granuleBytes, blockCount * this.blockSize)
    const record = (status: IoStatus): void => {
      if (status !== IoStatus.ok) return done()
      store.recordSize(blockCount, {
        ioDone: (recorded) => {
          if (recorded === IoStatus.ok) this.#blocksMax = Math.max(this.#blocksMax, blockCount)
          done()
        }
      })
    }
    const state = store.map.at(granule)
    if (from >= to || state === Granule.base) return record(IoStatus.ok)
    // Zeros that nobody keeps are a whole granule: with others behind them it is the store's own.
    const start = state === Granule.zeros ? granule * store.granuleBytes : from
    const written = (status: IoStatus): void => {
      if (status !== IoStatus.ok || state === Granule.own) return record(status)
      store.mark(granule, granule + 1, Granule.own, { ioDone: record })
    }
    const content = Buffer.alloc(to - start)
    this.base.read(from, content, from - start, to - from, {
      ioDone: (status) => {
        if (status === IoStatus.ok) store.write(start, content, 0, content.length, { ioDone: written })
        else record(status)
      }
    })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#queue.takeWaiting()
    const waiting = [...this.#changes.values()].filter((change) => !change.isBegun)
    for (const change of waiting) this.#answer(change, IoStatus.aborted, undefined)
    this.#store.close()
  }

  /** Calls `then` when nothing of it is open, after `close`. */
  whenClosed(then: () => void): void {
    this.#store.whenClosed(then)
  }

  #change(
    byteOffset: number,
    source: Buffer | undefined,
    start: number,
    byteLength: number,
    fua: boolean,
    io: BdevIo
  ): void {
    if (this.#isClosed) return io.ioDone(IoStatus.aborted)
    if (this.#isOutside(byteOffset, byteLength)) return io.ioDone(IoStatus.failed)
    const change = new OverlayChange(
      { byteOffset, source, start, byteLength, fua, io },
      this.#store.granuleBytes,
      () => ({ base: this.base, store: this.#store }),
      (ended, status, at) => {
        this.#queue.leave(ended)
        this.#answer(ended, status, at)
      }
    )
    this.#changes.set(io, change)
    this.#queue.enter(change)
  }

  #answer(change: OverlayChange, status: IoStatus, byteOffset: number | undefined): void {
    const { io } = change.request
    this.#changes.delete(io)
    io.ioDone(status, byteOffset)
  }

  #isOutside(byteOffset: number, byteLength: number): boolean {
    return byteOffset + byteLength > this.blockCount * this.blockSize
  }
}

/** The lowest overlay of a stack that is above `below`, if there is one. */
export const firstOverlayAbove = (bdev: Bdev, below: Bdev): OverlayBdev | undefined => {
  let found: OverlayBdev | undefined
  for (let at = bdev; at !== below && at instanceof WrapperBdev; at = at.base) if (at instanceof OverlayBdev) found = at
  return found
}
