/**
 * Rate limits of a bdev as token buckets. An IO passes when no bucket that counts it is empty, and is paid for in full:
 * one that is larger than what is left takes the bucket below zero, so that it passes too, and others pay by waiting.
 * Nothing here has a clock or a timer: `now` is in milliseconds and comes from the caller.
 */

/** What a bdev may do in a second; 0 is no limit. */
export interface RateLimits {
  /** Reads and writes together. */
  readonly readWriteIos: number
  readonly readWriteBytes: number
  readonly readBytes: number
  readonly writeBytes: number
}

/** What was not used within this time is lost, in milliseconds. Longer than a timer is ever late on a busy machine. */
const burstMillis = 20

class TokenBucket {
  #perMilli = 0
  #tokens = 0
  #filledAt = 0

  /** A bucket begins full; what is owed when the rate changes stays owed. */
  setRate(perSecond: number, now: number): void {
    const wasLimited = this.#perMilli > 0
    this.#fill(now)
    this.#perMilli = perSecond / 1000
    this.#filledAt = now
    this.#tokens = wasLimited ? Math.min(this.#tokens, this.#most) : this.#most
  }

  /** Milliseconds until something passes; 0 if it does now. */
  millisUntilOpen(now: number): number {
    if (this.#perMilli === 0) return 0
    this.#fill(now)
    return this.#tokens > 0 ? 0 : -this.#tokens / this.#perMilli + Number.EPSILON
  }

  take(tokens: number): void {
    if (this.#perMilli > 0) this.#tokens -= tokens
  }

  get #most(): number {
    return Math.max(1, this.#perMilli * burstMillis)
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#filledAt) * this.#perMilli)
    this.#filledAt = now
  }
}

/** The buckets of one bdev. */
export class RateLimiter {
  readonly #readWriteIos = new TokenBucket()
  readonly #readWriteBytes = new TokenBucket()
  readonly #readBytes = new TokenBucket()
  readonly #writeBytes = new TokenBucket()

  constructor(limits: RateLimits, now: number) {
    this.setLimits(limits, now)
  }

  /** From now on. */
  setLimits(limits: RateLimits, now: number): void {
    this.#readWriteIos.setRate(limits.readWriteIos, now)
    this.#readWriteBytes.setRate(limits.readWriteBytes, now)
    this.#readBytes.setRate(limits.readBytes, now)
    this.#writeBytes.setRate(limits.writeBytes, now)
  }

  /** Milliseconds until a read (or a write) passes; 0 if it does now. */
  millisUntilOpen(isWrite: boolean, now: number): number {
    return Math.max(
      this.#readWriteIos.millisUntilOpen(now),
      this.#readWriteBytes.millisUntilOpen(now),
      (isWrite ? this.#writeBytes : this.#readBytes).millisUntilOpen(now)
    )
  }

  /** An IO passes. */
  take(isWrite: boolean, byteLength: number): void {
    this.#readWriteIos.take(1)
    this.#readWriteBytes.take(byteLength)
    if (isWrite) this.#writeBytes.take(byteLength)
    else this.#readBytes.take(byteLength)
  }
}
