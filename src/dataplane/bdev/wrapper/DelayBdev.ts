/**
 * A bdev that answers late: the base does the IO at once, its answer is held back. One IO in a hundred waits for the
 * p99 latency, every other one for the average; flush and unmap wait as a write does. Timers have milliseconds, so that
 * latencies are rounded up to whole ones.
 *
 * What the base has aborted is answered at once. `close` ends what still waits as aborted: no timer outlives it.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import type { Latencies } from "../BdevSpec.ts"
import { WrapperBdev } from "./WrapperBdev.ts"

const p99Share = 0.01

/** One answer that is held back; pooled. */
class DelayedIo implements BdevIo {
  submitter: BdevIo | undefined
  status: IoStatus = IoStatus.ok
  /** Where it failed. */
  failedAt: number | undefined
  /** Microseconds. */
  latency = 0
  timer: NodeJS.Timeout | undefined
  /** Bound once per pooled object, so that starting a timer makes no closure. */
  readonly elapsed: () => void

  private readonly owner: DelayBdev

  constructor(owner: DelayBdev) {
    this.owner = owner
    this.elapsed = () => owner.release(this)
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    this.status = status
    this.failedAt = byteOffset
    this.owner.hold(this)
  }
}

/** A slow disk. */
export class DelayBdev extends WrapperBdev {
  /** May be changed at any time; what waits already is not affected. */
  latencies: Latencies
  private readonly random: () => number
  private readonly held = new Set<DelayedIo>()
  private readonly idle: Array<DelayedIo> = []
  private closed = false

  /** `random` gives numbers in [0, 1); it decides which IO is the one in a hundred. */
  constructor(latencies: Latencies, base: Bdev, random: () => number) {
    super("delay", base)
    this.latencies = latencies
    this.random = random
  }

  /** Answers that wait for their timer. */
  get heldCount(): number {
    return this.held.size
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    const delayed = this.begin(io, this.latencies.averageReadMicros, this.latencies.p99ReadMicros)
    this.base.read(byteOffset, target, targetStart, byteLength, delayed)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.base.write(byteOffset, source, sourceStart, byteLength, fua, this.beginWrite(io))
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.base.unmap(byteOffset, byteLength, this.beginWrite(io))
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.base.writeZeroes(byteOffset, byteLength, fua, this.beginWrite(io))
  }

  flush(io: BdevIo): void {
    this.base.flush(this.beginWrite(io))
  }

  close(): void {
    this.closed = true
    for (const delayed of this.held) {
      delayed.status = IoStatus.aborted
      this.release(delayed)
    }
  }

  /** The base has answered: the clock starts. */
  hold(delayed: DelayedIo): void {
    if (delayed.submitter !== undefined) this.atBase.delete(delayed.submitter)
    if (this.closed) delayed.status = IoStatus.aborted
    if (delayed.status === IoStatus.aborted || delayed.latency === 0) {
      this.release(delayed)
      return
    }
    this.held.add(delayed)
    delayed.timer = setTimeout(delayed.elapsed, Math.ceil(delayed.latency / 1000))
  }

  /** Answers the submitter, and keeps the object for the next IO. */
  release(delayed: DelayedIo): void {
    clearTimeout(delayed.timer)
    this.held.delete(delayed)
    const { failedAt, submitter, status } = delayed
    delayed.submitter = undefined
    delayed.timer = undefined
    this.idle.push(delayed)
    submitter?.ioDone(status, failedAt)
  }

  private beginWrite(io: BdevIo): DelayedIo {
    return this.begin(io, this.latencies.averageWriteMicros, this.latencies.p99WriteMicros)
  }

  private begin(io: BdevIo, average: number, p99: number): DelayedIo {
    const delayed = this.idle.pop() ?? new DelayedIo(this)
    delayed.submitter = io
    this.atBase.set(io, delayed)
    delayed.latency = this.random() < p99Share ? p99 : average
    return delayed
  }
}
