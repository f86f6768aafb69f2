/**
 * Histories by key, of bounded number: those that had IO last are kept, and those that a page watches. So a page that
 * is left open for days has what it had after an hour.
 */
import { RateHistory } from "./RateHistory.ts"
import type { IoRates } from "./rates.ts"

/** Samples of each: six minutes of one a second. */
const samples = 360

/** By key of a LUN or a session. */
export class HistoryBook {
  readonly #histories = new Map<string, RateHistory>()
  readonly #watched = new Map<string, number>()
  readonly #most: number

  /** Keeps `most` histories beside those that are watched. */
  constructor(most: number) {
    this.#most = most
  }

  /** Histories that are kept. */
  get size(): number {
    return this.#histories.size
  }

  /** The history of a key, which may be empty. */
  historyOf(key: string): RateHistory {
    const known = this.#histories.get(key)
    if (known !== undefined) return known
    const made = new RateHistory(samples)
    this.#histories.set(key, made)
    return made
  }

  /** Keeps a key's history, with samples of idle seconds, until the answer is called. */
  watch(key: string): () => void {
    this.#watched.set(key, (this.#watched.get(key) ?? 0) + 1)
    return () => {
      const left = (this.#watched.get(key) ?? 1) - 1
      if (left > 0) this.#watched.set(key, left)
      else this.#watched.delete(key)
    }
  }

  /** Keys that pages watch. */
  watchedKeys(): Iterable<string> {
    return this.#watched.keys()
  }

  /** One sample of those with IO, and of those that are watched, which are idle if they are not among them. */
  add(seconds: number, active: ReadonlyMap<string, IoRates>, idle: IoRates): void {
    for (const [key, rates] of active) {
      const history = this.historyOf(key)
      history.add(seconds, rates)
      // A map keeps the order of insertion: what had IO last is at its end.
      this.#histories.delete(key)
      this.#histories.set(key, history)
    }
    for (const key of this.#watched.keys()) if (!active.has(key)) this.historyOf(key).add(seconds, idle)
    this.#forget()
  }

  #forget(): void {
    let surplus = this.#histories.size - this.#watched.size - this.#most
    for (const key of this.#histories.keys()) {
      if (surplus <= 0) return
      if (this.#watched.has(key)) continue
      this.#histories.delete(key)
      surplus -= 1
    }
  }
}
