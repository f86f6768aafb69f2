/**
 * Brings the map of an overlay into its file.
 *
 * A granule is marked after its content was written, and answered after the map of this boot was: both are then in the
 * system's cache, and outlive the process. With the power the cache goes, and may have reached the medium in any order:
 * so there is a second map, which is written only after a sync has brought the content onto the medium, and synced in
 * turn. After another boot only that one counts.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import type { GranuleMap } from "./GranuleMap.ts"
import type { OverlayLayout } from "./OverlayLayout.ts"
import { mapPage, noBoot, PageKind } from "./overlay-pages.ts"
import { Pieces } from "./Pieces.ts"

/** What pages are labelled with. */
export interface MapIdentity {
  readonly id: Buffer
  readonly boot: Buffer
}

/** The sequence numbers that were found in a file; 0 for a segment that has none. */
export interface MapSequences {
  readonly boot: number
  readonly medium: number
}

interface SegmentState {
  bootSequence: number
  mediumSequence: number
  isWriting: boolean
  /** For the page that is being written, and for the next. */
  written: Array<BdevIo>
  waiting: Array<BdevIo>
}

/** One per file. `device` is the file, in blocks of 512 bytes. */
export class MapWriter {
  readonly #device: Bdev
  readonly #layout: OverlayLayout
  readonly #map: GranuleMap
  readonly #identity: MapIdentity
  readonly #segments = new Map<number, SegmentState>()
  /** Segments whose map on the medium is behind. */
  #behind = new Set<number>()
  /** Segments whose map of this boot could not be written, or may be lost: a number that is another each time. */
  readonly #unkept = new Map<number, number>()
  #losses = 0
  #flushing: Array<BdevIo> | undefined
  #nextFlush: Array<BdevIo> = []

  constructor(device: Bdev, layout: OverlayLayout, map: GranuleMap, identity: MapIdentity) {
    this.#device = device
    this.#layout = layout
    this.#map = map
    this.#identity = identity
  }

  /** What a file has of a segment when it is opened. */
  found(segment: number, { boot, medium }: MapSequences, isBehind: boolean): void {
    const state = this.#stateOf(segment)
    state.bootSequence = boot
    state.mediumSequence = medium
    if (isBehind) this.#behind.add(segment)
  }

  /** What has been marked, and answered or not, is in the file. */
  get isKept(): boolean {
    return this.#unkept.size === 0
  }

  /** The file may lack states of this segment that are marked: they are to be written again. */
  lacks(segment: number): boolean {
    return this.#unkept.has(segment)
  }

  /** States of this segment have changed: `io` ends when the file has them. Those that come meanwhile share a page. */
  changed(segment: number, io: BdevIo): void {
    const state = this.#stateOf(segment)
    this.#behind.add(segment)
    state.waiting.push(io)
    if (!state.isWriting) this.#writeBoot(segment, state)
  }

  /** All content whose write has ended is on the medium when `io` ends, and that it is the overlay's own, too. */
  flush(io: BdevIo): void {
    this.#nextFlush.push(io)
    if (this.#flushing === undefined) this.#beginFlush()
  }

  #stateOf(segment: number): SegmentState {
    const known = this.#segments.get(segment)
    if (known !== undefined) return known
    const state = { bootSequence: 0, mediumSequence: 0, isWriting: false, written: [], waiting: [] }
    this.#segments.set(segment, state)
    return state
  }

  #writeBoot(segment: number, state: SegmentState): void {
    state.isWriting = true
    state.written = state.waiting
    state.waiting = []
    const loss = this.#unkept.get(segment)
    const sequence = state.bootSequence + 1
    const label = { kind: PageKind.bootMap, sequence, segment, ...this.#identity }
    this.#writePage(this.#layout.bootMapAt(segment, sequence % 2), mapPage(label, this.#statesOf(segment)), {
      ioDone: (status) => {
        // The place of a page that failed is written again: the other one has what was right before.
        if (status === IoStatus.ok) {
          state.bootSequence = sequence
          // One that was lost while this was written may be lost with it.
          if (this.#unkept.get(segment) === loss) this.#unkept.delete(segment)
        } else this.#unkept.set(segment, ++this.#losses)
        state.isWriting = false
        const answered = state.written
        state.written = []
        if (state.waiting.length > 0) this.#writeBoot(segment, state)
        for (const io of answered) io.ioDone(status)
      }
    })
  }

  #beginFlush(): void {
    this.#flushing = this.#nextFlush
    this.#nextFlush = []
    const segments = [...this.#behind]
    this.#behind = new Set()
    // As they are now: what is marked from here on may not be on the medium when the sync has ended.
    const pages = segments.map((segment) => this.#mediumPage(segment))
    const failed = (status: IoStatus): void => {
      // The system may have dropped the maps of this boot with what it could not sync.
      for (const segment of segments) {
        this.#behind.add(segment)
        this.#unkept.set(segment, ++this.#losses)
      }
      this.#flushed(status)
    }
    const syncMaps = (status: IoStatus): void => {
      if (status !== IoStatus.ok) return failed(status)
      this.#device.flush({
        ioDone: (synced) => {
          if (synced !== IoStatus.ok) return failed(synced)
          for (const segment of segments) this.#stateOf(segment).mediumSequence++
          this.#flushed(synced)
        }
      })
    }
    const writeMaps = (status: IoStatus): void => {
      if (status !== IoStatus.ok) return failed(status)
      if (pages.length === 0) return this.#flushed(status)
      const pieces = new Pieces(syncMaps)
      for (const { at, page } of pages) this.#writePage(at, page, pieces.next())
      pieces.begun()
    }
    this.#device.flush({ ioDone: writeMaps })
  }

  #flushed(status: IoStatus): void {
    const answered = this.#flushing ?? []
    this.#flushing = undefined
    if (this.#nextFlush.length > 0) this.#beginFlush()
    for (const io of answered) io.ioDone(status)
  }

  #mediumPage(segment: number): { readonly at: number; readonly page: Buffer } {
    const sequence = this.#stateOf(segment).mediumSequence + 1
    const label = { kind: PageKind.mediumMap, sequence, segment, id: this.#identity.id, boot: noBoot }
    const at = this.#layout.mediumMapAt(segment, sequence % 2)
    return { at, page: mapPage(label, this.#statesOf(segment)) }
  }

  #statesOf(segment: number): Uint8Array {
    return this.#map.segment(segment) ?? new Uint8Array(0)
  }

  #writePage(at: number, page: Buffer, io: BdevIo): void {
    this.#device.write(at, page, 0, page.length, false, io)
  }
}
