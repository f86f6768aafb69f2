/**
 * The changes of an overlay in a sparse file, laid out as `OverlayLayout` says. What has been answered outlives the
 * process, and after a flush the power, too. The file is used through a bdev of 512-byte blocks.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import { Granule, GranuleMap, granulesPerSegment } from "./GranuleMap.ts"
import { type MapIdentity, MapWriter } from "./MapWriter.ts"
import { OverlayLayout } from "./OverlayLayout.ts"
import type { OverlayStore } from "./OverlayStore.ts"
import { headPage, type OverlayHead, PageKind } from "./overlay-pages.ts"
import { Pieces } from "./Pieces.ts"

/** The file as a bdev; it tells when its descriptor is closed. */
export interface StoreDevice extends Bdev {
  whenClosed(then: () => void): void
}

/** What was found in a file, or has just been made. */
export interface StoreStart {
  readonly head: OverlayHead
  readonly headSequence: number
  readonly identity: MapIdentity
}

/** An open file. */
export class FileStore implements OverlayStore {
  readonly map = new GranuleMap()
  readonly maps: MapWriter
  readonly granuleBytes: number
  readonly memoryBytes = 0
  readonly writeCache = true
  readonly #device: StoreDevice
  readonly #layout: OverlayLayout
  readonly #identity: MapIdentity
  readonly #atDevice = new Map<BdevIo, Pieces>()
  #head: OverlayHead
  #headSequence: number
  #isClosed = false
  #onClosed: (() => void) | undefined
  #isGone = false

  constructor(device: StoreDevice, { head, headSequence, identity }: StoreStart) {
    this.granuleBytes = head.granuleBytes
    this.#device = device
    this.#layout = new OverlayLayout(head.granuleBytes)
    this.#head = head
    this.#headSequence = headSequence
    this.#identity = identity
    this.maps = new MapWriter(device, this.#layout, this.map, identity)
  }

  get isKept(): boolean {
    return this.maps.isKept
  }

  get syncFailures(): number {
    return this.#device.syncFailures ?? 0
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.#transfer(byteOffset, byteLength, io, (at, length, done, piece) =>
      this.#device.read(at, target, targetStart + done, length, piece)
    )
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, io: BdevIo): void {
    this.#transfer(byteOffset, byteLength, io, (at, length, done, piece) =>
      this.#device.write(at, source, sourceStart + done, length, false, piece)
    )
  }

  mark(first: number, end: number, state: Granule, io: BdevIo): void {
    const changed = new Set<number>()
    const freed: Array<number> = []
    for (let granule = first; granule < end; granule++) {
      if (this.map.at(granule) === Granule.own && state !== Granule.own) freed.push(granule)
      const segment = Math.floor(granule / granulesPerSegment)
      if (this.map.set(granule, state) || this.maps.lacks(segment)) changed.add(segment)
    }
    const pieces = new Pieces((status) => {
      // What a file cannot give back cheaply stays in it: the map says that nobody needs it.
      if (status !== IoStatus.ok || !this.#device.thin || freed.length === 0) return io.ioDone(status)
      this.#giveBack(freed, io)
    })
    for (const segment of changed) this.maps.changed(segment, pieces.next())
    pieces.begun()
  }

  abandon(): void {}

  recordSize(blockCount: number, io: BdevIo): void {
    const head = { ...this.#head, blockCount }
    const sequence = this.#headSequence + 1
    const label = { kind: PageKind.head, sequence, segment: 0, ...this.#identity }
    const page = headPage(label, head)
    // Content up to there has to be on the medium before the head says so.
    this.maps.flush({
      ioDone: (flushed) => {
        if (flushed !== IoStatus.ok) return io.ioDone(flushed)
        this.#device.write(this.#layout.headAt(sequence % 2), page, 0, page.length, true, {
          ioDone: (status) => {
            if (status === IoStatus.ok) {
              this.#head = head
              this.#headSequence = sequence
            }
            io.ioDone(status)
          }
        })
      }
    })
  }

  flush(io: BdevIo): void {
    if (this.#isClosed) io.ioDone(IoStatus.aborted)
    else this.maps.flush(io)
  }

  cancel(io: BdevIo): void {
    for (const piece of [...(this.#atDevice.get(io)?.out ?? [])]) this.#device.cancel?.(piece)
  }

  /** What was answered is on the medium when the file is closed. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.maps.flush({ ioDone: () => this.#closeDevice() })
  }

  discard(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#closeDevice()
  }

  whenClosed(then: () => void): void {
    if (this.#isGone) then()
    else this.#onClosed = then
  }

  #closeDevice(): void {
    this.#device.close()
    this.#device.whenClosed(() => {
      this.#isGone = true
      this.#onClosed?.()
    })
  }

  #giveBack(granules: ReadonlyArray<number>, io: BdevIo): void {
    // It is given back or not: what the map says is right in any case.
    const pieces = new Pieces(() => io.ioDone(IoStatus.ok))
    for (let index = 0; index < granules.length; ) {
      const [first = 0] = granules.slice(index, index + 1)
      let count = 1
      while (granules[index + count] === first + count) count++
      for (let done = 0; done < count * this.granuleBytes; ) {
        const range = this.#layout.contentAt(first * this.granuleBytes + done, count * this.granuleBytes - done)
        this.#device.unmap(range.at, range.byteLength, pieces.next())
        done += range.byteLength
      }
      index += count
    }
    pieces.begun()
  }

  #transfer(
    byteOffset: number,
    byteLength: number,
    io: BdevIo,
    submit: (at: number, byteLength: number, done: number, piece: BdevIo) => void
  ): void {
    if (this.#isClosed) return io.ioDone(IoStatus.aborted)
    const pieces = new Pieces((status, at) => {
      this.#atDevice.delete(io)
      io.ioDone(status, at === undefined ? undefined : this.#layout.diskOffsetOf(at))
    })
    this.#atDevice.set(io, pieces)
    for (let done = 0; done < byteLength; ) {
      const range = this.#layout.contentAt(byteOffset + done, byteLength - done)
      submit(range.at, range.byteLength, done, pieces.next())
      done += range.byteLength
    }
    pieces.begun()
  }
}
