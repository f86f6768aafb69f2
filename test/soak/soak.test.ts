/** A short soak, and how its measures are judged; `npm run soak -- --minutes 60` is the long one. */
import { assert, describe, it } from "vitest"
import { runSeed } from "../support/initiator/random.ts"
import { type MeasureName, measures, rise, type Sample, trendsOf, trendTable, whatGrew } from "./Measure.ts"
import { soak } from "./soak.ts"

const sampleOf = (rounds: number, changes: Partial<Record<MeasureName, number>>): Sample => ({
  atSeconds: rounds,
  rounds,
  operations: rounds,
  values: {
    resident: 0,
    anonymous: 0,
    heap: 0,
    external: 0,
    counted: 0,
    descriptors: 0,
    timers: 0,
    sessions: 0,
    ...changes
  }
})

describe("a measure", () => {
  it("rises by as much as the line through it", () => {
    assert.strictEqual(rise([5]), 0)
    assert.strictEqual(rise([5, 5, 5]), 0)
    assert.strictEqual(rise([0, 1, 2, 3]), 3)
    assert.approximately(rise([0, 10, 0, 10, 0, 10, 0]), 0, 0.1)
  })

  it("is flat when it only grows at first, and not when it grows to the end", () => {
    const slack = measures.descriptors.slack
    const early = [0, 100, 200, 200, 200, 200].map((descriptors, round) => sampleOf(round, { descriptors }))
    assert.deepStrictEqual(whatGrew(trendsOf(early)), [])
    const late = [0, 0, 0, 0, slack, 2 * slack].map((descriptors, round) => sampleOf(round, { descriptors }))
    assert.deepStrictEqual(whatGrew(trendsOf(late)), [`open descriptors grew by ${2 * slack} in the second half`])
    const saw = [9, 5, 1, 5, 9, 1, 5, 9, 9].map((sessions, round) => sampleOf(round, { sessions }))
    assert.deepStrictEqual(whatGrew(trendsOf(saw)), [])
    assert.match(trendTable(trendsOf(late)), /^descriptors .* GREW by more than 4$/m)
  })
})

describe("a server that everything is done to", () => {
  it("holds no more at the end than in the middle", async () => {
    const { done, samples, trends } = await soak({ seed: runSeed(11), rounds: 5, roundMillis: 1000 })
    assert.deepStrictEqual(whatGrew(trends), [], trendTable(trends))
    assert.strictEqual(samples.length, 5)
    for (const what of ["IO", "logout", "cut", "attack", "disk and target"]) {
      assert.isAbove(done[what] ?? 0, 0, what)
    }
  })
})
