/** A soak of half an hour, with one reactor and with several: what the server holds stays the same. */
import { assert, describe, it } from "vitest"
import { trendTable, whatGrew } from "../soak/Measure.ts"
import { soak } from "../soak/soak.ts"
import { runSeed } from "../support/initiator/random.ts"

const rounds = 30
const roundMillis = 30_000

describe("a server that everything is done to for long", () => {
  it.each([
    ["in the main thread", []],
    ["in two workers", ["--workers", "2"]]
  ] as const)("holds no more at the end than in the middle, %s", { timeout: 3600_000 }, async (_where, args) => {
    const { trends } = await soak({ seed: runSeed(1), rounds, roundMillis, args })
    assert.deepStrictEqual(whatGrew(trends), [], trendTable(trends))
  })
})
