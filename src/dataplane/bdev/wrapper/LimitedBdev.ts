/**
 * A bdev whose reads and writes are limited in number and bytes per second. What is beyond a limit waits, in the order
 * in which it came (reads and writes apart, as one kind may be limited and the other not); a timer runs only while
 * something waits. What transfers no data is not limited: flushes, unmaps, zeros. It shows no `memory`: copies around
 * it would know no limit.
 *
 * It stands in for its base only while there is a limit, so a bdev without one costs nothing.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import { RateLimiter, type RateLimits } from "./RateLimiter.ts"
import { WrapperBdev } from "./WrapperBdev.ts"

/** One IO that waits for its turn. */
interface WaitingIo {
  /** Its place among all that wait. */
  readonly order: number
  readonly isWrite: boolean
  readonly byteOffset: number
  readonly buffer: Buffer
  readonly start: number
  readonly byteLength: number
  readonly fua: boolean
  readonly submitter: BdevIo
  readonly since: number
}

const firstOf = (waiting: ReadonlyMap<BdevIo, WaitingIo>): WaitingIo | undefined => waiting.values().next().value

const older = (a: WaitingIo | undefined, b: WaitingIo | undefined): WaitingIo | undefined =>
  a === undefined || (b !== undefined && b.order < a.order) ? b : a

/** What a timer holds; it is set again then. */
const timerMillisMax = 2 ** 31 - 1

/** A disk that is held back. */
export class LimitedBdev extends WrapperBdev {
  /** IOs that have had to wait since there are limits. */
  delayedCount = 0
  /** The longest that one of them has waited since somebody has set this to 0, in milliseconds. */
  longestWaitMillis = 0

  readonly #limiter: RateLimiter
  readonly #reads = new Map<BdevIo, WaitingIo>()
  readonly #writes = new Map<BdevIo, WaitingIo>()
  #nextOrder = 0
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0

  constructor(base: Bdev, limits: RateLimits) {
    super(base.productName, base)
    this.#limiter = new RateLimiter(limits, performance.now())
  }

  /** IOs that wait now. */
  get waitingCount(): number {
    return this.#reads.size + this.#writes.size
  }

  /** Other limits, from now on, also for what waits. */
  setLimits(limits: RateLimits): void {
    this.#limiter.setLimits(limits, performance.now())
    this.#stopTimer()
    this.#run()
  }

  /** Lets everything go that waits, at once: its LUN is removed, or the limits are. */
  releaseAll(): void {
    this.#stopTimer()
    while (this.waitingCount > 0) {
      const next = older(firstOf(this.#reads), firstOf(this.#writes))
      if (next !== undefined) this.#submit(next)
    }
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    if (this.#passes(false, byteLength)) this.base.read(byteOffset, target, targetStart, byteLength, io)
    else this.#wait(false, byteOffset, target, targetStart, byteLength, false, io)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    if (this.#passes(true, byteLength)) this.base.write(byteOffset, source, sourceStart, byteLength, fua, io)
    else this.#wait(true, byteOffset, source, sourceStart, byteLength, fua, io)
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.base.unmap(byteOffset, byteLength, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.base.writeZeroes(byteOffset, byteLength, fua, io)
  }

  flush(io: BdevIo): void {
    this.base.flush(io)
  }

  override cancel(io: BdevIo): void {
    if (!this.#reads.delete(io) && !this.#writes.delete(io)) return this.base.cancel?.(io)
    if (this.waitingCount === 0) this.#stopTimer()
    io.ioDone(IoStatus.aborted)
  }

  close(): void {
    this.#stopTimer()
    const waiting = [...this.#reads.keys(), ...this.#writes.keys()]
    this.#reads.clear()
    this.#writes.clear()
    for (const io of waiting) io.ioDone(IoStatus.aborted)
  }

  /** Not while others wait: what comes must not take their turn. */
  #passes(isWrite: boolean, byteLength: number): boolean {
    if (this.waitingCount > 0 || this.#limiter.millisUntilOpen(isWrite, performance.now()) > 0) return false
    this.#limiter.take(isWrite, byteLength)
    return true
  }

  #wait(
    isWrite: boolean,
    byteOffset: number,
    buffer: Buffer,
    start: number,
    byteLength: number,
    fua: boolean,
    submitter: BdevIo
  ): void {
    const order = this.#nextOrder++
    const waiting = isWrite ? this.#writes : this.#reads
    waiting.set(submitter, {
      order,
      isWrite,
      byteOffset,
      buffer,
      start,
      byteLength,
      fua,
      submitter,
      since: performance.now()
    })
    this.#run()
    if (waiting.has(submitter)) this.delayedCount++
  }

  /** Lets go what may, oldest first. */
  readonly #run = (): void => {
    const now = performance.now()
    for (let next = this.#admissible(now); next !== undefined; next = this.#admissible(now)) {
      this.#limiter.take(next.isWrite, next.byteLength)
      this.#submit(next)
    }
    this.#setTimer(now)
  }

  /** The oldest that need not wait any longer. */
  #admissible(now: number): WaitingIo | undefined {
    const mayRead = this.#reads.size > 0 && this.#limiter.millisUntilOpen(false, now) === 0
    const mayWrite = this.#writes.size > 0 && this.#limiter.millisUntilOpen(true, now) === 0
    return older(mayRead ? firstOf(this.#reads) : undefined, mayWrite ? firstOf(this.#writes) : undefined)
  }

  #submit(io: WaitingIo): void {
    const { buffer, byteLength, byteOffset, start, submitter } = io
    this.longestWaitMillis = Math.max(this.longestWaitMillis, performance.now() - io.since)
    if (io.isWrite) {
      this.#writes.delete(submitter)
      this.base.write(byteOffset, buffer, start, byteLength, io.fua, submitter)
    } else {
      this.#reads.delete(submitter)
      this.base.read(byteOffset, buffer, start, byteLength, submitter)
    }
  }

  /** For the moment at which the next may go; one that is set for earlier stays. */
  #setTimer(now: number): void {
    if (this.waitingCount === 0) return this.#stopTimer()
    const readAt = this.#reads.size > 0 ? this.#limiter.millisUntilOpen(false, now) : Number.POSITIVE_INFINITY
    const writeAt = this.#writes.size > 0 ? this.#limiter.millisUntilOpen(true, now) : Number.POSITIVE_INFINITY
    const millis = Math.ceil(Math.min(readAt, writeAt))
    if (this.#timer !== undefined && this.#timerAt <= now + millis) return
    this.#stopTimer()
    this.#timerAt = now + millis
    this.#timer = setTimeout(this.#elapsed, Math.min(millis, timerMillisMax))
  }

  readonly #elapsed = (): void => {
    this.#timer = undefined
    this.#run()
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
