/**
 * Counts the IO that comes to a bdev from another that is stacked on it. What comes from initiators is counted where
 * commands are carried out, so that a bdev with nothing on it costs nothing.
 */
import type { Bdev, BdevIo, IoStatus } from "../Bdev.ts"
import { IoKind } from "../statistics/IoCounts.ts"
import type { IoStatistics } from "../statistics/IoStatistics.ts"
import { WrapperBdev } from "./WrapperBdev.ts"

/** One IO on its way; pooled. */
class CountedIo implements BdevIo {
  submitter: BdevIo | undefined
  kind: IoKind = IoKind.read
  byteLength = 0
  startedAt = 0

  private readonly owner: CountingBdev

  constructor(owner: CountingBdev) {
    this.owner = owner
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    this.owner.end(this, status, byteOffset)
  }
}

/** Stands between a bdev and its base, and does nothing else. */
export class CountingBdev extends WrapperBdev {
  readonly #statistics: IoStatistics
  readonly #now: () => number
  readonly #idle: Array<CountedIo> = []

  /** `statistics` are the base's; `now` gives milliseconds of a clock that only goes forward. */
  constructor(base: Bdev, statistics: IoStatistics, now: () => number) {
    super(base.productName, base)
    this.#statistics = statistics
    this.#now = now
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.base.read(byteOffset, target, targetStart, byteLength, this.#begin(IoKind.read, byteLength, io))
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.base.write(byteOffset, source, sourceStart, byteLength, fua, this.#begin(IoKind.write, byteLength, io))
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.base.unmap(byteOffset, byteLength, this.#begin(IoKind.unmap, byteLength, io))
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.base.writeZeroes(byteOffset, byteLength, fua, this.#begin(IoKind.write, byteLength, io))
  }

  flush(io: BdevIo): void {
    this.base.flush(this.#begin(IoKind.flush, 0, io))
  }

  close(): void {}

  /** The base has answered. */
  end(counted: CountedIo, status: IoStatus, byteOffset: number | undefined): void {
    const { byteLength, kind, startedAt, submitter } = counted
    counted.submitter = undefined
    if (submitter !== undefined) this.atBase.delete(submitter)
    this.#idle.push(counted)
    this.#statistics.inFlight--
    this.#statistics.ended(kind, byteLength, this.#now() - startedAt, status)
    submitter?.ioDone(status, byteOffset)
  }

  #begin(kind: IoKind, byteLength: number, submitter: BdevIo): CountedIo {
    const counted = this.#idle.pop() ?? new CountedIo(this)
    counted.submitter = submitter
    counted.kind = kind
    counted.byteLength = byteLength
    counted.startedAt = this.#now()
    this.atBase.set(submitter, counted)
    this.#statistics.inFlight++
    return counted
  }
}
