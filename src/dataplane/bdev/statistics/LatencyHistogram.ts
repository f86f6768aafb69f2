/**
 * How often IOs took how long, in the layout of SPDK's histograms, so that its tools read them: ranges of 2^granularity
 * buckets each. Buckets of the ranges 0 and 1 are one nanosecond wide, those of every further range twice as wide as
 * those of the one before.
 */

/** Nanoseconds of one millisecond. */
export const nanosPerMilli = 1_000_000

const two32 = 2 ** 32
/** SPDK's values have 64 bits. */
const valueBitsMax = 64

/** What a histogram covers, in nanoseconds; what is outside is counted in its first or last bucket. */
export interface HistogramSettings {
  /** Each doubling of the latency is split into 2^granularity buckets. */
  readonly granularity: number
  readonly minNanos: number
  /** Exclusive. */
  readonly maxNanos: number
}

/** All values, at SPDK's usual granularity: about 1 %. */
export const wholeHistogram: HistogramSettings = { granularity: 7, minNanos: 0, maxNanos: 2 ** valueBitsMax }

/** Bits of an integer; beyond 2^53 rounded as the double is, and at most 64. */
const bitsOf = (value: number): number => {
  if (value < two32) return 32 - Math.clz32(value)
  const high = Math.floor(value / two32)
  return high < two32 ? 64 - Math.clz32(high) : valueBitsMax
}

const rangeOf = (nanos: number, granularity: number): number => Math.max(0, bitsOf(nanos) - granularity)

/** Where the bucket begins that has this place among those of its histogram; in nanoseconds. */
const bucketStart = (range: number, index: number, granularity: number): number =>
  range === 0 ? index : 2 ** (range + granularity - 1) + index * 2 ** (range - 1)

/** The ranges that a histogram has, both inclusive. */
export const histogramRanges = ({ granularity, maxNanos, minNanos }: HistogramSettings) => ({
  minRange: rangeOf(minNanos, granularity),
  maxRange: rangeOf(maxNanos - 1, granularity)
})

/** Counts of one disk or target. */
export class LatencyHistogram {
  readonly granularity: number
  readonly minRange: number
  readonly maxRange: number
  /** By range, then by place in it. */
  readonly buckets: Float64Array

  constructor(settings: HistogramSettings) {
    const { maxRange, minRange } = histogramRanges(settings)
    this.granularity = settings.granularity
    this.minRange = minRange
    this.maxRange = maxRange
    this.buckets = new Float64Array((maxRange - minRange + 1) * 2 ** settings.granularity)
  }

  /** Counts one latency, in milliseconds. */
  count(millis: number): void {
    const at = this.#bucketOf(Math.round(millis * nanosPerMilli))
    this.buckets[at] = (this.buckets[at] ?? 0) + 1
  }

  /**
   * Counts up to each border and above the last, in ascending nanoseconds. A bucket counts where it begins, so a border
   * is exact to the width of a bucket.
   */
  countsBetween(bordersNanos: ReadonlyArray<number>): ReadonlyArray<number> {
    const counts = new Array<number>(bordersNanos.length + 1).fill(0)
    const perRange = 2 ** this.granularity
    let interval = 0
    for (const [at, count] of this.buckets.entries()) {
      const start = bucketStart(this.minRange + Math.floor(at / perRange), at % perRange, this.granularity)
      while (start >= (bordersNanos[interval] ?? Number.POSITIVE_INFINITY)) interval++
      counts[interval] = (counts[interval] ?? 0) + count
    }
    return counts
  }

  #bucketOf(nanos: number): number {
    const { granularity, maxRange, minRange } = this
    const range = rangeOf(nanos, granularity)
    if (range < minRange) return 0
    if (range > maxRange) return this.buckets.length - 1
    const perRange = 2 ** granularity
    const index = range === 0 ? nanos : Math.floor(nanos / 2 ** (range - 1)) % perRange
    return (range - minRange) * perRange + index
  }
}
