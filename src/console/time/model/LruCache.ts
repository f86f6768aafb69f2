/** Answers that were asked for lately: as many as were said, and the one that was wanted longest ago goes first. */

/** Bounded by number. */
export class LruCache<Value> {
  readonly #max: number
  readonly #values = new Map<string, Value>()

  constructor(max: number) {
    this.#max = max
  }

  /** How many there are. */
  get size(): number {
    return this.#values.size
  }

  /** Makes it the one that was wanted last. */
  get(key: string): Value | undefined {
    const value = this.#values.get(key)
    if (value !== undefined) {
      this.#values.delete(key)
      this.#values.set(key, value)
    }
    return value
  }

  /** Keeps a value, in place of the one of that key. */
  set(key: string, value: Value): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > this.#max && oldest !== undefined) this.#values.delete(oldest)
  }
}
