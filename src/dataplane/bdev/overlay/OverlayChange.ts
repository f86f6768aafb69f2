/**
 * One change of an overlay: a write, or zeros. Step by step: what is missing of granules that it covers only in part is
 * read from the base, granules are written to the store, then marked as the overlay's own. Until they are marked, they
 * read as before; so each block is old or new, whatever fails, and nothing is seen in between.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import type { QueuedChange } from "./ChangeQueue.ts"
import { Granule } from "./GranuleMap.ts"
import type { OverlayStore } from "./OverlayStore.ts"
import { Pieces } from "./Pieces.ts"

/** What is to be written; no `source` is zeros. */
export interface ChangeRequest {
  readonly byteOffset: number
  readonly byteLength: number
  readonly source: Buffer | undefined
  readonly start: number
  readonly fua: boolean
  readonly io: BdevIo
}

/** What a change works on, as it is when the change begins. */
export interface ChangePlace {
  readonly base: Bdev
  readonly store: OverlayStore
}

/** A granule that is put together before it is written. */
interface Fill {
  readonly granule: number
  readonly content: Buffer
  readonly fromBase: boolean
}

/** Zeros of granules are written in parts only to those that the overlay has already: at most two. */
const zerosOf = (byteLength: number): Buffer => Buffer.alloc(byteLength)

/** One is used once. */
export class OverlayChange implements QueuedChange {
  readonly first: number
  readonly end: number
  readonly request: ChangeRequest
  readonly #place: () => ChangePlace
  readonly #ended: (change: OverlayChange, status: IoStatus, byteOffset: number | undefined) => void
  readonly #fills: Array<Fill> = []
  #base: Bdev | undefined
  #diskBytes = 0
  #reading: Pieces | undefined

  /** `ended` is called once, after `begin`. */
  constructor(
    request: ChangeRequest,
    granuleBytes: number,
    place: () => ChangePlace,
    ended: (change: OverlayChange, status: IoStatus, byteOffset: number | undefined) => void
  ) {
    this.request = request
    this.first = Math.floor(request.byteOffset / granuleBytes)
    this.end = Math.ceil((request.byteOffset + request.byteLength) / granuleBytes)
    this.#place = place
    this.#ended = ended
  }

  /** It does not wait for its turn any more. */
  get isBegun(): boolean {
    return this.#base !== undefined
  }

  begin(): void {
    const { base, store } = this.#place()
    this.#base = base
    this.#diskBytes = base.blockCount * base.blockSize
    this.#planFills(store)
    const pieces = new Pieces((status, at) => this.#filled(store, status, at))
    this.#reading = pieces
    for (const { content, fromBase, granule } of this.#fills) {
      if (fromBase) base.read(granule * store.granuleBytes, content, 0, content.length, pieces.next())
    }
    pieces.begun()
  }

  /** Nobody waits for it any more: what has been asked of the base may be given up there. */
  cancel(): void {
    for (const piece of [...(this.#reading?.out ?? [])]) this.#base?.cancel?.(piece)
  }

  /** The first and the last granule may be covered in part, and not be the store's own whole yet. */
  #planFills(store: OverlayStore): void {
    const { byteLength, byteOffset, source } = this.request
    for (const granule of new Set([this.first, this.end - 1])) {
      const start = granule * store.granuleBytes
      const end = Math.min(this.#diskBytes, start + store.granuleBytes)
      const state = store.map.at(granule)
      const isCovered = byteOffset <= start && byteOffset + byteLength >= end
      // Of what is zeros already, zeros change nothing.
      if (isCovered || state === Granule.own || (source === undefined && state === Granule.zeros)) continue
      this.#fills.push({ granule, content: Buffer.alloc(end - start), fromBase: state === Granule.base })
    }
  }

  #filled(store: OverlayStore, status: IoStatus, byteOffset: number | undefined): void {
    this.#reading = undefined
    if (status !== IoStatus.ok) return this.#finish(store, status, byteOffset)
    const pieces = new Pieces((written, at) => {
      if (written === IoStatus.ok) this.#mark(store)
      else this.#finish(store, written, at)
    })
    for (const { content, granule } of this.#fills) {
      this.#overlay(content, granule * store.granuleBytes)
      store.write(granule * store.granuleBytes, content, 0, content.length, pieces.next())
    }
    if (this.request.source === undefined) this.#writeZeros(store, pieces)
    else this.#writeRest(store, this.request.source, pieces)
    pieces.begun()
  }

  /** The new bytes over what a granule held. */
  #overlay(content: Buffer, granuleStart: number): void {
    const { byteLength, byteOffset, source, start } = this.request
    const from = Math.max(0, byteOffset - granuleStart)
    const to = Math.min(content.length, byteOffset + byteLength - granuleStart)
    const sourceFrom = start + granuleStart + from - byteOffset
    if (source === undefined) content.fill(0, from, to)
    else source.copy(content, from, sourceFrom, sourceFrom + to - from)
  }

  #isFilled(granule: number): boolean {
    return this.#fills.some((fill) => fill.granule === granule)
  }

  /** Straight from the caller's buffer: what is no part of a granule that was put together. */
  #writeRest(store: OverlayStore, source: Buffer, pieces: Pieces): void {
    const { byteLength, byteOffset, start } = this.request
    const from = this.#isFilled(this.first) ? (this.first + 1) * store.granuleBytes : byteOffset
    const isLastFilled = this.#isFilled(this.end - 1)
    const to = isLastFilled ? (this.end - 1) * store.granuleBytes : byteOffset + byteLength
    if (from < to) store.write(from, source, start + from - byteOffset, to - from, pieces.next())
  }

  /** Into granules that stay the store's own, because they are zeros only in part. */
  #writeZeros(store: OverlayStore, pieces: Pieces): void {
    for (const granule of this.#partial(store)) {
      if (store.map.at(granule) !== Granule.own) continue
      const [from, to] = this.#rangeIn(store, granule)
      store.write(from, zerosOf(to - from), 0, to - from, pieces.next())
    }
  }

  #rangeIn(store: OverlayStore, granule: number): readonly [from: number, to: number] {
    const { byteLength, byteOffset } = this.request
    const from = Math.max(byteOffset, granule * store.granuleBytes)
    return [from, Math.min(byteOffset + byteLength, (granule + 1) * store.granuleBytes)]
  }

  /** Granules that are covered in part only. */
  #partial(store: OverlayStore): ReadonlyArray<number> {
    return [...new Set([this.first, this.end - 1])].filter((granule) => {
      const [from, to] = this.#rangeIn(store, granule)
      const end = Math.min(this.#diskBytes, (granule + 1) * store.granuleBytes)
      return from > granule * store.granuleBytes || to < end
    })
  }

  #mark(store: OverlayStore): void {
    const pieces = new Pieces((status, at) => {
      if (status !== IoStatus.ok || !this.request.fua) return this.#finish(store, status, at)
      store.flush({ ioDone: (flushed, flushedAt) => this.#finish(store, flushed, flushedAt) })
    })
    if (this.request.source !== undefined) store.mark(this.first, this.end, Granule.own, pieces.next())
    else {
      const partial = this.#partial(store)
      const first = partial.includes(this.first) ? this.first + 1 : this.first
      const end = partial.includes(this.end - 1) ? this.end - 1 : this.end
      if (first < end) store.mark(first, end, Granule.zeros, pieces.next())
      // Those that were the store's own before are marked again: the file may lack that.
      const own = partial.filter((granule) => store.map.at(granule) === Granule.own || this.#isFilled(granule))
      for (const granule of own) store.mark(granule, granule + 1, Granule.own, pieces.next())
    }
    pieces.begun()
  }

  #finish(store: OverlayStore, status: IoStatus, byteOffset: number | undefined): void {
    if (status !== IoStatus.ok) store.abandon(this.first, this.end)
    this.#ended(this, status, byteOffset)
  }
}
