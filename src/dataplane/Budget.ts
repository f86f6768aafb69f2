/** How much may be told in how much time: a token bucket. */

/** Times are of the caller's clock, in milliseconds. */
export class Budget {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #at: number

  /** `burst` at once, `perSecond` in the long run. */
  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
    this.#at = now
  }

  /** Whether one more is allowed. */
  allows(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    return this.#left >= 1
  }

  /** Whether nothing is spent. */
  isFull(now: number): boolean {
    this.allows(now)
    return this.#left >= this.#burst
  }

  /** One is spent. */
  take(): void {
    this.#left--
  }
}
