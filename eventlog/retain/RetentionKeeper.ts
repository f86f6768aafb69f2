/**
 * Drops the oldest segments of observations when they are too many or too old. Never on the path of an append: each
 * segment goes in a batch of its own between two batches of the writer.
 */

import { numberOfKey, observationKey } from "../key.ts"
import type { LogStore, StoreWrite } from "../LogStore.ts"
import type { LogWriter } from "../write/LogWriter.ts"
import { type Expired, expiredWrite, readExpired } from "./expired.ts"
import { type Segment, segmentsFrom } from "./observation-segments.ts"
import { type Retention, retentionDefault } from "./retention.ts"

/** Observations in one read. */
const windowEntries = 1024

/** One per open log. */
export class RetentionKeeper {
  readonly #writer: LogWriter
  /** Microseconds since the epoch. */
  readonly #now: () => number
  #retention = retentionDefault
  /** In order; the last one may have grown since. */
  #segments: Array<Segment> = []
  #expired: Expired | undefined

  constructor(writer: LogWriter, now: () => number, expired: Expired | undefined) {
    this.#writer = writer
    this.#now = now
    this.#expired = expired
  }

  /** What has been dropped, in all. */
  get expired(): Expired | undefined {
    return this.#expired
  }

  set retention(retention: Retention) {
    this.#retention = retention
  }

  /** Drops what is too much; rejects with a `StoreError` if the store fails, and goes on with the next call. */
  async run(): Promise<void> {
    const before = this.#expired
    await this.#refresh()
    const firstAt = this.#segments[0]?.first.at ?? 0
    for (let oldest = this.#tooMuch(); oldest !== undefined; oldest = this.#tooMuch()) {
      await this.#drop(oldest)
      this.#segments.shift()
    }
    const after = this.#expired
    if (after === undefined || after === before) return
    const { through, count, hash: segmentHash, lastAt } = after
    const payload = { through, count: count - (before?.count ?? 0), segmentHash, firstAt, lastAt }
    this.#writer.observe({ type: "ObservationsDropped", v: 1, cause: { source: "log", actor: "local" }, payload })
    await this.#writer.store.reclaim?.(observationKey(0), observationKey(through)).catch(() => undefined)
  }

  async #refresh(): Promise<void> {
    const known = this.#segments.pop()
    const from = known?.first.seq ?? (this.#expired?.through ?? 0) + 1
    this.#segments.push(...(await segmentsFrom(this.#writer.store, from)))
  }

  /** The oldest segment, if it is to go. The newest stays: what comes next continues it. */
  #tooMuch(): Segment | undefined {
    const [oldest] = this.#segments
    if (oldest === undefined || this.#segments.length < 2) return undefined
    const { observationsMax, observationsMaxAgeMillis } = this.#retention
    const left = this.#segments.reduce((sum, { count }) => sum + count, -oldest.count)
    const tooOld = oldest.last.at < this.#now() - observationsMaxAgeMillis * 1000
    return left >= observationsMax || tooOld ? oldest : undefined
  }

  async #drop({ count, first, last }: Segment): Promise<void> {
    const expired: Expired = {
      through: last.seq,
      count: (this.#expired?.count ?? 0) + count,
      hash: last.hash,
      firstAt: this.#expired?.firstAt ?? first.at,
      lastAt: last.at
    }
    const writes: Array<StoreWrite> = [expiredWrite(expired)]
    for (let from = first.seq; from <= last.seq; ) {
      const range = { gte: observationKey(from), lte: observationKey(last.seq), limit: windowEntries }
      const entries = await this.#writer.store.range(range)
      for (const [key] of entries) writes.push({ type: "del", key })
      const end = entries.length < windowEntries ? undefined : entries.at(-1)
      from = (end === undefined ? last.seq : (numberOfKey(end[0]) ?? last.seq)) + 1
    }
    const before = this.#expired
    // Readers learn of it first: one that finds the gap must find it explained.
    this.#expired = expired
    try {
      await this.#writer.exclusively((store: LogStore) => store.write(writes, false))
    } catch (error) {
      this.#segments = []
      this.#expired = await readExpired(this.#writer.store).catch(() => before)
      throw error
    }
  }
}
