/**
 * Latencies in buckets: 64 to each power of two, so that a percentile is off by less than 2%, at any length, in a fixed
 * amount of memory.
 */

/** Microseconds. */
export interface Latencies {
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

const bitsPerPower = 6
const perPower = 1 << bitsPerPower
/** Counted in tenths of microseconds; the longest that has a bucket is 214 s. */
const unitsPerMicro = 10
const unitsMax = 2 ** 31 - 1

const bucketOf = (units: number): number => {
  const shift = Math.max(0, 31 - Math.clz32(units) - bitsPerPower)
  return shift * perPower + (units >>> shift)
}

/** The middle of a bucket. */
const unitsOf = (bucket: number): number => {
  if (bucket < 2 * perPower) return bucket
  const shift = Math.floor(bucket / perPower) - 1
  return (bucket - shift * perPower + 0.5) * 2 ** shift
}

/** Counts of latencies. */
export class Histogram {
  readonly #counts = new Float64Array(32 * perPower)
  #count = 0
  #sumMillis = 0
  #maxMillis = 0

  get count(): number {
    return this.#count
  }

  add(millis: number): void {
    const bucket = bucketOf(Math.min(unitsMax, Math.max(0, Math.round(millis * 1000 * unitsPerMicro))))
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#count++
    this.#sumMillis += millis
    if (millis > this.#maxMillis) this.#maxMillis = millis
  }

  clear(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#sumMillis = 0
    this.#maxMillis = 0
  }

  /** What `share` of all (0 to 1) do not exceed, in microseconds; 0 when there are none. */
  percentile(share: number): number {
    let left = Math.ceil(share * this.#count)
    if (left === 0) return 0
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return Math.min(unitsOf(bucket) / unitsPerMicro, this.#maxMillis * 1000)
    }
    return this.#maxMillis * 1000
  }

  latencies(): Latencies {
    return {
      mean: this.#count === 0 ? 0 : (this.#sumMillis * 1000) / this.#count,
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.#maxMillis * 1000
    }
  }
}
