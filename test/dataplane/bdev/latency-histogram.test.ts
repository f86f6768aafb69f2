/** Buckets as SPDK has them, by an independent calculation over 64-bit integers. */
import { assert, describe, it } from "vitest"
import {
  type HistogramSettings,
  LatencyHistogram,
  wholeHistogram
} from "../../../src/dataplane/bdev/statistics/LatencyHistogram.ts"

const random = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** SPDK's histogram_data.h: range by the number of leading zeros, index by the bits below the first. */
const spdkBucket = (value: bigint, { granularity, maxNanos, minNanos }: HistogramSettings) => {
  const rangeOf = (datapoint: bigint): number => {
    const bits = datapoint === 0n ? 0 : datapoint.toString(2).length
    return bits >= granularity ? bits - granularity : 0
  }
  const minRange = rangeOf(BigInt(minNanos))
  const maxRange = rangeOf(BigInt(maxNanos) - 1n)
  const perRange = 1n << BigInt(granularity)
  const range = rangeOf(value)
  if (range < minRange) return 0
  if (range > maxRange) return (maxRange - minRange + 1) * Number(perRange) - 1
  const shift = range === 0 ? 0n : BigInt(range - 1)
  return (range - minRange) * Number(perRange) + Number((value >> shift) & (perRange - 1n))
}

const bucketOf = (millis: number, settings: HistogramSettings): number => {
  const histogram = new LatencyHistogram(settings)
  histogram.count(millis)
  return histogram.buckets.indexOf(1)
}

describe("a latency histogram", () => {
  it("counts every value in SPDK's bucket, at every granularity and between all limits", () => {
    const next = random(1)
    for (let round = 0; round < 2000; round++) {
      const granularity = Math.floor(next() * 9)
      const minNanos = Math.floor(next() * 2 ** Math.floor(next() * 20))
      const maxNanos = minNanos + 1 + Math.floor(next() * 2 ** Math.floor(next() * 40))
      const settings = round % 3 === 0 ? wholeHistogram : { granularity, minNanos, maxNanos }
      const millis = (next() * 2 ** Math.floor(next() * 50)) / 1e6
      const nanos = BigInt(Math.round(millis * 1e6))
      assert.strictEqual(
        bucketOf(millis, settings),
        spdkBucket(nanos, settings),
        `${nanos} ${JSON.stringify(settings)}`
      )
    }
  })

  it("has SPDK's default ranges", () => {
    const { buckets, maxRange, minRange } = new LatencyHistogram(wholeHistogram)
    assert.deepStrictEqual([minRange, maxRange, buckets.length], [0, 57, 58 * 128])
    const usual = new LatencyHistogram({ granularity: 7, minNanos: 1000, maxNanos: 120_000_000_000 })
    assert.deepStrictEqual([usual.minRange, usual.maxRange], [3, 30])
  })

  it("tells how many latencies lie between borders, to the width of a bucket", () => {
    const histogram = new LatencyHistogram(wholeHistogram)
    for (const micros of [1, 5, 9, 11, 50, 99, 150, 1000, 3000]) histogram.count(micros / 1000)
    assert.deepStrictEqual(histogram.countsBetween([10_000, 100_000, 2_000_000]), [3, 3, 2, 1])
    assert.deepStrictEqual(histogram.countsBetween([]), [9])
    assert.deepStrictEqual(histogram.countsBetween([2 ** 53]), [9, 0])
  })
})
